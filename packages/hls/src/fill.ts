import { AssetError } from '@tutti/assets';
import type { FillOptions, FillReport } from '@tutti/stream';
import { HlsError, publicUrl } from './hls-error.ts';
import type { FetchTarget, SegmentFetcher } from './segment-fetch.ts';

/** As many as one origin gets: more would queue. */
const DEFAULT_CONCURRENCY = 6;

/**
 * Fetches what is not stored yet, several at once. What cannot be had is listed and the rest goes on; a full disk and an
 * abort end it. What was fetched stays.
 */
export async function fillTargets(
  targets: readonly FetchTarget[],
  fetcher: SegmentFetcher,
  options: FillOptions & { readonly missing: readonly string[] },
): Promise<FillReport> {
  const { concurrency = DEFAULT_CONCURRENCY, onProgress, signal } = options;
  const missing = [...options.missing];
  let doneBytes = 0;
  let doneResources = 0;
  const progress = () => ({
    doneBytes,
    totalBytes: doneResources === targets.length ? doneBytes : undefined,
    doneResources,
    totalResources: targets.length,
  });
  const queue = targets.values();
  let isStopped = false;
  const work = async (): Promise<void> => {
    for (const target of queue) {
      if (isStopped) return;
      signal?.throwIfAborted();
      try {
        const byteCount = fetcher.storedBytes(target) ?? (await fetcher.complete(target, { priority: 'warm', signal }));
        doneBytes += byteCount;
        doneResources += 1;
      } catch (error) {
        signal?.throwIfAborted();
        isStopped = error instanceof AssetError && error.code !== 'assets/not-cached';
        if (isStopped) throw error;
        missing.push(describe(target, error));
      }
      onProgress?.(progress());
    }
  };
  const outcomes = await Promise.allSettled(Array.from({ length: Math.max(1, concurrency) }, work));
  for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
  return { ...progress(), isComplete: missing.length === 0, missing };
}

function describe({ name, uri }: FetchTarget, error: unknown): string {
  if (error instanceof HlsError) return error.message;
  return `${name} (${publicUrl(uri)}): ${error instanceof Error ? error.message : String(error)}`;
}
