import type { DecodeSpec, MediaHint } from '@tutti/decode';
import type { TransferLimit } from './transfer-limit.ts';

/** A stretch of media that one decoder plays from its first byte to its end. */
export interface MediaSpan {
  /** Where the span begins on the media's timeline, in seconds; a seekable span always begins at 0. */
  readonly startSeconds: number;
  /** Length where it is known, in seconds. */
  readonly durationSeconds: number | undefined;
  /**
   * Where the wanted position lies inside the span, in seconds (≥ 0): the engine decodes from the span's beginning and
   * drops what comes before, or seeks by frame when `isSeekable`.
   */
  readonly offsetSeconds: number;
  /**
   * Which clock the media's own timestamps belong to: those of spans with the same number can be compared, so that spans
   * join by them and not by what the playlist says. `undefined` where there are none.
   */
  readonly timeline?: number;
  /**
   * A short span at the beginning of the timeline, where this one begins further on: what is listed of a beginning is right, what is
   * listed behind it has errors that add up, so the two timestamps together tell where this span lies. `undefined` where it begins
   * there itself, or where the beginning cannot be had.
   */
  readonly opening?: MediaSpan | undefined;
  /** No media here: silence of `durationSeconds`. `openReader` must not be called. */
  readonly isGap: boolean;
  /** Whether the decoder may seek by frame inside the span. */
  readonly isSeekable: boolean;
  readonly hint: MediaHint;
  /** Opens the bytes for a decode worker that waits on `doorbell`. */
  openReader(doorbell: SharedArrayBuffer): SpanReader;
}

/** Main-thread side of one reader in a decode worker. */
export interface SpanReader {
  readonly spec: DecodeSpec;
  /** Frees files and ports. Call after the worker has closed the stream. Idempotent. */
  release(): Promise<void>;
}

/** Counters of one source since it was opened. */
export interface SourceCounters {
  /** Media bytes that came over the network. */
  readonly networkBytes: number;
  /** Media bytes that were in the cache already when they were needed. */
  readonly cachedBytes: number;
  readonly requestCount: number;
}

export type MediaSourceEvent =
  | { readonly type: 'buffering'; readonly positionBytes: number | undefined; readonly startSeconds: number | undefined }
  | { readonly type: 'playing' }
  | { readonly type: 'ranges-ignored' }
  | { readonly type: 'complete' }
  | { readonly type: 'variant'; readonly bandwidth: number; readonly codecs: string | undefined; readonly reason: string }
  | { readonly type: 'variant-skipped'; readonly bandwidth: number; readonly reason: string };

export interface FillProgress {
  readonly doneBytes: number;
  readonly totalBytes: number | undefined;
  readonly doneResources: number;
  readonly totalResources: number | undefined;
}

export interface FillReport extends FillProgress {
  readonly isComplete: boolean;
  /** What could not be had, one line each, without secrets. */
  readonly missing: readonly string[];
  /** What ended it before everything was tried: a full cache. */
  readonly stoppedBy?: Error;
}

export interface FillOptions {
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: FillProgress) => void;
  /** Shared with other fills that go on. Default: six at once, of its own. */
  readonly limit?: TransferLimit;
  /** Which variants of an adaptive presentation. Default `selected`. */
  readonly variants?: 'selected' | 'all';
}

/** Something that can be played: a local file, a progressive URL or an HLS presentation. */
export interface MediaSource extends AsyncDisposable {
  readonly kind: 'file' | 'progressive' | 'hls';
  /** For messages: path, or URL without query and credentials. */
  readonly label: string;
  /** Length by the playlist, where there is one; decoding knows better. */
  readonly durationSeconds: number | undefined;
  /** Where the author wants playing to begin, in seconds, when the listener does not say. Default: at the beginning. */
  readonly preferredStartSeconds?: number | undefined;
  readonly counters: SourceCounters;
  /** The spans from `startSeconds` on, in order; each is made when it is asked for. */
  spans(options: { readonly startSeconds: number; readonly signal?: AbortSignal }): AsyncIterable<MediaSpan>;
  /** Fetches everything that playing would need into the cache, at `warm` priority. */
  fill(options?: FillOptions): Promise<FillReport>;
  /**
   * Allows the source to fetch in the background what no reader has asked for yet. Call it once sound is out, so that the
   * first bytes have the line for themselves; it does nothing where there is nothing to fetch. Idempotent.
   */
  startFill?(): void;
  on(listener: (event: MediaSourceEvent) => void): Disposable;
  /** Releases leases; readers must be released before. Idempotent. */
  close(): Promise<void>;
}
