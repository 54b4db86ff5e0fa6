import { segmentTarget } from './fetch-target.ts';
import type { SegmentFetcher } from './segment-fetch.ts';
import { targetsOf } from './variant-source.ts';
import type { LoadedVariant } from './variant-source.ts';

/** What a fill would fetch, found out from playlists and the cache alone. */
export interface FillPlan {
  /** Segments and init sections. */
  readonly totalResources: number;
  readonly cachedResources: number;
  readonly cachedBytes: number;
  /**
   * About how many bytes are to be fetched: of byte ranges exactly, of other segments by BANDWIDTH and duration; `undefined`
   * where nothing tells. Init sections that are whole files are left out of it.
   */
  readonly missingBytes: number | undefined;
  /** What cannot be had as far as is known by now, one line each. */
  readonly missing: readonly string[];
}

/** Counts what a fill of the variants would fetch. */
export function planFill(variants: readonly LoadedVariant[], fetcher: SegmentFetcher, missing: readonly string[]): FillPlan {
  let [totalResources, cachedResources, cachedBytes] = [0, 0, 0];
  let missingBytes: number | undefined = 0;
  for (const variant of variants) {
    const seconds = new Map(
      variant.playlist.segments.map((segment) => [fetcher.keyOf(segmentTarget(segment)).relPath, segment.durationSeconds]),
    );
    for (const target of targetsOf(variant)) {
      totalResources += 1;
      const storedBytes = fetcher.storedBytes(target);
      if (storedBytes !== undefined) {
        cachedResources += 1;
        cachedBytes += storedBytes;
        continue;
      }
      const durationSeconds = seconds.get(fetcher.keyOf(target).relPath);
      const bytes =
        target.range === undefined
          ? estimatedBytes(variant.rung.bandwidth, durationSeconds)
          : target.range.end - target.range.start;
      missingBytes = missingBytes === undefined || bytes === undefined ? undefined : missingBytes + bytes;
    }
  }
  return { totalResources, cachedResources, cachedBytes, missingBytes, missing };
}

/** Of an init section, which has no duration, nothing; of a segment what its share of the bandwidth comes to. */
function estimatedBytes(bandwidth: number, durationSeconds: number | undefined): number | undefined {
  if (durationSeconds === undefined) return 0;
  return bandwidth === 0 ? undefined : Math.round((bandwidth / 8) * durationSeconds);
}
