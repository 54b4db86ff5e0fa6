import type { InitSection, MediaPlaylist, MediaSegment } from './playlist/playlist.ts';

/** Segments in a row that one decoder can play: same init section, no discontinuity; or a row of gaps. */
export interface Stretch {
  /** Index of its first segment in the playlist. */
  readonly first: number;
  /** Index after its last segment. */
  readonly end: number;
  readonly init: InitSection | undefined;
  readonly isGap: boolean;
}

/** Cuts a playlist into stretches: at every gap, every EXT-X-DISCONTINUITY and every other init section. */
export function stretchesOf(segments: readonly MediaSegment[]): readonly Stretch[] {
  const stretches: Stretch[] = [];
  let first = 0;
  for (const [index, segment] of segments.entries()) {
    const next = segments[index + 1];
    if (next !== undefined && isJoined(segment, next)) continue;
    stretches.push({ first, end: index + 1, init: segment.isGap ? undefined : segment.map, isGap: segment.isGap });
    first = index + 1;
  }
  return stretches;
}

/**
 * Index of the segment that plays at `seconds` by EXTINF: which segment to begin at, never a frame position. The
 * number of segments when that is at or past the end.
 */
export function segmentAt({ segments }: Pick<MediaPlaylist, 'segments'>, seconds: number): number {
  let low = 0;
  let high = segments.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const segment = segments[middle];
    if (segment !== undefined && segment.startSeconds + segment.durationSeconds <= seconds) low = middle + 1;
    else high = middle;
  }
  return low;
}

/**
 * Index of the segment of another variant that begins where `segment` does: the one with the nearest start. Variants of
 * one presentation have matching timestamps (RFC 8216, 6.2.4), not always matching sequence numbers.
 */
export function segmentStartingAt({ segments }: Pick<MediaPlaylist, 'segments'>, seconds: number): number {
  const at = segmentAt({ segments }, seconds);
  const candidate = segments[at];
  const next = segments[at + 1];
  if (candidate === undefined || next === undefined) return at;
  return next.startSeconds - seconds < seconds - candidate.startSeconds ? at + 1 : at;
}

function isJoined(segment: MediaSegment, next: MediaSegment): boolean {
  if (segment.isGap || next.isGap) return segment.isGap && next.isGap;
  return !next.isDiscontinuity && isSameInit(segment.map, next.map);
}

function isSameInit(one: InitSection | undefined, other: InitSection | undefined): boolean {
  if (one === other) return true;
  if (one === undefined || other === undefined) return false;
  return one.uri === other.uri && one.range?.start === other.range?.start && one.range?.end === other.range?.end;
}
