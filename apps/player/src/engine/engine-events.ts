import type { TrackInfo } from '@tutti/decode';
import type { MediaSource, SourceCounters } from '@tutti/stream';
import type { Track } from './track.ts';

/** One thing to be played; opened when its turn comes near. */
export interface QueueItem {
  readonly label: string;
  open(signal: AbortSignal): Promise<MediaSource>;
}

/** What became of one track. */
export interface TrackReport {
  readonly index: number;
  readonly label: string;
  /** Why it was given up; `undefined` when it was played. */
  readonly error: unknown;
  readonly info: TrackInfo | undefined;
  readonly counters: SourceCounters | undefined;
  /** Damaged packets that were left out. */
  readonly lostPackets: number;
}

export interface EngineReport {
  readonly tracks: readonly TrackReport[];
  readonly underrunCount: number;
  /** Sound that was given to the output, in seconds. */
  readonly playedSeconds: number;
}

/** For observing; nothing depends on a listener. */
export type EngineEvent =
  | { readonly type: 'opening'; readonly index: number; readonly label: string }
  | { readonly type: 'track'; readonly index: number; readonly label: string; readonly track: Track }
  | { readonly type: 'track-end'; readonly index: number; readonly report: TrackReport }
  | { readonly type: 'track-failed'; readonly index: number; readonly label: string; readonly error: unknown }
  | { readonly type: 'first-pcm' }
  | { readonly type: 'buffering' }
  | { readonly type: 'playing' }
  | { readonly type: 'paused' }
  | { readonly type: 'resumed' }
  | { readonly type: 'volume'; readonly decibels: number }
  | { readonly type: 'seeked'; readonly seconds: number };
