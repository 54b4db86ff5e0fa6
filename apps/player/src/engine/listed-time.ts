/** Where a span that was entered for a position begins. */
export interface Landing {
  /** By the playlist, in seconds. */
  readonly listedSeconds: number;
  /** On the track, by its timestamps, in seconds. */
  readonly actualSeconds: number;
  /** How far before the wanted position it begins, by the playlist. */
  readonly offsetSeconds: number;
  /** The same by its timestamps; negative when it begins after the wanted position. */
  readonly surplusSeconds: number;
}

/** Media that would be fetched and dropped for nothing, from which on another try further on is worth its while. */
const maxWasteSeconds = 4;

/** Aims a hair before a segment's listed start, so that the one before it is chosen. */
const stepBackSeconds = 0.001;

/**
 * The playlist's time against the media's. Durations in a playlist are rounded, to whole seconds in old ones, and their errors
 * add up: the segment that they name for a position may be another one than the position lies in. What one seek has found out,
 * the next one aims by.
 */
export class ListedTime {
  /** Media time less listed time, where the track was entered last. */
  #driftSeconds = 0;

  /** The listed time to enter at so as to reach `wantedSeconds`; `endSeconds` is the listed end. */
  aim(wantedSeconds: number, endSeconds: number | undefined): number {
    if (this.#driftSeconds === 0) return wantedSeconds;
    const aimSeconds = wantedSeconds - this.#driftSeconds;
    return Math.max(0, endSeconds === undefined ? aimSeconds : Math.min(aimSeconds, endSeconds - stepBackSeconds));
  }

  /**
   * The listed time to enter at instead, or `undefined` when the landing will do: when it does not begin after the wanted position
   * and, at the first try, not far too early either.
   */
  correct({ actualSeconds, listedSeconds, offsetSeconds, surplusSeconds }: Landing, isFirstTry: boolean): number | undefined {
    this.#driftSeconds = actualSeconds - listedSeconds;
    if (surplusSeconds < 0) return listedSeconds === 0 ? undefined : Math.max(0, listedSeconds + surplusSeconds - stepBackSeconds);
    return isFirstTry && surplusSeconds - offsetSeconds > maxWasteSeconds ? listedSeconds + surplusSeconds : undefined;
  }
}
