import { initTarget, segmentTarget } from './fetch-target.ts';
import type { FetchTarget } from './fetch-target.ts';
import { HlsError, publicUrl } from './hls-error.ts';
import type { LadderRung } from './ladder.ts';
import type { MediaPlaylist } from './playlist/playlist.ts';
import { checkSupported } from './playlist/segment-key.ts';
import type { SegmentFetcher } from './segment-fetch.ts';
import { stretchesOf } from './stretches.ts';
import type { Stretch } from './stretches.ts';

/** A rung whose media playlist is loaded and found playable. */
export interface LoadedVariant {
  readonly rung: LadderRung;
  readonly playlist: MediaPlaylist;
  readonly stretches: readonly Stretch[];
}

/**
 * Checks that a media playlist can be played, before anything that it names is fetched. `allowsUnfinished` takes a live one as
 * it stands. Throws `hls/no-segments`,
 * `hls/live`, `hls/unsupported-encryption` and `hls/no-playable-variant` (I-frames only).
 */
export function loadVariant(
  rung: LadderRung,
  playlist: MediaPlaylist,
  { allowsUnfinished }: { readonly allowsUnfinished: boolean },
): LoadedVariant {
  const url = rung.uri;
  const name = publicUrl(url);
  if (playlist.segments.length === 0)
    throw new HlsError('hls/no-segments', `playlist ${name} has no segments: nothing to play`, { url });
  if (!playlist.isEnded && playlist.type !== 'VOD' && !allowsUnfinished) {
    throw new HlsError(
      'hls/live',
      `playlist ${name} is a live stream that has not ended: live streams are not played yet, only finished ones`,
      {
        url,
      },
    );
  }
  if (playlist.isIFramesOnly) {
    throw new HlsError(
      'hls/no-playable-variant',
      `playlist ${name} holds video key frames only: choose its multivariant playlist`,
      { url },
    );
  }
  for (const { key, map } of playlist.segments) {
    if (key !== undefined) checkSupported(key, url);
    if (map?.key !== undefined) checkSupported(map.key, url);
  }
  return { rung, playlist, stretches: stretchesOf(playlist.segments) };
}

/** Everything that playing a variant fetches, in order, each once: init sections before their segments; gaps left out. */
export function targetsOf({ playlist, stretches }: LoadedVariant, from = 0): readonly FetchTarget[] {
  const targets: FetchTarget[] = [];
  const seen = new Set<string>();
  const add = (target: FetchTarget): void => {
    const id = `${target.uri} ${target.range?.start ?? ''} ${target.range?.end ?? ''}`;
    if (!seen.has(id)) targets.push(target);
    seen.add(id);
  };
  for (const { end, first, init, isGap } of stretches) {
    if (isGap || end <= from) continue;
    const segments = playlist.segments.slice(Math.max(first, from), end);
    const [firstSegment] = segments;
    if (init !== undefined && firstSegment !== undefined) add(initTarget(init, playlist.segments[first] ?? firstSegment));
    for (const segment of segments) add(segmentTarget(segment));
  }
  return targets;
}

/** Whether all that is left of a variant is stored: playing it needs no network. */
export function isWholeStored(variant: LoadedVariant, fetcher: SegmentFetcher, from = 0): boolean {
  return targetsOf(variant, from).every((target) => fetcher.storedBytes(target) !== undefined);
}
