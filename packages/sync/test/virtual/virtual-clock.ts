import { Random } from './random.ts';

export interface VirtualClockOptions {
  readonly seed: number;
  /** What it shows at true time 0, in microseconds. */
  readonly offsetUs?: number;
  /** How much too fast it runs, in parts per million. */
  readonly ppm?: number;
  /** Random walk of its rate, in ppm per square root of a second. */
  readonly wanderPpm?: number;
}

const segmentUs = 1_000_000;

/** A crystal: offset, rate, wander, and sleep, during which it stands still. Readable at any true time, in any order. */
export class VirtualClock {
  readonly #random: Random;
  readonly #wanderPpm: number;
  readonly #initialPpm: number;
  /** What it shows at every whole second of waking time, and its rate from there. */
  readonly #shown: number[];
  readonly #ppms: number[];
  readonly #sleeps: { readonly startUs: number; readonly endUs: number }[] = [];

  constructor({ seed, offsetUs = 0, ppm = 0, wanderPpm = 0 }: VirtualClockOptions) {
    this.#random = new Random(seed);
    this.#wanderPpm = wanderPpm;
    this.#initialPpm = ppm;
    this.#shown = [offsetUs];
    this.#ppms = [ppm];
  }

  /** What it shows at true time `trueUs` ≥ 0, fractions included. */
  exactAt(trueUs: number): number {
    return this.#shownAwake(this.#sleeps.length === 0 ? trueUs : this.#awakeUs(trueUs));
  }

  /** What a program reads at true time `trueUs`: whole microseconds. */
  at(trueUs: number): number {
    return Math.floor(this.exactAt(trueUs));
  }

  /** The true time at which it shows `shown` for the first time. */
  trueAt(shown: number): number {
    let awakeUs = Math.max(0, shown - this.#shown[0]!);
    for (let round = 0; round < 4; round += 1) awakeUs = Math.max(0, awakeUs + shown - this.#shownAwake(awakeUs));
    return this.#sleeps.reduce((trueUs, { startUs, endUs }) => (trueUs > startUs ? trueUs + endUs - startUs : trueUs), awakeUs);
  }

  /** The machine sleeps: the clock stands still from `startUs` for `durationUs` of true time. Sleeps come in order. */
  suspend(startUs: number, durationUs: number): void {
    this.#sleeps.push({ startUs, endUs: startUs + durationUs });
  }

  /** When a sleep at `trueUs` ends; `trueUs` itself while awake. */
  awakeFrom(trueUs: number): number {
    return this.#sleeps.find((sleep) => trueUs >= sleep.startUs && trueUs < sleep.endUs)?.endUs ?? trueUs;
  }

  /** The true duration of `us` on this clock, by its nominal rate. */
  trueDuration(us: number): number {
    return us / (1 + this.#initialPpm * 1e-6);
  }

  #shownAwake(awakeUs: number): number {
    const segment = Math.floor(awakeUs / segmentUs);
    while (this.#shown.length <= segment) this.#grow();
    return this.#shown[segment]! + (awakeUs - segment * segmentUs) * (1 + this.#ppms[segment]! * 1e-6);
  }

  #awakeUs(trueUs: number): number {
    let asleepUs = 0;
    for (const { startUs, endUs } of this.#sleeps) {
      if (trueUs > startUs) asleepUs += Math.min(trueUs, endUs) - startUs;
    }
    return trueUs - asleepUs;
  }

  #grow(): void {
    const ppm = this.#ppms.at(-1)!;
    this.#shown.push(this.#shown.at(-1)! + segmentUs * (1 + ppm * 1e-6));
    this.#ppms.push(ppm + this.#random.normal(this.#wanderPpm));
  }
}
