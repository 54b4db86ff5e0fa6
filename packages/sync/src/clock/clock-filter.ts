import type { ClockMap } from './clock-map.ts';
import { DelayWindow } from './delay-window.ts';
import { OffsetEnvelope, type OffsetInterval } from './offset-envelope.ts';
import { OffsetKalman, type Measurement } from './offset-kalman.ts';
import type { Probe } from './probe.ts';
import type { LocalUs } from '../units.ts';

/**
 * What became of a group of probes.
 * - `accepted`: the estimate moved.
 * - `skipped`: every probe was late, and the estimate is young enough to do without.
 * - `surprising`: accepted, but not what was expected, twice in a row or against the strict limits: measure again soon.
 * - `jumped`: it contradicts the estimate beyond any doubt, so one of the clocks jumped, and the estimate began anew.
 */
export type FilterVerdict = 'accepted' | 'skipped' | 'surprising' | 'jumped';

const delayWindowUs = 120_000_000;
const envelopeWindowUs = 60_000_000;
/** Without an update for this long, a late probe is better than none. */
const hungryUs = 10_000_000;
/** A probe is late when it waited this many quarters of the least delay, or this many times 60 µs. */
const gate = 3;
const gateFloorUs = 60;
/** Error of a probe that did not wait at all: time stamps, and what scales with the path. */
const leastNoiseUs = 5;
const leastNoisePart = 0.01;
/** What the bound grows by with age, and what looking back a minute costs, for wander that no covariance has seen, in ppm. */
const wanderPpm = 1;
const pastWanderPpm = 0.3;
/** Two crystals of 100 ppm each: an estimate beyond that is an error of the young filter. */
const largestSkew = 200e-6;
/** While so few probes have spoken, a new least delay makes all of them be weighed again. */
const youngProbes = 24;

/**
 * Offset and skew between this clock and the session's: a gate that lets through the probes that did not wait on the way, and a Kalman
 * filter behind it. The published bound holds whatever the path's asymmetry is: half of the least delay and the filter's own doubt, or
 * what the one-way limits of the last minute leave, if that is less.
 */
export class ClockFilter {
  readonly #delays = new DelayWindow(delayWindowUs);
  readonly #envelope = new OffsetEnvelope(envelopeWindowUs);
  #kalman: OffsetKalman | undefined;
  /** The probes that have spoken so far, until there are too many to matter. */
  #young: Probe[] = [];
  #interval: OffsetInterval = { lowUs: Number.NEGATIVE_INFINITY, highUs: Number.POSITIVE_INFINITY };
  #validFromUs: LocalUs | undefined;

  /** The estimate; `undefined` before the first probe. */
  get map(): ClockMap | undefined {
    const leastDelayUs = this.#delays.leastUs;
    if (this.#kalman === undefined || this.#validFromUs === undefined || leastDelayUs === undefined) return undefined;
    const { atUs, offsetUs, offsetDeviationUs, skew, skewDeviation } = this.#kalman;
    const publishedSkew = Math.abs(skew) > 2 * skewDeviation ? Math.max(-largestSkew, Math.min(largestSkew, skew)) : 0;
    return {
      referenceUs: atUs,
      offsetUs,
      skewPpm: publishedSkew * 1e6,
      boundUs: Math.min(leastDelayUs / 2 + 3 * offsetDeviationUs, farthestUs(this.#interval, offsetUs)),
      boundGrowthPpm: (3 * skewDeviation + Math.abs(skew - publishedSkew)) * 1e6 + wanderPpm,
      validFromUs: this.#validFromUs,
    };
  }

  /** The least delay of the last two minutes, in microseconds; `undefined` before the first probe. */
  get leastDelayUs(): number | undefined {
    return this.#delays.leastUs;
  }

  /** Forgets everything, because the local clock stopped or jumped. */
  reset(): void {
    this.#delays.clear();
    this.#envelope.clear();
    this.#kalman = undefined;
    this.#young = [];
    this.#validFromUs = undefined;
  }

  /** Takes a group of at least one probe, sent close together; the one that waited least speaks for it. */
  add(group: readonly Probe[]): FilterVerdict {
    const best = group.reduce((least, probe) => (probe.delayUs < least.delayUs ? probe : least));
    if (this.#kalman !== undefined && best.atUs <= this.#kalman.atUs) return 'skipped';
    const hasJumped = this.#contradicts(best);
    if (hasJumped) this.reset();
    this.#validFromUs ??= best.atUs;
    const leastBeforeUs = this.#delays.leastUs;
    this.#delays.add(best.atUs, best.delayUs);
    this.#envelope.add(group, best.atUs);
    this.#noticeDetour(leastBeforeUs);
    const leastUs = this.#delays.leastUs ?? best.delayUs;
    if (this.#kalman !== undefined && isLate(best.delayUs - leastUs, leastUs) && best.atUs - this.#kalman.atUs < hungryUs)
      return 'skipped';
    const surprise = this.#weigh(best);
    const isOutside = this.#isOutsideEnvelope();
    if (hasJumped) return 'jumped';
    return surprise === 'surprising' || isOutside ? 'surprising' : 'accepted';
  }

  /**
   * When the least delay leaps, the path is another one, and the two may differ on one way only: the probes of now and those of before
   * may tell offsets that are half of the leap apart. That is a step of the offset, and must not be taken for skew.
   */
  #noticeDetour(leastBeforeUs: number | undefined): void {
    const leastUs = this.#delays.leastUs;
    if (leastUs === undefined || leastBeforeUs === undefined) return;
    const leapUs = Math.abs(leastUs - leastBeforeUs);
    if (isLate(leapUs, Math.min(leastUs, leastBeforeUs))) this.#kalman?.doubtOffset(leapUs / 2);
  }

  /** The true offset lies within half the delay of every probe, and within the bound of the estimate. */
  #contradicts(probe: Probe): boolean {
    const { map } = this;
    if (map === undefined) return false;
    const sinceUs = probe.atUs - map.referenceUs;
    const expectedUs = map.offsetUs + sinceUs * map.skewPpm * 1e-6;
    return Math.abs(probe.offsetUs - expectedUs) > probe.delayUs / 2 + map.boundUs + sinceUs * map.boundGrowthPpm * 1e-6;
  }

  /** A probe's error is known only against the least delay: while that still falls, all that was heard is weighed again. */
  #weigh(best: Probe): 'expected' | 'surprising' {
    if (this.#kalman !== undefined && this.#young.length >= youngProbes) return this.#kalman.add(this.#measurement(best));
    this.#young.push(best);
    const [first = best, ...others] = this.#young;
    const kalman = new OffsetKalman(this.#measurement(first));
    for (const probe of others) kalman.add(this.#measurement(probe));
    this.#kalman = kalman;
    return 'expected';
  }

  /** What a probe says: it may have spent all of its waiting on one way, so half of that is taken as its error. */
  #measurement({ atUs, offsetUs, delayUs }: Probe): Measurement {
    const leastUs = this.#delays.leastUs ?? delayUs;
    const noiseUs = Math.max(leastNoiseUs, leastNoisePart * leastUs);
    const waitedUs = delayUs - leastUs + this.#delays.waitedUs;
    return { atUs, offsetUs, variance: (noiseUs + waitedUs / 2) ** 2 };
  }

  /** Asks the second estimator, which knows no statistics: whether the estimate lies where the offset cannot be. */
  #isOutsideEnvelope(): boolean {
    if (this.#kalman === undefined) return false;
    const { atUs, offsetUs, skew, skewDeviation } = this.#kalman;
    this.#interval = this.#envelope.at(atUs, { skew, doubt: 3 * skewDeviation + pastWanderPpm * 1e-6 });
    return offsetUs < this.#interval.lowUs || offsetUs > this.#interval.highUs;
  }
}

/** Whether `waitedUs` more than the least delay is more than noise. */
function isLate(waitedUs: number, leastUs: number): boolean {
  return waitedUs > gate * Math.max(leastUs / 4, gateFloorUs);
}

/** How far the offset can be from an estimate, knowing an interval; nothing is known when the interval is empty. */
function farthestUs({ lowUs, highUs }: OffsetInterval, offsetUs: number): number {
  return lowUs > highUs ? Number.POSITIVE_INFINITY : Math.max(highUs - offsetUs, offsetUs - lowUs);
}
