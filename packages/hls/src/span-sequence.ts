import type { ResourceLease } from '@tutti/assets';
import type { MediaHint } from '@tutti/decode';
import type { MediaSourceEvent, MediaSpan } from '@tutti/stream';
import { initTarget, segmentTarget } from './fetch-target.ts';
import type { FetchTarget } from './fetch-target.ts';
import { gapSpan, HeldLease, HlsSpan } from './hls-span.ts';
import type { MediaSegment } from './playlist/playlist.ts';
import type { SegmentFetcher } from './segment-fetch.ts';
import { formatByName, SNIFF_BYTES, sniffFormat } from './segment-format.ts';
import type { FillGate } from './fill-gate.ts';
import { PlayHead } from './play-head.ts';
import type { FeedPart, LookAhead } from './span-feed.ts';
import { segmentAt, segmentStartingAt } from './stretches.ts';
import type { Stretch } from './stretches.ts';
import type { VariantSet } from './variant-set.ts';
import type { LoadedVariant } from './variant-source.ts';

export interface SpanSequenceOptions {
  readonly label: string;
  readonly fetcher: SegmentFetcher;
  readonly variants: VariantSet;
  readonly lookAhead: LookAhead;
  readonly fillGate: FillGate;
  readonly emit: (event: MediaSourceEvent) => void;
  /** Bytes of a part that was in the cache when it was needed. */
  readonly onCached: (byteCount: number) => void;
}

/** Boundaries nearer than this are one: EXTINF in whole milliseconds is common. */
const BOUNDARY_TOLERANCE_SECONDS = 0.001;

/** Where a span begins. */
interface Entry {
  readonly variant: LoadedVariant;
  readonly stretch: Stretch;
  /** Index of the segment that is wanted. */
  readonly index: number;
  /** Position that is wanted, inside that segment. */
  readonly seconds: number;
  /** The decoder starts here without having played what is before: the segment before is its pre-roll. */
  readonly isMidStream: boolean;
}

/** The spans of one play-through, from a start position to the end, across gaps, discontinuities and variant switches. */
export class SpanSequence {
  readonly #options: SpanSequenceOptions;
  /** The variant that takes over where the present span was cut short. */
  #successor: LoadedVariant | undefined;
  readonly #playHead = new PlayHead();
  #waitsFor: MediaSegment | undefined;

  constructor(options: SpanSequenceOptions) {
    this.#options = options;
  }

  async *from(startSeconds: number, signal: AbortSignal | undefined): AsyncGenerator<MediaSpan, void, undefined> {
    const { variants } = this.#options;
    let variant = variants.selected;
    let seconds = Math.max(0, startSeconds);
    let index = segmentAt(variant.playlist, seconds);
    let isMidStream = seconds > 0;
    // Offline it depends on the place which variant is there.
    const segmentStart = variant.playlist.segments[index]?.startSeconds ?? seconds;
    const stored = variants.isOffline ? await variants.next({ seconds: segmentStart, bufferSeconds: 0, signal }) : undefined;
    if (stored !== undefined) {
      variants.apply(stored);
      variant = stored;
      index = segmentAt(variant.playlist, seconds);
    }
    for (;;) {
      signal?.throwIfAborted();
      const at = index;
      const stretch = variant.stretches.find(({ end, first }) => first <= at && at < end);
      if (stretch === undefined) return;
      let cut: MediaSegment | undefined;
      if (stretch.isGap) {
        yield this.#gap(variant, stretch, { index, seconds });
        index = stretch.end;
      } else {
        const held = await this.#format({ variant, stretch, index, seconds, isMidStream }, signal);
        const { span } = held;
        try {
          yield span;
          cut = await span.end(signal);
        } finally {
          await held.lease.release();
        }
        const successor = this.#successor;
        this.#successor = undefined;
        if (cut === undefined || successor === undefined) index = stretch.end;
        else {
          variants.apply(successor);
          variant = successor;
          index = segmentStartingAt(variant.playlist, cut.startSeconds);
        }
        isMidStream = cut !== undefined;
      }
      seconds = cut?.startSeconds ?? variant.playlist.segments[index]?.startSeconds ?? variant.playlist.durationSeconds;
      if (stretch.isGap) isMidStream = false;
    }
  }

  #gap({ playlist }: LoadedVariant, stretch: Stretch, { index, seconds }: Pick<Entry, 'index' | 'seconds'>): MediaSpan {
    const startSeconds = playlist.segments[index]?.startSeconds ?? 0;
    const endSeconds = playlist.segments[stretch.end]?.startSeconds ?? playlist.durationSeconds;
    return gapSpan(startSeconds, endSeconds - startSeconds, Math.max(0, seconds - startSeconds));
  }

  /** Makes the span at `entry`, after a look at the first bytes where nothing else tells the format. */
  async #format(entry: Entry, signal: AbortSignal | undefined): Promise<{ readonly span: HlsSpan; readonly lease: HeldLease }> {
    const { stretch, variant } = entry;
    const wanted = variant.playlist.segments[entry.index];
    // Codecs cut at their own packets: where another variant ended earlier, the segment before holds what is missing.
    const isLate = wanted !== undefined && wanted.startSeconds - entry.seconds > BOUNDARY_TOLERANCE_SECONDS;
    const hasPreRoll = entry.isMidStream && (!variant.rung.isLossless || isLate) && entry.index > stretch.first;
    const first = entry.index - (hasPreRoll && this.#canHave(variant.playlist.segments[entry.index - 1]) ? 1 : 0);
    const segments = variant.playlist.segments.slice(first, stretch.end);
    const [firstSegment] = segments;
    if (firstSegment === undefined) throw new RangeError(`stretch without segments at ${first}`);
    const known = formatByName(firstSegment);
    const lease = new HeldLease(known === undefined ? await this.#acquire(segmentTarget(firstSegment), true, signal) : undefined);
    try {
      const hint = known ?? (await sniff(lease.peek(), signal)) ?? {};
      return { span: this.#span(entry, { segments, firstSegment, hint, lease }), lease };
    } catch (error) {
      await lease.release();
      throw error;
    }
  }

  #span(
    { index, seconds, stretch, variant }: Entry,
    {
      firstSegment,
      hint,
      lease,
      segments,
    }: {
      readonly segments: readonly MediaSegment[];
      readonly firstSegment: MediaSegment;
      readonly hint: MediaHint;
      readonly lease: HeldLease;
    },
  ): HlsSpan {
    const { fillGate, label, lookAhead, onCached, variants } = this.#options;
    const { playlist } = variant;
    const parts: FeedPart[] = segments.map((segment) => ({ target: segmentTarget(segment), segment }));
    const initOwner = playlist.segments[stretch.first] ?? firstSegment;
    if (stretch.init !== undefined) parts.unshift({ target: initTarget(stretch.init, initOwner), segment: undefined });
    const endSeconds = playlist.segments[stretch.end]?.startSeconds ?? playlist.durationSeconds;
    const { startSeconds } = firstSegment;
    return new HlsSpan({
      label,
      hint,
      lookAhead,
      playHead: this.#playHead,
      fillGate,
      parts,
      leadingParts: parts.findIndex(({ segment }) => segment === playlist.segments[index]) + 1,
      startSeconds,
      offsetSeconds: Math.max(0, seconds - startSeconds),
      timeline: firstSegment.discontinuitySequence,
      opening: this.#opening(variant, { firstSegment, hint }),
      durationSeconds: endSeconds - startSeconds,
      mayEndEarly: variants.canSwitch,
      acquire: async (target, isDemanded, signal) =>
        (target.name === segmentTarget(firstSegment).name ? lease.take() : undefined) ?? this.#acquire(target, isDemanded, signal),
      endsBefore: async (segment, bufferSeconds) => {
        const successor = await variants.next({ seconds: segment.startSeconds, bufferSeconds, signal: undefined });
        if (successor !== undefined) this.#successor = successor;
        return successor !== undefined;
      },
      onWaiting: (segment) => this.#waiting(segment),
      onAcquired: ({ resource, wasComplete }) => onCached(wasComplete ? (resource.length ?? 0) : 0),
    });
  }

  /** The first segment of a timeline by itself, for whoever enters it further on. */
  #opening(
    { playlist, stretches }: LoadedVariant,
    { firstSegment, hint }: { readonly firstSegment: MediaSegment; readonly hint: MediaHint },
  ): MediaSpan | undefined {
    const { fillGate, label, lookAhead } = this.#options;
    const timeline = firstSegment.discontinuitySequence;
    const index = playlist.segments.findIndex((segment) => segment.discontinuitySequence === timeline && !segment.isGap);
    const segment = playlist.segments[index];
    if (segment === undefined || segment === firstSegment || !this.#canHave(segment)) return undefined;
    const parts: FeedPart[] = [{ target: segmentTarget(segment), segment }];
    const stretch = stretches.find(({ end }) => index < end);
    const initOwner = playlist.segments[stretch?.first ?? index] ?? segment;
    if (segment.map !== undefined) parts.unshift({ target: initTarget(segment.map, initOwner), segment: undefined });
    return new HlsSpan({
      label,
      hint: formatByName(segment) ?? hint,
      lookAhead,
      playHead: new PlayHead(),
      fillGate,
      parts,
      leadingParts: parts.length,
      startSeconds: segment.startSeconds,
      offsetSeconds: 0,
      timeline,
      durationSeconds: segment.durationSeconds,
      mayEndEarly: false,
      acquire: (target, isDemanded, signal) => this.#acquire(target, isDemanded, signal),
      endsBefore: () => Promise.resolve(false),
      onWaiting: () => {},
      onAcquired: () => {},
    });
  }

  /** Offline only what is stored can be had; a start without its pre-roll is better than none. */
  #canHave(segment: MediaSegment | undefined): boolean {
    const { fetcher } = this.#options;
    return segment !== undefined && (!fetcher.isOffline || fetcher.storedBytes(segmentTarget(segment)) !== undefined);
  }

  async #acquire(target: FetchTarget, isDemanded: boolean, signal: AbortSignal | undefined): Promise<ResourceLease> {
    return this.#options.fetcher.acquire(target, { priority: isDemanded ? 'demand' : 'prefetch', signal });
  }

  #waiting(segment: MediaSegment | undefined): void {
    const before = this.#waitsFor;
    if (segment === before) return;
    this.#waitsFor = segment;
    const { emit, fetcher } = this.#options;
    if (segment === undefined) return emit({ type: 'playing' });
    fetcher.urge(segmentTarget(segment));
    if (before === undefined) emit({ type: 'buffering', positionBytes: undefined, startSeconds: segment.startSeconds });
  }
}

async function sniff(lease: ResourceLease | undefined, signal: AbortSignal | undefined): Promise<MediaHint | undefined> {
  if (lease === undefined) return undefined;
  const { resource } = lease;
  await resource.waitRange({ start: 0, end: SNIFF_BYTES }, signal === undefined ? {} : { signal });
  const head = new Uint8Array(SNIFF_BYTES);
  return sniffFormat(head.subarray(0, await resource.readAt(0, head)));
}
