import type { DeviceSample, LocalUs } from '@tutti/sync';
import { Random } from './random.ts';
import { VirtualClock } from './virtual-clock.ts';

export interface VirtualDacOptions {
  readonly seed: number;
  /** The clock of the machine that polls it. */
  readonly clock: VirtualClock;
  readonly sampleRate?: number;
  /** How much too fast its crystal runs, and how that wanders. */
  readonly ppm?: number;
  readonly wanderPpm?: number;
  /** Frames per callback. */
  readonly quantumFrames?: number;
  /** From the callback to the ear, in microseconds, as the device reports it. */
  readonly latencyUs?: number;
  /** Mean of how late a poll sees a callback. */
  readonly latenessUs?: number;
  /** Standard deviation of what else is wrong with a time stamp, either way. */
  readonly noiseUs?: number;
}

/** A sound card: frames at its own pace, handed out a quantum at a time, and time stamps that are not quite right. */
export class VirtualDac {
  readonly sampleRate: number;
  readonly quantumFrames: number;
  readonly #options: VirtualDacOptions;
  readonly #crystal: VirtualClock;
  readonly #random: Random;

  constructor(options: VirtualDacOptions) {
    this.#options = options;
    this.sampleRate = options.sampleRate ?? 48_000;
    this.quantumFrames = options.quantumFrames ?? 1024;
    this.#crystal = new VirtualClock({ seed: options.seed, ppm: options.ppm ?? 0, wanderPpm: options.wanderPpm ?? 0 });
    this.#random = new Random(options.seed + 1);
  }

  /** The frame that its clock has reached at a true time. */
  frameAt(trueUs: number): number {
    return (this.#crystal.exactAt(trueUs) / 1e6) * this.sampleRate;
  }

  /** The true time at which a frame is heard. */
  heardAt(frame: number): number {
    return this.#crystal.trueAt((frame / this.sampleRate) * 1e6) + (this.#options.latencyUs ?? 0);
  }

  /** Starves for so long from a true time on: what was to be heard then comes later. */
  underrun(trueUs: number, durationUs: number): void {
    this.#crystal.suspend(trueUs, durationUs);
  }

  /** What a poll around a true time finds out: the last callback, and when it seems to be heard. */
  poll(trueUs: number): DeviceSample {
    const { clock, latencyUs = 0, latenessUs = 0, noiseUs = 0 } = this.#options;
    const deviceFrame = Math.floor(this.frameAt(trueUs) / this.quantumFrames) * this.quantumFrames;
    const seenUs = this.#crystal.trueAt((deviceFrame / this.sampleRate) * 1e6) + this.#random.exponential(latenessUs);
    return { deviceFrame, localUs: Math.round(clock.exactAt(seenUs) + latencyUs + this.#random.normal(noiseUs)) as LocalUs };
  }
}
