import type { LocalUs } from '../units.ts';

/** How far apart two crystals may be before anything is known. */
const initialSkew = 100e-6;
/** Random walk of the skew, per square root of a microsecond: 0.02 ppm in a second. */
const skewWalk = 2e-11;
const forgetting = 4;

/** An offset measured at a local time, in microseconds, with the variance of its error. */
export interface Measurement {
  readonly atUs: LocalUs;
  readonly offsetUs: number;
  readonly variance: number;
}

/** A Kalman filter over the offset of two clocks and its rate of change, whose random walk is that of a crystal. */
export class OffsetKalman {
  #atUs: LocalUs;
  /** The offset is kept against a base, so that small changes keep their digits. */
  readonly #baseUs: number;
  #changeUs = 0;
  #skew = 0;
  #offsetVariance: number;
  #covariance = 0;
  #skewVariance = initialSkew ** 2;
  #surprises = 0;

  constructor(first: Measurement) {
    this.#atUs = first.atUs;
    this.#baseUs = first.offsetUs;
    this.#offsetVariance = first.variance;
  }

  /** The local time of the last measurement. */
  get atUs(): LocalUs {
    return this.#atUs;
  }

  /** Offset at that time, in microseconds. */
  get offsetUs(): number {
    return this.#baseUs + this.#changeUs;
  }

  get offsetDeviationUs(): number {
    return Math.sqrt(this.#offsetVariance);
  }

  /** Change of the offset per microsecond. */
  get skew(): number {
    return this.#skew;
  }

  get skewDeviation(): number {
    return Math.sqrt(this.#skewVariance);
  }

  /**
   * Takes a measurement of a later time. Says whether it was the second in a row beyond three deviations: the filter then forgets part
   * of what it knew.
   */
  add({ atUs, offsetUs, variance }: Measurement): 'expected' | 'surprising' {
    this.#predict(atUs);
    const innovationUs = offsetUs - this.#baseUs - this.#changeUs;
    const isSurprise = innovationUs ** 2 > 9 * (this.#offsetVariance + variance);
    this.#surprises = isSurprise ? this.#surprises + 1 : 0;
    const isSurprising = this.#surprises >= 2;
    if (isSurprising) this.#forget();
    const certainty = 1 / (this.#offsetVariance + variance);
    const offsetGain = this.#offsetVariance * certainty;
    const skewGain = this.#covariance * certainty;
    this.#changeUs += offsetGain * innovationUs;
    this.#skew += skewGain * innovationUs;
    this.#skewVariance -= skewGain * this.#covariance;
    this.#covariance *= 1 - offsetGain;
    this.#offsetVariance *= 1 - offsetGain;
    return isSurprising ? 'surprising' : 'expected';
  }

  /** The offset may just have changed by about so much, but not its rate of change. */
  doubtOffset(deviationUs: number): void {
    this.#offsetVariance += deviationUs ** 2;
  }

  #predict(atUs: LocalUs): void {
    const us = atUs - this.#atUs;
    const walk = skewWalk ** 2 * us;
    this.#atUs = atUs;
    this.#changeUs += this.#skew * us;
    this.#offsetVariance += 2 * us * this.#covariance + us ** 2 * (this.#skewVariance + walk / 3);
    this.#covariance += us * (this.#skewVariance + walk / 2);
    this.#skewVariance += walk;
  }

  #forget(): void {
    this.#offsetVariance *= forgetting;
    this.#covariance *= forgetting;
    this.#skewVariance *= forgetting;
  }
}
