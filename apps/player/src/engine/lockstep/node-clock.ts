import { DeviceMap, localUs, toLocal, toSession } from '@tutti/sync';
import type { ClockMap, DeviceSample, DeviceStep, LocalUs, SessionUs } from '@tutti/sync';
import type { TimedOutput } from '../../output/timed-output.ts';

/** Two crystals of the worst kind differ by less; more is a device that stumbles, and no rate to follow. */
const crystalsPpm = 500;

const freshUs = 2_000_000;

export interface NodeClockOptions {
  readonly output: Pick<TimedOutput, 'quantumFrames'>;
  /** The device's frames per second. */
  readonly sampleRate: number;
  /** How much later than the device says its sound reaches the ear, in microseconds; negative is earlier. */
  readonly outputDelayUs: number;
  readonly onStep: (step: DeviceStep) => void;
}

/** Session time ⇄ device frames of one node: its map of the session clock and its map of the device, composed at the last moment. */
export class NodeClock {
  readonly #options: NodeClockOptions;
  #deviceMap: DeviceMap | undefined;
  #clockMap: ClockMap | undefined;
  #observedUs: LocalUs | undefined;

  constructor(options: NodeClockOptions) {
    this.#options = options;
  }

  /** Whether both maps are there. */
  get isReady(): boolean {
    return this.#clockMap !== undefined && this.#deviceMap?.isReady === true;
  }

  /** The correction in ppm that the two rates ask for: how much faster the session runs than the device, as far as crystals may differ. */
  get knownPpm(): number {
    const ppm = (this.#clockMap?.skewPpm ?? 0) - (this.#deviceMap?.ratePpm ?? 0);
    return Math.max(-crystalsPpm, Math.min(crystalsPpm, ppm));
  }

  setClock(map: ClockMap): void {
    this.#clockMap = map;
  }

  /** Whether the device was observed within the last two seconds: what its map says of now is measured, not remembered. */
  isObserved(nowUs: LocalUs): boolean {
    return this.#observedUs !== undefined && nowUs - this.#observedUs < freshUs;
  }

  observe(sample: DeviceSample): void {
    this.#observedUs = sample.localUs;
    // The first sample comes when the device's quantum is known.
    this.#deviceMap ??= new DeviceMap({
      sampleRate: this.#options.sampleRate,
      // A device that loses its place loses callbacks, or the sound server's parts of them.
      stepFrames: this.#options.output.quantumFrames / 4,
      onStep: this.#options.onStep,
    });
    this.#deviceMap.add(sample);
  }

  /** The local time at which a device frame is heard. */
  heardUs(deviceFrame: number): LocalUs | undefined {
    const atUs = this.#deviceMap?.localUsAt(deviceFrame);
    return atUs === undefined ? undefined : localUs(atUs + this.#options.outputDelayUs);
  }

  /** The session time at which a device frame is heard; `undefined` until ready. */
  sessionUsAt(deviceFrame: number): SessionUs | undefined {
    const atUs = this.heardUs(deviceFrame);
    return atUs === undefined || this.#clockMap === undefined ? undefined : toSession(this.#clockMap, atUs);
  }

  /** The device frame heard at a local time, fractions included; `undefined` until ready. */
  frameHeardAt(atUs: LocalUs): number | undefined {
    return this.#deviceMap?.frameAt(localUs(atUs - this.#options.outputDelayUs));
  }

  /** The device frame heard at a session time, fractions included; `undefined` until ready. */
  frameAt(sessionUs: SessionUs): number | undefined {
    return this.#clockMap === undefined ? undefined : this.frameHeardAt(toLocal(this.#clockMap, sessionUs));
  }
}
