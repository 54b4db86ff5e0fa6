import type { DeviceSample } from '@tutti/sync';
import type { Output, PcmFormat } from './output.ts';

/**
 * An output whose clock can be watched and whose sound can be put at chosen frames: what playing in step needs. Device frames are whole
 * and count from when the device was opened, at the format's rate. Every method is called from one thread.
 */
export interface TimedOutput extends Pick<Output, 'kind' | 'description' | 'open' | 'close'>, AsyncDisposable {
  /** Whether the clock's samples hold the device's own latency, or there is no device to be late. */
  readonly latencySource: 'reported' | 'none';
  /** Frames that the device takes at a time, as far as is known. */
  readonly quantumFrames: number;
  /** The first frame that the device has not taken yet: it moves by a quantum at a time, and stands still in a stall. */
  readonly deviceFrame: number;
  /** The first frame at which sound can still be put. */
  readonly earliestFrame: number;
  /**
   * Puts interleaved samples at a whole device frame, not before `earliestFrame` and not over what is there. Between what was put there
   * is silence. The samples are copied.
   */
  place(startFrame: number, samples: Float32Array): void;
  /** Takes back what was put at `fromFrame` and later, or at the earliest frame that still can be, and says which one that was. */
  retract(fromFrame: number): number;
  /** Tells when frames are heard, from the device's next callbacks on and until disposed. */
  watchClock(listener: (sample: DeviceSample) => void): Disposable;
}

/** The format in which nodes play in step. */
export const timedFormat: PcmFormat = { sampleRate: 48_000, channelCount: 2 };
