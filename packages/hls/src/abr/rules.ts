import { bolaRung } from './bola.ts';

/** What a rule knows of one rung of the ladder; rungs come sorted by bandwidth, lowest first. */
export interface Rung {
  /** Peak bits per second. */
  readonly bandwidth: number;
  /** Whether what comes next of it is in the cache: it costs nothing. */
  readonly isCached: boolean;
}

/** Where playback stands when the rung of the next segment is decided. */
export interface Situation {
  readonly rungs: readonly Rung[];
  /** Index of the rung that plays now; `undefined` at the start. */
  readonly current: number | undefined;
  /** Media seconds that are fetched and not played yet. */
  readonly bufferSeconds: number;
  /** Most media seconds that are ever fetched ahead. */
  readonly lookAheadSeconds: number;
  /** Length of the segment that is next. */
  readonly segmentSeconds: number;
  readonly isOffline: boolean;
}

export interface RuleInput extends Situation {
  readonly bitsPerSecond: number | undefined;
  /** Seconds by the clock since the last change of rung was decided. */
  readonly secondsSinceSwitch: number;
}

export interface RuleDecision {
  readonly index: number;
  readonly reason: 'start' | 'keep' | 'up' | 'down' | 'cached';
}

/** Which variant to play: the rule's choice, an end of the ladder, or a number of bits per second not to exceed. */
export type VariantChoice = 'auto' | 'lowest' | 'highest' | number;

/** How the rule behaves. */
export interface RuleSettings {
  /** Share of the estimate that a rung may need to be changed to, 0 … 1: the rest is for the estimate's error. Default 0.85. */
  readonly safety?: number;
  /** Seconds between a switch and the next one upwards: the estimate then rests on the new rung. Default 4. */
  readonly dwellSeconds?: number;
}

/** Bit rates that `auto` keeps to, where the ladder allows. */
export interface BitrateLimits {
  /** Bits per second. Default 0. */
  readonly minBitsPerSecond?: number;
  /** Bits per second. Default: none. */
  readonly maxBitsPerSecond?: number;
}

/** A rung that needs no more of the line than this is safe with any buffer: a fast line does not wait for one. */
const EASY_SHARE = 1 / 3;
/** A segment must be expected within this share of the time that the buffer lasts. */
const ARRIVAL_SHARE = 0.5;
/** Share of the look-ahead at which the highest rung is right: the buffer is seldom quite full. */
const TARGET_SHARE = 0.8;

/**
 * The hybrid rule. Upwards when both the buffer (BOLA) and the line allow it, after a dwell; downwards when neither supports the
 * present rung, or when its next segment would come too late. Without an estimate the lowest at the start, and no change later.
 *
 * A cached rung that is at least as good costs nothing and wins, the present one before all others: so a mix that was fetched
 * once plays again as it was. Offline only cached rungs count. Among rungs of one bandwidth the first counts: the others are
 * its substitutes.
 */
export function decideRung(input: RuleInput, settings: RuleSettings = {}): RuleDecision {
  const { current, isOffline, rungs } = input;
  const cached = rungs.findLastIndex((rung) => rung.isCached);
  const fallback: RuleDecision = current === undefined ? { index: 0, reason: 'start' } : { index: current, reason: 'keep' };
  const wanted = wantedRung(input, settings) ?? fallback.index;
  const isFree = (index: number): boolean => rungs[index]?.isCached === true && (isOffline || index >= wanted);
  if (current !== undefined && isFree(current)) return fallback;
  if (isFree(cached)) return { index: cached, reason: 'cached' };
  if (isOffline) return fallback;
  if (current === undefined) return { index: wanted, reason: 'start' };
  const gain = bandwidthOf(rungs, wanted) - bandwidthOf(rungs, current);
  return gain === 0 ? fallback : { index: wanted, reason: gain > 0 ? 'up' : 'down' };
}

/** The rung of a choice that is not left to the rule: a number takes the nearest not above it, else the lowest. */
export function lockedRung(rungs: readonly Pick<Rung, 'bandwidth'>[], choice: Exclude<VariantChoice, 'auto'>): number {
  if (choice === 'lowest') return 0;
  return highestWithin(rungs, choice === 'highest' ? Number.POSITIVE_INFINITY : choice);
}

/** The rungs inside the limits; when there is none, the ones nearest to them from below, else from above. */
export function rungsWithin<R extends Pick<Rung, 'bandwidth'>>(
  rungs: readonly R[],
  { maxBitsPerSecond = Number.POSITIVE_INFINITY, minBitsPerSecond = 0 }: BitrateLimits,
): readonly R[] {
  const inside = rungs.filter(({ bandwidth }) => bandwidth >= minBitsPerSecond && bandwidth <= maxBitsPerSecond);
  if (inside.length > 0) return inside;
  const nearest = bandwidthOf(rungs, highestWithin(rungs, maxBitsPerSecond));
  return rungs.filter(({ bandwidth }) => bandwidth === nearest);
}

/** What the line and the buffer ask for; `undefined` while nothing is known of the line. */
function wantedRung(input: RuleInput, { dwellSeconds = 4, safety = 0.85 }: RuleSettings): number | undefined {
  const { bitsPerSecond, bufferSeconds, current, lookAheadSeconds, rungs, secondsSinceSwitch, segmentSeconds } = input;
  if (bitsPerSecond === undefined) return undefined;
  if (current === undefined) return highestWithin(rungs, bitsPerSecond * safety);
  const bandwidths = rungs.map(({ bandwidth }) => bandwidth);
  const byBuffer = bolaRung({ bandwidths, bufferSeconds, segmentSeconds, targetSeconds: lookAheadSeconds * TARGET_SHARE });
  const byLine = highestWithin(rungs, bitsPerSecond * safety);
  const up = Math.max(Math.min(byBuffer, byLine), highestWithin(rungs, bitsPerSecond * EASY_SHARE));
  const down = Math.max(byBuffer, highestWithin(rungs, bitsPerSecond));
  let wanted = current;
  if (up > current && secondsSinceSwitch >= dwellSeconds) wanted = up;
  else if (down < current) wanted = down;
  const limitSeconds = ARRIVAL_SHARE * Math.max(bufferSeconds, segmentSeconds);
  const inTime = highestWithin(rungs, (bitsPerSecond * limitSeconds) / segmentSeconds);
  return bandwidthOf(rungs, wanted) > bandwidthOf(rungs, inTime) ? inTime : wanted;
}

/** The first of the rungs with the highest bandwidth that is not above the limit, else the lowest. */
function highestWithin(rungs: readonly Pick<Rung, 'bandwidth'>[], bitsPerSecond: number): number {
  const highest = rungs.findLast((rung) => rung.bandwidth <= bitsPerSecond)?.bandwidth;
  return Math.max(
    0,
    rungs.findIndex((rung) => rung.bandwidth === highest),
  );
}

function bandwidthOf(rungs: readonly Pick<Rung, 'bandwidth'>[], index: number): number {
  return rungs[index]?.bandwidth ?? 0;
}
