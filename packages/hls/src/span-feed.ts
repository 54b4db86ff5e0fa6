import type { ResourceLease } from '@tutti/assets';
import type { StreamingResource } from '@tutti/storage';
import type { SegmentDemand, SegmentedReader } from '@tutti/stream';
import type { MediaSegment } from './playlist/playlist.ts';
import type { FetchTarget } from './fetch-target.ts';
import type { FillGate } from './fill-gate.ts';
import type { PlayHead, PlayMark } from './play-head.ts';
import { committed } from './segment-fetch.ts';

/** How far ahead of the reader segments are fetched: the next one always, others within both limits. */
export interface LookAhead {
  readonly seconds: number;
  readonly bytes: number;
}

/** One part of a span's stream: an init section, or a segment. */
export interface FeedPart {
  readonly target: FetchTarget;
  /** `undefined` for an init section. */
  readonly segment: MediaSegment | undefined;
}

export interface SpanFeedOptions {
  readonly reader: SegmentedReader;
  /** All parts of the stretch, in order. */
  readonly parts: readonly FeedPart[];
  /** Parts that the span has whatever is decided: its init section, its pre-roll and the segment that it was made for. */
  readonly leadingParts: number;
  readonly lookAhead: LookAhead;
  /** Of the whole run. */
  readonly playHead: PlayHead;
  /** Closed, it holds back what is ahead of a reader in its first segment. */
  readonly fillGate: FillGate;
  readonly acquire: (target: FetchTarget, isDemanded: boolean, signal: AbortSignal) => Promise<ResourceLease>;
  /**
   * Asked before each segment but the leading ones, with the media seconds that are fetched and not read yet: true ends the
   * span before that segment.
   */
  readonly endsBefore: (segment: MediaSegment, bufferSeconds: number) => Promise<boolean>;
  /** The reader waits for this segment, or no longer for any. */
  readonly onWaiting: (segment: MediaSegment | undefined) => void;
  readonly onAcquired: (lease: ResourceLease) => void;
}

/** Segments fetched at once when nobody waits: two hide the latency between bodies, more would only share the line. */
const PREFETCH_CONCURRENCY = 2;

/**
 * Appends a span's segments to its reader, in order, ahead of it but never further than the look-ahead. While the reader
 * waits for bytes, only what it waits for is fetched.
 */
export class SpanFeed {
  readonly #options: SpanFeedOptions;
  readonly #controller = new AbortController();
  readonly #sealed = Promise.withResolvers<MediaSegment | undefined>();
  readonly #running: Promise<void>;
  readonly #mark: PlayMark;
  /** Parts that the reader has not come to yet. */
  readonly #ahead = new Map<number, StreamingResource>();
  #demand: SegmentDemand = { partIndex: 0, state: 'waiting' };
  #inFlight = 0;
  #hasFailed = false;
  #wake = Promise.withResolvers<void>();

  constructor(options: SpanFeedOptions) {
    this.#options = options;
    this.#mark = options.playHead.enter(this.#segmentAt(0)?.startSeconds ?? 0);
    this.#running = this.#run();
    void options.fillGate.opened.then(() => this.#wake.resolve());
  }

  /**
   * The segment that the next span begins with when this one was cut short, else `undefined`; resolves when the last part
   * has been appended, failed, or the feed was closed.
   */
  get sealed(): Promise<MediaSegment | undefined> {
    return this.#sealed.promise;
  }

  /** What the reader reports. */
  demand(demand: SegmentDemand): void {
    this.#demand = demand;
    for (const index of this.#ahead.keys()) if (index <= demand.partIndex) this.#ahead.delete(index);
    const reading = this.#segmentAt(demand.partIndex);
    if (demand.state === 'ended') this.#mark.leave();
    else if (reading !== undefined) this.#mark.move(reading.startSeconds);
    const isWaiting = demand.state === 'waiting' || demand.state === 'starved';
    this.#options.onWaiting(isWaiting ? reading : undefined);
    this.#wake.resolve();
  }

  /** Stops fetching; what the reader holds stays its own. Idempotent. */
  async close(): Promise<void> {
    this.#mark.leave();
    this.#controller.abort(new DOMException('the span was closed', 'AbortError'));
    this.#wake.resolve();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { endsBefore, leadingParts, parts, reader } = this.#options;
    const { signal } = this.#controller;
    try {
      for (const [index, part] of parts.entries()) {
        await this.#room(index, part);
        if (this.#hasFailed) break;
        if (
          index >= leadingParts &&
          part.segment !== undefined &&
          (await endsBefore(part.segment, this.#bufferSeconds(part.segment)))
        ) {
          signal.throwIfAborted();
          reader.finish();
          this.#sealed.resolve(part.segment);
          return;
        }
        await this.#append(index, part);
      }
      reader.finish();
    } catch (error) {
      if (!signal.aborted) reader.fail(error instanceof Error ? error : new Error(String(error)));
    }
    this.#sealed.resolve(undefined);
  }

  async #append(index: number, { target }: FeedPart): Promise<void> {
    const { acquire, onAcquired, reader } = this.#options;
    const { signal } = this.#controller;
    const lease = await acquire(target, index <= this.#demand.partIndex || this.#isFirstWait(index), signal);
    if (signal.aborted) {
      await lease.release();
      signal.throwIfAborted();
    }
    onAcquired(lease);
    if (index > this.#demand.partIndex) this.#ahead.set(index, lease.resource);
    this.#inFlight += 1;
    // The reader learns of a failure through the resource itself, when it gets there; here it ends the fetching.
    void committed(lease.resource, signal)
      .catch(() => void (this.#hasFailed = true))
      .finally(() => {
        this.#inFlight -= 1;
        this.#wake.resolve();
      });
    reader.append(lease);
  }

  /** Waits until the next part may be fetched: near enough to the reader, and not in the way of what it waits for. */
  async #room(index: number, part: FeedPart): Promise<void> {
    const { signal } = this.#controller;
    for (;;) {
      signal.throwIfAborted();
      if (this.#hasFailed || this.#isWanted(index, part)) return;
      this.#wake = Promise.withResolvers<void>();
      await this.#wake.promise;
    }
  }

  #isWanted(index: number, { segment }: FeedPart): boolean {
    const { fillGate, lookAhead, parts, playHead } = this.#options;
    const { partIndex, state } = this.#demand;
    if (index <= partIndex || this.#isFirstWait(index)) return true;
    const isInFirst = partIndex === 0 || parts[partIndex - 1]?.segment === undefined;
    if (isInFirst && !fillGate.isOpen) return false;
    const limit = state === 'reading' ? PREFETCH_CONCURRENCY : 1;
    if (this.#inFlight >= limit) return false;
    if (segment === undefined || index === partIndex + 1) return true;
    const aheadSeconds = segment.startSeconds - (playHead.seconds ?? segment.startSeconds);
    return aheadSeconds <= lookAhead.seconds && this.#aheadBytes() < lookAhead.bytes;
  }

  #aheadBytes(): number {
    let byteCount = 0;
    for (const { length, presentBytes } of this.#ahead.values()) byteCount += length ?? presentBytes;
    return byteCount;
  }

  /** What is fetched before `segment` and not read yet. */
  #bufferSeconds({ durationSeconds, startSeconds }: MediaSegment): number {
    const readSeconds = this.#options.playHead.seconds ?? startSeconds;
    return Math.max(0, startSeconds - readSeconds - this.#inFlight * durationSeconds);
  }

  /** An init section is nothing without the first segment: both are fetched at once. */
  #isFirstWait(index: number): boolean {
    return index === 1 && this.#options.parts[0]?.segment === undefined;
  }

  #segmentAt(partIndex: number): MediaSegment | undefined {
    const { parts } = this.#options;
    return parts[partIndex]?.segment ?? parts[partIndex + 1]?.segment;
  }
}
