import type { ByteRange } from '@tutti/storage';
import type { InitSection, MediaSegment } from './playlist/playlist.ts';
import type { SegmentKey } from './playlist/segment-key.ts';

/** One segment or init section as it is fetched and stored. */
export interface FetchTarget {
  readonly uri: string;
  readonly range: ByteRange | undefined;
  readonly key: SegmentKey | undefined;
  /** Of the segment, or of the first segment after an init section: the implicit IV. */
  readonly mediaSequence: number;
  /** `segment 12` or `init section of segment 12`: how messages begin. */
  readonly name: string;
}

/** What to fetch for a segment. */
export function segmentTarget(segment: MediaSegment): FetchTarget {
  const { key, mediaSequence, range, uri } = segment;
  return { uri, range, key, mediaSequence, name: `segment ${mediaSequence}` };
}

/** What to fetch for the init section of a stretch that begins with `segment`. */
export function initTarget(init: InitSection, segment: MediaSegment): FetchTarget {
  const { key, range, uri } = init;
  return { uri, range, key, mediaSequence: segment.mediaSequence, name: `init section of segment ${segment.mediaSequence}` };
}
