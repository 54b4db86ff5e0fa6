import { AssetError } from '@tutti/assets';
import type { HttpClient, HttpRequest } from '@tutti/net';
import type { TransferLimit } from '@tutti/stream';
import type { Cache } from '../compose.ts';
import { otherWriter } from './cache-writer.ts';
import { WarmTally, type WarmProgress } from './warm-progress.ts';
import { WarmSource, type WarmReport, type WarmVariants } from './warm-source.ts';

export interface WarmOptions {
  readonly cache: Cache;
  /** Default `auto`. */
  readonly variants?: WarmVariants;
  /** BCP 47 tag of the HLS audio rendition, where there is one in it. */
  readonly language?: string;
  /** Requests under way at once, for all sources together; the client's own limits hold as well. Default 6. */
  readonly concurrency?: number;
  /** Take what a live or event playlist holds by now, instead of refusing it. Default false. */
  readonly untilNow?: boolean;
  /** Pin every source of which something was fetched, so that it is never evicted. Default false. */
  readonly pins?: boolean;
  /** Called whenever something has come, which is often. */
  readonly onProgress?: (progress: WarmProgress) => void;
  /** Called when a source is over, in the order given. */
  readonly onReport?: (report: WarmReport) => void;
  readonly signal?: AbortSignal;
}

const DEFAULT_CONCURRENCY = 6;

/**
 * Fetches everything that playing the sources would need: many at once under one limit, the first of them first, and all of
 * it behind what plays through the same client. A source that is named twice is fetched once. Reports in the order given.
 *
 * Failures are in the reports, never thrown, and stop no other source. Nothing of this job makes room for what comes after it: when
 * the cache's limit is reached, the sources are finished one by one in the order given, what was fetched of later ones making room,
 * the last first; from the first that does not fit on, what is missing is found out without the network. Abort rejects with the
 * signal's reason; what was fetched until then stays and is not fetched again. Rejects with `assets/locked` when another process
 * writes this cache, so that nothing could be kept.
 */
export async function warm(sources: readonly string[], options: WarmOptions): Promise<readonly WarmReport[]> {
  options.signal?.throwIfAborted();
  await checkWritable(options.cache);
  await using job = new WarmJob(distinct(sources), options);
  return job.run();
}

class WarmJob implements AsyncDisposable {
  readonly #options: WarmOptions;
  readonly #online: Cache;
  readonly #offline: Cache;
  readonly #sources: readonly WarmSource[];
  readonly #tally: WarmTally;
  /** What became of the sources, as far as is known. */
  readonly #reports: (WarmReport | undefined)[];
  #toldCount = 0;

  constructor(sources: readonly string[], options: WarmOptions) {
    const { cache, onProgress } = options;
    this.#options = options;
    this.#online = { ...cache, client: cache.client && atWarmPriority(cache.client) };
    this.#offline = { ...cache, client: undefined };
    this.#tally = new WarmTally(sources.length, onProgress);
    this.#sources = sources.map((source) => new WarmSource(source, { ...options, onFill: this.#tally.follow() }));
    this.#reports = sources.map(() => undefined);
  }

  async run(): Promise<readonly WarmReport[]> {
    const { concurrency = DEFAULT_CONCURRENCY, signal } = this.#options;
    const { SharedTransferLimit } = await import('@tutti/stream');
    const limit = new SharedTransferLimit(concurrency);
    const shortage = new AbortController();
    const queue = this.#sources.entries();
    const work = async (): Promise<void> => {
      for (const [index, source] of queue) {
        if (shortage.signal.aborted) return;
        const how = { cache: this.#online, limit: limit.ranked(index), stop: shortage.signal };
        const report = await source.attempt(how);
        if (report?.isOutOfRoom === true) shortage.abort();
        else if (report !== undefined) this.#settle(index, report);
      }
    };
    const outcomes = await Promise.allSettled(Array.from({ length: concurrency }, work));
    for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
    if (shortage.signal.aborted) await this.#finishInOrder(limit.ranked(0));
    signal?.throwIfAborted();
    return this.#reports.filter((report) => report !== undefined);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#sources.map((source) => source.close()));
  }

  /** There is not room for all: whole sources, the first of them first. */
  async #finishInOrder(limit: TransferLimit): Promise<void> {
    let shortOf: unknown;
    for (const [index, source] of this.#sources.entries()) {
      if (this.#reports[index] !== undefined) continue;
      let report = await source.attempt({ cache: shortOf === undefined ? this.#online : this.#offline, limit, shortOf });
      while (report?.isOutOfRoom === true && shortOf === undefined) {
        if (await this.#giveUpAfter(index)) report = await source.attempt({ cache: this.#online, limit });
        else shortOf = report.error;
      }
      if (report !== undefined) this.#settle(index, report);
    }
  }

  /** Lets the last source behind `index` go of which this job has fetched anything. False when there is none. */
  async #giveUpAfter(index: number): Promise<boolean> {
    const last = this.#sources.findLastIndex((source, at) => at > index && source.hasFetched);
    if (last === -1) return false;
    if (this.#reports[last] !== undefined) this.#tally.sourceUndone();
    this.#reports[last] = undefined;
    await this.#sources[last]?.giveUp();
    return true;
  }

  #settle(index: number, report: WarmReport): void {
    this.#reports[index] = report;
    this.#tally.sourceDone();
    for (let next = this.#reports[this.#toldCount]; next !== undefined; next = this.#reports[this.#toldCount]) {
      this.#toldCount += 1;
      this.#options.onReport?.(next);
    }
  }
}

/** Throws unless this process may write the cache. */
async function checkWritable({ store }: Cache): Promise<void> {
  if (store.obstacle !== undefined) throw store.obstacle;
  const writer = await otherWriter(store);
  if (writer === undefined) return;
  throw new AssetError(
    'assets/locked',
    `warm cache ${store.root}: ${writer} is writing it; wait for that or stop it, or choose another directory`,
    { subject: store.root },
  );
}

/** Each address once. Fragments are never sent. */
export function distinct(sources: readonly string[]): readonly string[] {
  const addresses = new Set<string>();
  return sources.filter((source) => {
    const url = URL.parse(source);
    if (url !== null) url.hash = '';
    const address = url?.href ?? source;
    const isNew = !addresses.has(address);
    addresses.add(address);
    return isNew;
  });
}

/** Whoever plays through the same client goes first, whatever this job asks for. */
function atWarmPriority(client: HttpClient): HttpClient {
  const prepare = <Request extends HttpRequest>(request: Request): Request => ({ ...request, priority: 'warm' });
  return {
    open: (request, options) => client.open(prepare(request), options),
    fetchWhole: (request, options) => client.fetchWhole(prepare(request), options),
    on: (listener) => client.on(listener),
    close: () => client.close(),
    [Symbol.asyncDispose]: () => client[Symbol.asyncDispose](),
  };
}
