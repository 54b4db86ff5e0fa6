/** What a rule knows of one rung of the ladder; rungs come sorted by bandwidth, lowest first. */
export interface Rung {
  /** Peak bits per second. */
  readonly bandwidth: number;
  /** Whether what comes next of it is in the cache: it costs nothing. */
  readonly isCached: boolean;
}

export interface RuleInput {
  readonly rungs: readonly Rung[];
  /** Index of the rung that plays now; `undefined` at the start. */
  readonly current: number | undefined;
  readonly bitsPerSecond: number | undefined;
  /** Media seconds since the last switch. */
  readonly secondsSinceSwitch: number;
  readonly isOffline: boolean;
}

export interface RuleDecision {
  readonly index: number;
  readonly reason: 'start' | 'keep' | 'up' | 'down' | 'cached';
}

/** Which variant to play: the rule's choice, an end of the ladder, or a number of bits per second not to exceed. */
export type VariantChoice = 'auto' | 'lowest' | 'highest' | number;

/** How the rule behaves. */
export interface RuleSettings {
  /** Share of the estimate that a rung may need, 0 … 1: the rest is for the estimate's error. Default 0.8. */
  readonly safety?: number;
  /** Media seconds between a switch and the next one upwards: the estimate then rests on the new rung. Default 10. */
  readonly dwellSeconds?: number;
}

/**
 * The throughput rule: the highest rung within a share of the estimate, downwards at once, upwards after a dwell. Without
 * an estimate the lowest at the start, and no change later. A cached rung that is at least as good costs nothing and wins,
 * the present one before all others: so a mix that was fetched once plays again as it was. Offline only cached rungs
 * count. Among rungs of one bandwidth the first counts: the others are its substitutes.
 */
export function decideRung(input: RuleInput, { dwellSeconds = 10, safety = 0.8 }: RuleSettings = {}): RuleDecision {
  const { bitsPerSecond, current, isOffline, rungs, secondsSinceSwitch } = input;
  const cached = rungs.findLastIndex((rung) => rung.isCached);
  const fallback: RuleDecision = current === undefined ? { index: 0, reason: 'start' } : { index: current, reason: 'keep' };
  const affordable = bitsPerSecond === undefined ? fallback.index : highestWithin(rungs, bitsPerSecond * safety);
  const isFree = (index: number): boolean => rungs[index]?.isCached === true && (isOffline || index >= affordable);
  if (current !== undefined && isFree(current)) return fallback;
  if (isFree(cached)) return { index: cached, reason: 'cached' };
  if (isOffline) return fallback;
  if (current === undefined) return { index: affordable, reason: 'start' };
  const gain = (rungs[affordable]?.bandwidth ?? 0) - (rungs[current]?.bandwidth ?? 0);
  if (gain < 0) return { index: affordable, reason: 'down' };
  if (gain > 0 && secondsSinceSwitch >= dwellSeconds) return { index: affordable, reason: 'up' };
  return fallback;
}

/** The rung of a choice that is not left to the rule: a number takes the nearest not above it, else the lowest. */
export function lockedRung(rungs: readonly Pick<Rung, 'bandwidth'>[], choice: Exclude<VariantChoice, 'auto'>): number {
  if (choice === 'lowest') return 0;
  return highestWithin(rungs, choice === 'highest' ? Number.POSITIVE_INFINITY : choice);
}

/** The first of the rungs with the highest bandwidth that is not above the limit, else the lowest. */
function highestWithin(rungs: readonly Pick<Rung, 'bandwidth'>[], bitsPerSecond: number): number {
  const highest = rungs.findLast((rung) => rung.bandwidth <= bitsPerSecond)?.bandwidth;
  return Math.max(
    0,
    rungs.findIndex((rung) => rung.bandwidth === highest),
  );
}
