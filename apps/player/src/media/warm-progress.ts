import type { FillProgress } from '@tutti/stream';

/** How far a warm job is, all sources together. */
export interface WarmProgress {
  readonly doneSources: number;
  readonly totalSources: number;
  /** Bytes that are in the cache now, those that were before included. */
  readonly doneBytes: number;
  /** Sum over the sources opened until now; `undefined` while one of them does not tell. */
  readonly totalBytes: number | undefined;
  /** Bytes that came over the network. */
  readonly networkBytes: number;
  /** Files, segments and init sections that are complete. */
  readonly doneResources: number;
  /** Of the sources opened until now. */
  readonly totalResources: number;
}

/** What one source contributes. */
export interface SourceProgress extends FillProgress {
  readonly networkBytes: number;
}

const nothing: SourceProgress = { doneBytes: 0, totalBytes: 0, doneResources: 0, totalResources: 0, networkBytes: 0 };

/** Adds up the progress of a job's sources, in a time that does not grow with their number. */
export class WarmTally {
  readonly #totalSources: number;
  readonly #onProgress: ((progress: WarmProgress) => void) | undefined;
  #doneSources = 0;
  #doneBytes = 0;
  #totalBytes = 0;
  #networkBytes = 0;
  #doneResources = 0;
  #totalResources = 0;
  /** Sources that do not tell how long they are. */
  #unknownTotals = 0;

  constructor(totalSources: number, onProgress: ((progress: WarmProgress) => void) | undefined) {
    this.#totalSources = totalSources;
    this.#onProgress = onProgress;
  }

  /** Gives what one source calls with its progress, each time with all of it. */
  follow(): (progress: SourceProgress) => void {
    let before = nothing;
    return (progress) => {
      this.#add(before, -1);
      this.#add(progress, 1);
      before = progress;
      this.#tell();
    };
  }

  sourceDone(): void {
    this.#doneSources += 1;
    this.#tell();
  }

  /** What was done has made room for another source. */
  sourceUndone(): void {
    this.#doneSources -= 1;
  }

  #add(progress: SourceProgress, sign: 1 | -1): void {
    this.#doneBytes += sign * progress.doneBytes;
    this.#totalBytes += sign * (progress.totalBytes ?? 0);
    this.#unknownTotals += progress.totalBytes === undefined ? sign : 0;
    this.#networkBytes += sign * progress.networkBytes;
    this.#doneResources += sign * progress.doneResources;
    this.#totalResources += sign * (progress.totalResources ?? 0);
  }

  #tell(): void {
    this.#onProgress?.({
      doneSources: this.#doneSources,
      totalSources: this.#totalSources,
      doneBytes: this.#doneBytes,
      totalBytes: this.#unknownTotals === 0 ? this.#totalBytes : undefined,
      networkBytes: this.#networkBytes,
      doneResources: this.#doneResources,
      totalResources: this.#totalResources,
    });
  }
}
