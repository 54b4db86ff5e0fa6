import type { LocalUs, SessionUs } from '../units.ts';

/**
 * How session time follows from local time, with how far it may be off. Plain data: it can be cloned to a worker or sent as JSON.
 * `session = local + offsetUs + skewPpm · 10⁻⁶ · (local − referenceUs)`.
 */
export interface ClockMap {
  /** The local time at which `offsetUs` and `boundUs` were estimated. */
  readonly referenceUs: LocalUs;
  /** Session time minus local time at the reference, in microseconds, fractions included. */
  readonly offsetUs: number;
  /** How much faster the session clock runs than the local one, in parts per million. */
  readonly skewPpm: number;
  /** The error that `offsetUs` cannot exceed, in microseconds: unknown path asymmetry, jitter and skew together. */
  readonly boundUs: number;
  /** How fast the bound grows with the distance from the reference, in parts per million (µs per second). */
  readonly boundGrowthPpm: number;
  /** The first local time the map speaks about: a suspend or a restart before it has broken what was known. */
  readonly validFromUs: LocalUs;
}

/** Session time at a local time, rounded to a whole microsecond. */
export function toSession(map: ClockMap, localUs: LocalUs): SessionUs {
  return Math.round(localUs + map.offsetUs + skewBetween(map, localUs)) as SessionUs;
}

/** Local time at a session time, rounded to a whole microsecond: the inverse of {@link toSession} within 1 µs. */
export function toLocal(map: ClockMap, sessionUs: SessionUs): LocalUs {
  const sinceReferenceUs = (sessionUs - map.offsetUs - map.referenceUs) / (1 + map.skewPpm * 1e-6);
  return Math.round(map.referenceUs + sinceReferenceUs) as LocalUs;
}

/** The largest error, in microseconds, that {@link toSession} may have at a local time. */
export function boundUsAt(map: ClockMap, localUs: LocalUs): number {
  return map.boundUs + Math.abs(localUs - map.referenceUs) * map.boundGrowthPpm * 1e-6;
}

/** The map of the host itself, whose local clock is the session clock. */
export function identityClockMap(validFromUs: LocalUs): ClockMap {
  return { referenceUs: validFromUs, offsetUs: 0, skewPpm: 0, boundUs: 0, boundGrowthPpm: 0, validFromUs };
}

function skewBetween(map: ClockMap, localUs: LocalUs): number {
  return (localUs - map.referenceUs) * map.skewPpm * 1e-6;
}
