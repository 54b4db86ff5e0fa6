import { AssetError } from '@tutti/assets';
import type { FillProgress, FillReport } from '@tutti/stream';
import type { Cache } from '../compose.ts';
import { otherWriter } from './cache-writer.ts';
import { openMedia, type VariantChoice } from './open-media.ts';
import { sourceLabel } from './source-label.ts';

export interface WarmOptions {
  readonly cache: Cache;
  /** Which rungs of an HLS ladder. Default `auto`. */
  readonly variant?: VariantChoice;
  /** Resources fetched at once. Default 6. */
  readonly concurrency?: number;
  /** Called with the source as it may be shown. */
  readonly onProgress?: (source: string, progress: FillProgress) => void;
  readonly signal?: AbortSignal;
}

/** What became of one source. */
export interface WarmReport extends FillReport {
  /** As it may be shown: a URL without query and credentials. */
  readonly source: string;
  /** Why the source could not be opened or finished; `undefined` when nothing was thrown. */
  readonly error: unknown;
  readonly networkBytes: number;
  readonly cachedBytes: number;
  readonly requestCount: number;
}

/**
 * Fetches everything that playing the sources would need, one source after the other, and reports on each in the same order.
 * Failures are in the reports, never thrown. Abort is, what was fetched until then stays and is not fetched again; and so is
 * `assets/locked` when another process writes this cache, so that nothing could be kept.
 */
export async function warm(sources: readonly string[], options: WarmOptions): Promise<readonly WarmReport[]> {
  const { store } = options.cache;
  if (store.obstacle !== undefined) throw store.obstacle;
  const writer = await otherWriter(store);
  if (writer !== undefined) {
    throw new AssetError(
      'assets/locked',
      `warm cache ${store.root}: ${writer} is writing it; wait for that or stop it, or choose another directory`,
      {
        subject: store.root,
      },
    );
  }
  const reports: WarmReport[] = [];
  for (const source of sources) {
    options.signal?.throwIfAborted();
    reports.push(await warmOne(source, options));
  }
  return reports;
}

async function warmOne(source: string, options: WarmOptions): Promise<WarmReport> {
  const { cache, concurrency, onProgress, signal, variant } = options;
  const label = sourceLabel(source);
  try {
    await using media = await openMedia(source, {
      cache,
      ...(variant === undefined ? {} : { variant }),
      ...(signal === undefined ? {} : { signal }),
    });
    const report = await media.fill({
      ...(signal === undefined ? {} : { signal }),
      ...(concurrency === undefined ? {} : { concurrency }),
      onProgress: (progress) => onProgress?.(label, progress),
    });
    return { ...report, ...media.counters, source: label, error: undefined };
  } catch (error) {
    signal?.throwIfAborted();
    return { ...nothingDone, source: label, error };
  }
}

const nothingDone = {
  isComplete: false,
  missing: [],
  doneBytes: 0,
  totalBytes: undefined,
  doneResources: 0,
  totalResources: undefined,
  networkBytes: 0,
  cachedBytes: 0,
  requestCount: 0,
} as const;
