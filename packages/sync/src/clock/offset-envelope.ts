import type { Probe } from './probe.ts';
import type { LocalUs } from '../units.ts';

/** Where an offset must lie, in microseconds. */
export interface OffsetInterval {
  readonly lowUs: number;
  readonly highUs: number;
}

/** How the offset moves between its observations: `skew` µs per µs, and that by at most `doubt` either way. */
export interface OffsetMotion {
  readonly skew: number;
  readonly doubt: number;
}

/**
 * The strict limits that probes set to the offset: a request cannot arrive before it was sent, nor an answer. The tightest upper and the
 * tightest lower limit of a window usually come from different probes, so together they say more than any of them.
 */
export class OffsetEnvelope {
  readonly #windowUs: number;
  readonly #limits: (OffsetInterval & { readonly atUs: LocalUs })[] = [];

  constructor(windowUs: number) {
    this.#windowUs = windowUs;
  }

  /** Takes a group of at least one probe, sent close together, and later than the last group. */
  add(group: readonly Probe[], atUs: LocalUs): void {
    let lowUs = Number.NEGATIVE_INFINITY;
    let highUs = Number.POSITIVE_INFINITY;
    for (const { offsetUs, delayUs } of group) {
      lowUs = Math.max(lowUs, offsetUs - delayUs / 2);
      highUs = Math.min(highUs, offsetUs + delayUs / 2);
    }
    this.#limits.push({ atUs, lowUs, highUs });
    while ((this.#limits[0]?.atUs ?? atUs) < atUs - this.#windowUs) this.#limits.shift();
  }

  /** Where the offset lies at `atUs`, if it moved like that; `lowUs` above `highUs` says that it did not. */
  at(atUs: LocalUs, { skew, doubt }: OffsetMotion): OffsetInterval {
    let lowUs = Number.NEGATIVE_INFINITY;
    let highUs = Number.POSITIVE_INFINITY;
    for (const limit of this.#limits) {
      const sinceUs = atUs - limit.atUs;
      const movedUs = skew * sinceUs;
      const doubtUs = doubt * sinceUs;
      lowUs = Math.max(lowUs, limit.lowUs + movedUs - doubtUs);
      highUs = Math.min(highUs, limit.highUs + movedUs + doubtUs);
    }
    return { lowUs, highUs };
  }

  clear(): void {
    this.#limits.length = 0;
  }
}
