import { AssetError, type Asset } from '@tutti/assets';
import type { HttpClient, HttpRequest } from '@tutti/net';
import type { FillReport, TransferLimit } from '@tutti/stream';
import type { Cache } from '../compose.ts';
import { otherWriter } from './cache-writer.ts';
import { openMedia, type VariantChoice } from './open-media.ts';
import { sourceLabel } from './source-label.ts';
import { WarmTally, type SourceProgress, type WarmProgress } from './warm-progress.ts';

/** Which variants of an HLS presentation to fetch: one of them, as `openMedia` chooses it, or all. */
export type WarmVariants = VariantChoice | 'all';

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
  /** Called when a source is over. */
  readonly onReport?: (report: WarmReport) => void;
  readonly signal?: AbortSignal;
}

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

const DEFAULT_CONCURRENCY = 6;

/**
 * Fetches everything that playing the sources would need: many at once under one limit, the first of them first, and all of
 * it behind what plays through the same client. A source that is named twice is fetched once. Reports in the order given.
 *
 * Failures are in the reports, never thrown, and stop no other source. Nothing of this job makes room for the rest of it: once
 * the cache's limit is reached, what is missing is found out without the network. Abort rejects with the signal's reason; what
 * was fetched until then stays and is not fetched again. Rejects with `assets/locked` when another process writes this cache,
 * so that nothing could be kept.
 */
export async function warm(sources: readonly string[], options: WarmOptions): Promise<readonly WarmReport[]> {
  const { cache, concurrency = DEFAULT_CONCURRENCY, onProgress, onReport, signal } = options;
  signal?.throwIfAborted();
  await checkWritable(cache);
  const { SharedTransferLimit } = await import('@tutti/stream');
  const limit = new SharedTransferLimit(concurrency);
  const wanted = distinct(sources);
  const tally = new WarmTally(wanted.length, onProgress);
  const reports: WarmReport[] = [];
  const held: Asset[] = [];
  const online = { ...cache, client: cache.client && atWarmPriority(cache.client) };
  const offline = { ...cache, client: undefined };
  let isFull = false;
  const queue = wanted.entries();
  const work = async (): Promise<void> => {
    for (const [index, source] of queue) {
      const report = await warmOne(source, {
        ...options,
        cache: isFull ? offline : online,
        limit: limit.ranked(index),
        held,
        onFill: tally.follow(),
      });
      isFull ||= report.isOutOfRoom;
      reports[index] = report;
      tally.sourceDone();
      onReport?.(report);
    }
  };
  try {
    const outcomes = await Promise.allSettled(Array.from({ length: concurrency }, work));
    for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
  } finally {
    await Promise.all(held.map((asset) => asset.close()));
  }
  return reports;
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

interface WarmJob extends WarmOptions {
  readonly limit: TransferLimit;
  /** Assets that stay open, and therefore in the cache, until the whole job is over. */
  readonly held: Asset[];
  readonly onFill: (progress: SourceProgress) => void;
}

async function warmOne(source: string, job: WarmJob): Promise<WarmReport> {
  const { pins = false, signal } = job;
  signal?.throwIfAborted();
  const fetched = await fetchOne(source, job).catch((error: unknown) => ({ ...nothingDone, error }));
  signal?.throwIfAborted();
  const { stoppedBy, ...report } = fetched;
  const error = report.error ?? stoppedBy;
  const isPinned = pins && report.doneResources > 0;
  if (isPinned) await job.cache.store.setPinned(source, true);
  return { ...report, source: sourceLabel(source), error, isOutOfRoom: isOverLimit(error), isPinned };
}

async function fetchOne(source: string, job: WarmJob): Promise<typeof nothingDone> {
  const { cache, held, language, limit, onFill, signal, untilNow = false, variants = 'auto' } = job;
  const abort = signal === undefined ? {} : { signal };
  held.push(await cache.store.asset(source, abort));
  const opening = await limit.acquire(signal);
  const variant = variants === 'all' ? 'lowest' : variants;
  await using media = await openMedia(source, {
    cache,
    variant,
    ...(language === undefined ? {} : { language }),
    allowsUnfinished: untilNow,
    ...abort,
  }).finally(() => opening[Symbol.dispose]());
  const report = await media.fill({
    limit,
    variants: variants === 'all' ? 'all' : 'selected',
    onProgress: (progress) => onFill({ ...progress, networkBytes: media.counters.networkBytes }),
    ...abort,
  });
  onFill({ ...report, networkBytes: media.counters.networkBytes });
  return { ...report, ...media.counters, error: undefined };
}

/** The cache's own limit, as the disk's has a cause of its own. */
function isOverLimit(error: unknown): boolean {
  return error instanceof AssetError && error.code === 'assets/no-space' && error.cause === undefined;
}

const nothingDone: FillReport & Pick<WarmReport, 'error' | 'networkBytes' | 'cachedBytes' | 'requestCount'> = {
  isComplete: false,
  missing: [],
  doneBytes: 0,
  totalBytes: undefined,
  doneResources: 0,
  totalResources: undefined,
  error: undefined,
  networkBytes: 0,
  cachedBytes: 0,
  requestCount: 0,
};
