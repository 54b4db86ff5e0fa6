import type { Probe } from '../../src/clock/probe.ts';

const driftWalk = 1e-11;
const cutoff = 3;
const forgetFactor = 2;
const samplesBeforeForgetting = 100;
const errorScale = 0.5;

/**
 * The reference estimator of Sendspin, as its documentation describes it: the quickest of a burst of eight probes every ten seconds, with
 * half its round trip as its error, into a Kalman filter over offset and drift. It is here to show that the simulated world is no
 * kinder than the one in which it was measured.
 */
export class SendspinEstimator {
  #count = 0;
  #atUs = 0;
  #baseUs = 0;
  #offset = 0;
  #drift = 0;
  #offsetVariance = 0;
  #covariance = 0;
  #driftVariance = 0;

  add(burst: readonly Probe[]): void {
    const best = burst.reduce((least, probe) => (probe.delayUs < least.delayUs ? probe : least));
    const errorUs = best.delayUs / 2;
    const variance = (errorUs * errorScale) ** 2;
    const us = best.atUs - this.#atUs;
    this.#atUs = best.atUs;
    this.#count += 1;
    if (this.#count === 1) {
      this.#baseUs = best.offsetUs;
      this.#offsetVariance = variance;
      return;
    }
    const measured = best.offsetUs - this.#baseUs;
    if (this.#count === 2) {
      this.#drift = (measured - this.#offset) / us;
      this.#driftVariance = (this.#offsetVariance + variance) / us ** 2;
      this.#offset = measured;
      this.#offsetVariance = variance;
      return;
    }
    this.#offset += this.#drift * us;
    this.#offsetVariance += 2 * us * this.#covariance + us ** 2 * this.#driftVariance;
    this.#covariance += us * this.#driftVariance;
    this.#driftVariance += driftWalk ** 2 * us;
    const residual = measured - this.#offset;
    if (this.#count > samplesBeforeForgetting && Math.abs(residual) > cutoff * errorUs) {
      this.#offsetVariance *= forgetFactor ** 2;
      this.#covariance *= forgetFactor ** 2;
      this.#driftVariance *= forgetFactor ** 2;
    }
    const gain = 1 / (this.#offsetVariance + variance);
    const offsetGain = this.#offsetVariance * gain;
    const driftGain = this.#covariance * gain;
    this.#offset += offsetGain * residual;
    this.#drift += driftGain * residual;
    this.#driftVariance -= driftGain * this.#covariance;
    this.#covariance *= 1 - offsetGain;
    this.#offsetVariance *= 1 - offsetGain;
  }

  /** Session time minus local time at a local time. */
  offsetAt(localUs: number): number {
    const isDriftKnown = this.#drift ** 2 > 4 * this.#driftVariance;
    return this.#baseUs + this.#offset + (isDriftKnown ? this.#drift * (localUs - this.#atUs) : 0);
  }
}
