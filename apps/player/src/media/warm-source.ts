import { AssetError, type Asset } from '@tutti/assets';
import type { FillProgress, FillReport, MediaSource, TransferLimit } from '@tutti/stream';
import type { Cache } from '../compose.ts';
import { openMedia, type VariantChoice } from './open-media.ts';
import { sourceLabel } from './source-label.ts';
import type { SourceProgress } from './warm-progress.ts';

/** Which variants of an HLS presentation to fetch: one of them, as `openMedia` chooses it, or all. */
export type WarmVariants = VariantChoice | 'all';

/** What became of one source. */
export interface WarmReport extends FillReport {
  /** As it may be shown: a URL without query and credentials. */
  readonly source: string;
  /** Why the source could not be opened or finished; `undefined` when nothing was thrown. */
  readonly error: unknown;
  /** Whether only the cache's limit keeps it from being complete: with more room, the same job goes on. */
  readonly isOutOfRoom: boolean;
  readonly isPinned: boolean;
  readonly networkBytes: number;
  readonly cachedBytes: number;
  readonly requestCount: number;
}

export interface WarmSourceOptions {
  readonly cache: Cache;
  readonly variants?: WarmVariants;
  readonly language?: string;
  readonly untilNow?: boolean;
  readonly pins?: boolean;
  readonly onFill: (progress: SourceProgress) => void;
  readonly signal?: AbortSignal;
}

export interface AttemptOptions {
  /** Without a client: what is missing is only found out. */
  readonly cache: Cache;
  readonly limit: TransferLimit;
  /** Ends the attempt, which then has no report. */
  readonly stop?: AbortSignal;
  /** Why there is no client: the cache has no room. */
  readonly shortOf?: unknown;
}

/** One source of a warm job, in as many attempts as it takes. What it has fetched stays in the cache until it is closed. */
export class WarmSource {
  readonly #source: string;
  readonly #options: WarmSourceOptions;
  #asset: Asset | undefined;
  #progress: FillProgress = nothing;
  readonly #spent = { networkBytes: 0, requestCount: 0 };
  /** Of the first attempt: later ones find what it fetched. */
  #cachedBytes: number | undefined;
  #isPinned = false;

  constructor(source: string, options: WarmSourceOptions) {
    this.#source = source;
    this.#options = options;
  }

  /** Whether something of it is in the cache that was not before the job. */
  get hasFetched(): boolean {
    return this.#asset !== undefined && this.#spent.networkBytes > 0;
  }

  /** Fetches what is missing. `undefined` when it was stopped; rejects with the signal's reason on abort. */
  async attempt(how: AttemptOptions): Promise<WarmReport | undefined> {
    const { signal } = this.#options;
    signal?.throwIfAborted();
    const signals = [how.stop, signal].filter((each) => each !== undefined);
    const failed = (error: unknown): Fetched => ({ ...this.#progress, isComplete: false, missing: [], error });
    const fetched = await this.#fetch(how, AbortSignal.any(signals)).catch(failed);
    signal?.throwIfAborted();
    if (how.stop?.aborted === true && !fetched.isComplete) return undefined;
    const { stoppedBy, ...report } = fetched;
    const error = fetched.isComplete ? undefined : (how.shortOf ?? report.error ?? stoppedBy);
    const isOutOfRoom = isOverLimit(error);
    return {
      ...report,
      ...this.#spent,
      cachedBytes: this.#cachedBytes ?? 0,
      source: sourceLabel(this.#source),
      error,
      isOutOfRoom,
      missing: isOutOfRoom && report.missing.length === 0 ? [this.#rest()] : report.missing,
      isPinned: await this.#pin(report),
    };
  }

  /** What was fetched of it may go: others need the room. */
  async giveUp(): Promise<void> {
    if (this.#isPinned) await this.#options.cache.store.setPinned(this.#source, false);
    this.#isPinned = false;
    this.#progress = nothing;
    this.#options.onFill({ ...nothing, networkBytes: this.#spent.networkBytes });
    await this.close();
  }

  /** Idempotent. */
  async close(): Promise<void> {
    const asset = this.#asset;
    this.#asset = undefined;
    await asset?.close();
  }

  async #fetch({ cache, limit }: AttemptOptions, signal: AbortSignal): Promise<Fetched> {
    const { language, untilNow = false, variants = 'auto' } = this.#options;
    this.#asset ??= await cache.store.asset(this.#source, { signal });
    const opening = await limit.acquire(signal);
    await using media = await openMedia(this.#source, {
      cache,
      variant: variants === 'all' ? 'lowest' : variants,
      ...(language === undefined ? {} : { language }),
      allowsUnfinished: untilNow,
      signal,
    }).finally(() => opening[Symbol.dispose]());
    this.#cachedBytes ??= media.counters.cachedBytes;
    const spentBefore = { ...this.#spent };
    const update = (progress: FillProgress): void => {
      this.#progress = progress;
      this.#spend(spentBefore, media);
      this.#options.onFill({ ...progress, networkBytes: this.#spent.networkBytes });
    };
    try {
      const report = await media.fill({ limit, variants: variants === 'all' ? 'all' : 'selected', onProgress: update, signal });
      update(report);
      return { ...report, error: undefined };
    } finally {
      this.#spend(spentBefore, media);
    }
  }

  #spend(before: { readonly networkBytes: number; readonly requestCount: number }, { counters }: MediaSource): void {
    this.#spent.networkBytes = before.networkBytes + counters.networkBytes;
    this.#spent.requestCount = before.requestCount + counters.requestCount;
  }

  /** What there was no room for, of a source that tells no parts. */
  #rest(): string {
    const { doneBytes, totalBytes } = this.#progress;
    const label = sourceLabel(this.#source);
    return totalBytes === undefined ? `${label}: all of it` : `${label}: ${totalBytes - doneBytes} of ${totalBytes} bytes`;
  }

  async #pin({ doneResources }: FillReport): Promise<boolean> {
    const { cache, pins = false } = this.#options;
    if (!pins || doneResources === 0) return false;
    const wasPinned = (await cache.store.stat(this.#source))?.isPinned === true;
    if (!wasPinned) await cache.store.setPinned(this.#source, true);
    this.#isPinned ||= !wasPinned;
    return true;
  }
}

/** What an attempt came to. */
interface Fetched extends FillReport {
  readonly error: unknown;
}

/** The cache's own limit, as the disk's has a cause of its own. */
function isOverLimit(error: unknown): boolean {
  return error instanceof AssetError && error.code === 'assets/no-space' && error.cause === undefined;
}

const nothing: FillProgress = { doneBytes: 0, totalBytes: undefined, doneResources: 0, totalResources: undefined };
