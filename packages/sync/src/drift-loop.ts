import type { LocalUs } from './units.ts';

export interface DriftLoopOptions {
  /** Proportional gain in 1/s. Default 1/6. */
  readonly kpPerSecond?: number;
  /** Integral gain in 1/s². Default 1/(6·24): damping near 1. */
  readonly kiPerSecond2?: number;
  /** Time constant of the low-pass on the error. Default 1 s. */
  readonly lowPassUs?: number;
  /** How fast the correction may change. Default 100 ppm/s. */
  readonly slewPpmPerSecond?: number;
  /** The largest correction either way. Default 1000 ppm. */
  readonly capPpm?: number;
  /** An error beyond this is jumped over instead of steered out. Default 5 ms. */
  readonly snapUs?: number;
  /** The same for two seconds after a start, a seek or an underrun, when a jump is hardly heard as one. Default 0.5 ms. */
  readonly startSnapUs?: number;
  /** At most one jump in this time, those two seconds aside. Default 30 s. */
  readonly snapIntervalUs?: number;
}

/** What was measured. */
export interface DriftMeasurement {
  /** Where the sound is minus where it should be, in microseconds: positive is late. */
  readonly errorUs: number;
  /** When, on the local clock. */
  readonly atUs: LocalUs;
  /**
   * The correction that the maps ask for even without an error, in ppm: `clockMap.skewPpm − deviceMap.ratePpm`. The loop then steers out
   * only what they miss, and need not wait for an error to learn the device's rate. Default 0.
   */
  readonly knownPpm?: number;
}

/** What to do about the measured error. */
export interface DriftCorrection {
  /** Play this much faster than the nominal ratio, in parts per million; negative is slower. */
  readonly correctionPpm: number;
  /** Skip forward by this many microseconds of media (negative: back), crossfaded, and count it as a quality event. */
  readonly snap?: { readonly byUs: number };
}

const settleUs = 300_000;
/** For so long after that the device's map may still be finding its place: what it errs by is jumped over as at the start. */
const earlyUs = 2_000_000;
/** For so long after a start the maps are young, and what errs is them rather than the rate. */
const youngUs = 15_000_000;
const youngGain = 2;
/** A pause in the updates longer than this is no time in which the error was known. */
const longestStepUs = 1_000_000;

/**
 * Steers playback onto the timeline by resampling: a PI loop around what is known of the rates, with a low-pass, a slew limit and a cap. For a moment after
 * {@link restart} it only listens; then it jumps once if that is needed, and closes.
 */
export class DriftLoop {
  readonly #options: Required<DriftLoopOptions>;
  #smoothUs: number | undefined;
  #integralPpm = 0;
  #correctionPpm = 0;
  #lastUs: LocalUs | undefined;
  #lastSnapUs = Number.NEGATIVE_INFINITY;
  #knownPpm: number | undefined;
  #settling: { sinceUs: LocalUs; sumUs: number; count: number } | undefined;
  #isStarting = true;
  /** How long the loop has been closed. */
  #closedUs = 0;

  constructor(options: DriftLoopOptions = {}) {
    this.#options = {
      kpPerSecond: 1 / 6,
      kiPerSecond2: 1 / (6 * 24),
      lowPassUs: 1_000_000,
      slewPpmPerSecond: 100,
      capPpm: 1000,
      snapUs: 5000,
      startSnapUs: 500,
      snapIntervalUs: 30_000_000,
      ...options,
    };
  }

  /** The smoothed error, in microseconds; `undefined` before the first update. */
  get errorUs(): number | undefined {
    return this.#smoothUs;
  }

  /** Sound began anew (start, seek, resume, underrun): what was learned about the rate stays, the error is measured again. */
  restart(): void {
    this.#isStarting = true;
    this.#closedUs = 0;
    this.#settling = undefined;
    this.#smoothUs = undefined;
    this.#lastUs = undefined;
  }

  /**
   * Takes the error measured at a local time: where this node's sound is minus where the timeline wants it, so positive is late.
   * Call it at any pace, in order.
   */
  update({ errorUs, atUs, knownPpm }: DriftMeasurement): DriftCorrection {
    const stepUs = this.#lastUs === undefined ? 0 : Math.min(longestStepUs, Math.max(0, atUs - this.#lastUs));
    this.#lastUs = atUs;
    this.#knownPpm = knownPpm;
    if (this.#isStarting) return this.#settle(errorUs, atUs);
    this.#smoothUs ??= errorUs;
    this.#smoothUs += (errorUs - this.#smoothUs) * -Math.expm1(-stepUs / this.#options.lowPassUs);
    const { snapUs, startSnapUs, snapIntervalUs } = this.#options;
    const isEarly = this.#closedUs < earlyUs;
    const mayJump = isEarly || atUs - this.#lastSnapUs >= snapIntervalUs;
    if (mayJump && Math.abs(this.#smoothUs) > (isEarly ? startSnapUs : snapUs)) return this.#snap(this.#smoothUs, atUs);
    this.#steer(this.#smoothUs, stepUs);
    return { correctionPpm: this.#correctionPpm };
  }

  #settle(errorUs: number, atUs: LocalUs): DriftCorrection {
    this.#settling ??= { sinceUs: atUs, sumUs: 0, count: 0 };
    this.#settling.sumUs += errorUs;
    this.#settling.count += 1;
    this.#correctionPpm = this.#freePpm;
    if (atUs - this.#settling.sinceUs < settleUs) return { correctionPpm: this.#correctionPpm };
    const meanUs = this.#settling.sumUs / this.#settling.count;
    this.#isStarting = false;
    this.#settling = undefined;
    if (Math.abs(meanUs) > this.#options.startSnapUs) return this.#snap(meanUs, atUs);
    this.#smoothUs = meanUs;
    return { correctionPpm: this.#correctionPpm };
  }

  #snap(byUs: number, atUs: LocalUs): DriftCorrection {
    this.#smoothUs = 0;
    this.#lastSnapUs = atUs;
    this.#correctionPpm = this.#freePpm;
    return { correctionPpm: this.#correctionPpm, snap: { byUs } };
  }

  /** The correction without any error: the rate that is known, and what the integral has found it to be off by. */
  get #freePpm(): number {
    return clamp((this.#knownPpm ?? 0) + this.#integralPpm, this.#options.capPpm);
  }

  #steer(errorUs: number, stepUs: number): void {
    const { kpPerSecond, kiPerSecond2, slewPpmPerSecond, capPpm } = this.#options;
    const seconds = stepUs / 1e6;
    this.#closedUs += stepUs;
    const isYoung = this.#knownPpm !== undefined && this.#closedUs < youngUs;
    const integralPpm = clamp(this.#integralPpm + (isYoung ? 0 : kiPerSecond2 * errorUs * seconds), capPpm);
    const wantedPpm = (isYoung ? youngGain : 1) * kpPerSecond * errorUs + integralPpm + (this.#knownPpm ?? 0);
    this.#correctionPpm += clamp(clamp(wantedPpm, capPpm) - this.#correctionPpm, slewPpmPerSecond * seconds);
    // While a limit holds, the integral would only wind up.
    if (Math.abs(wantedPpm - this.#correctionPpm) < 1e-9 || errorUs * this.#integralPpm < 0) this.#integralPpm = integralPpm;
  }
}

function clamp(value: number, limit: number): number {
  return Math.max(-limit, Math.min(limit, value));
}
