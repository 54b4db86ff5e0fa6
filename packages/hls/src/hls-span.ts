import type { ResourceLease } from '@tutti/assets';
import type { MediaHint } from '@tutti/decode';
import { openSegmentedReader } from '@tutti/stream';
import type { MediaSpan, SpanReader } from '@tutti/stream';
import type { MediaSegment } from './playlist/playlist.ts';
import { SpanFeed } from './span-feed.ts';
import type { SpanFeedOptions } from './span-feed.ts';

export interface HlsSpanOptions extends Pick<
  SpanFeedOptions,
  'parts' | 'leadingParts' | 'lookAhead' | 'playHead' | 'fillGate' | 'acquire' | 'endsBefore' | 'onWaiting' | 'onAcquired'
> {
  readonly label: string;
  readonly hint: MediaHint;
  readonly startSeconds: number;
  readonly offsetSeconds: number;
  /** Discontinuity sequence number of its segments (RFC 8216, 6.2.1): timestamps start anew with each. */
  readonly timeline: number;
  readonly opening?: MediaSpan | undefined;
  /** Length of all parts, in seconds. */
  readonly durationSeconds: number;
  /** Whether the span may end before its last part: its length is then unknown until it is sealed. */
  readonly mayEndEarly: boolean;
}

/** A stretch of segments as one decoder plays it. Its fetching begins when its reader is opened. */
export class HlsSpan implements MediaSpan {
  readonly startSeconds: number;
  readonly offsetSeconds: number;
  readonly timeline: number;
  readonly opening: MediaSpan | undefined;
  readonly isGap = false;
  /** A seek opens other spans. */
  readonly isSeekable = false;
  readonly hint: MediaHint;
  readonly #options: HlsSpanOptions;
  #durationSeconds: number | undefined;
  #feed: SpanFeed | undefined;

  constructor(options: HlsSpanOptions) {
    this.startSeconds = options.startSeconds;
    this.offsetSeconds = options.offsetSeconds;
    this.timeline = options.timeline;
    this.opening = options.opening;
    this.hint = options.hint;
    this.#options = options;
    this.#durationSeconds = options.mayEndEarly ? undefined : options.durationSeconds;
  }

  get durationSeconds(): number | undefined {
    return this.#durationSeconds;
  }

  openReader(doorbell: SharedArrayBuffer): SpanReader {
    const { hint, label } = this.#options;
    const isFirst = this.#feed === undefined;
    const reader = openSegmentedReader({ doorbell, label, hint, onDemand: (demand) => feed.demand(demand) });
    // Only the first reader decides where the span ends; another one of the same span plays the same stretch.
    const feed = new SpanFeed({ ...this.#options, reader, ...(isFirst ? {} : { endsBefore: () => Promise.resolve(false) }) });
    if (isFirst) this.#feed = feed;
    const release = async (): Promise<void> => {
      await feed.close();
      await reader.release();
    };
    return { spec: reader.spec, release };
  }

  /** Where the next span takes over, when it does so before the stretch ends. A span that nobody opened ends with its stretch. */
  async end(signal: AbortSignal | undefined): Promise<MediaSegment | undefined> {
    const { durationSeconds, startSeconds } = this.#options;
    const cut = this.#feed === undefined ? undefined : await untilAborted(this.#feed.sealed, signal);
    this.#durationSeconds = cut === undefined ? durationSeconds : cut.startSeconds - startSeconds;
    return cut;
  }
}

/** A row of EXT-X-GAP segments: silence. */
export function gapSpan(startSeconds: number, durationSeconds: number, offsetSeconds: number): MediaSpan {
  return {
    startSeconds,
    durationSeconds,
    offsetSeconds,
    isGap: true,
    isSeekable: false,
    hint: {},
    openReader: () => {
      throw new TypeError('a gap has no bytes: play silence of its length');
    },
  };
}

/** Keeps a lease that was taken to look at a segment's first bytes until the span takes the same segment. */
export class HeldLease {
  #lease: ResourceLease | undefined;

  constructor(lease: ResourceLease | undefined) {
    this.#lease = lease;
  }

  /** Looks at the lease without taking it. */
  peek(): ResourceLease | undefined {
    return this.#lease;
  }

  /** Gives the lease away, once. */
  take(): ResourceLease | undefined {
    const lease = this.#lease;
    this.#lease = undefined;
    return lease;
  }

  async release(): Promise<void> {
    await this.take()?.release();
  }
}

async function untilAborted<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return work;
  signal.throwIfAborted();
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const abort = (): void => reject(signal.reason);
  signal.addEventListener('abort', abort, { once: true });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}
