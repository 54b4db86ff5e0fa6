import type { TrackInfo } from '@tutti/decode';
import type { MediaSpan } from '@tutti/stream';

/** Where a span's decoded frames belong on the track. */
export interface Placement {
  /** Track position of the span's first decoded frame. */
  readonly baseFrames: number;
  /** Frames at the span's beginning that lie before the wanted position: pre-roll. */
  readonly dropFrames: number;
}

/** What a span is placed by. */
export interface PlacedSpan {
  readonly span: Pick<MediaSpan, 'startSeconds' | 'offsetSeconds' | 'timeline'>;
  readonly info: Pick<TrackInfo, 'sampleRate' | 'firstTimestampSeconds'>;
  /** End of the span that was played before, in seconds of the track; `undefined` after opening and after a seek. */
  readonly followsSeconds: number | undefined;
  /** The position that was sought, in seconds of the track. Default: where the playlist says that it lies in the span. */
  readonly wantedSeconds?: number | undefined;
}

/** The clock of MPEG-TS and packed audio has 33 bits at 90 kHz: after 26.5 hours it begins again. */
const timestampWrapSeconds = 2 ** 33 / 90_000;

/**
 * Places spans on the track by the timestamps in their media, relative to the first span of each timeline: playlists round
 * durations, media do not. Only where there are no timestamps, or where a timeline is entered in the middle and its beginning cannot
 * be had, the playlist is believed.
 */
export class SpanPlacement {
  /** Media time of the track's second 0, by timeline; at most one entry per discontinuity that was met. */
  readonly #origins = new Map<number, number>();

  /** Whether it is known where spans of this timeline belong. */
  knows(timeline: number): boolean {
    return this.#origins.has(timeline);
  }

  /** Takes note of the span that a timeline begins with, without placing it. */
  learn({ info: { firstTimestampSeconds }, span: { startSeconds, timeline } }: Pick<PlacedSpan, 'span' | 'info'>): void {
    if (timeline === undefined || firstTimestampSeconds === undefined) return;
    this.#origins.set(timeline, firstTimestampSeconds - startSeconds);
  }

  place({ followsSeconds, info, span, wantedSeconds = span.startSeconds + span.offsetSeconds }: PlacedSpan): Placement {
    const { firstTimestampSeconds, sampleRate } = info;
    const listedFrames = Math.round(span.startSeconds * sampleRate);
    const listed = {
      baseFrames: listedFrames,
      dropFrames: Math.max(0, Math.round(wantedSeconds * sampleRate) - listedFrames),
    };
    if (span.timeline === undefined || firstTimestampSeconds === undefined) return listed;
    const isBeginning = span.startSeconds === 0 && followsSeconds === undefined;
    const known = isBeginning ? undefined : this.#origins.get(span.timeline);
    if (known === undefined) {
      const startSeconds = span.startSeconds === 0 ? 0 : (followsSeconds ?? span.startSeconds);
      this.#origins.set(span.timeline, firstTimestampSeconds - startSeconds);
      return followsSeconds === undefined ? listed : { baseFrames: Math.round(startSeconds * sampleRate), dropFrames: 0 };
    }
    const elapsed = firstTimestampSeconds - known;
    const baseFrames = Math.round((elapsed < -timestampWrapSeconds / 2 ? elapsed + timestampWrapSeconds : elapsed) * sampleRate);
    const wantedFrames = Math.round((followsSeconds ?? wantedSeconds) * sampleRate);
    return { baseFrames, dropFrames: Math.max(0, wantedFrames - baseFrames) };
  }
}
