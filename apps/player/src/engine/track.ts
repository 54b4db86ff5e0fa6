import { DecodeWorker, type DecodeStream, type TrackInfo } from '@tutti/decode';
import type { MediaSource, MediaSpan } from '@tutti/stream';
import type { PcmFormat } from '../output/output.ts';
import { ListedTime } from './listed-time.ts';
import { JoinSmoothing } from './join-smoothing.ts';
import { decodedSpan, gapSpan, restOfGap, type OpenSpan } from './open-span.ts';
import { SpanPlacement, type PlacedSpan, type Placement } from './span-placement.ts';

/** One answer of `Track.read`. */
export type TrackRead =
  | {
      readonly kind: 'pcm';
      /** Interleaved, in `format`; a view of the caller's buffer. */
      readonly samples: Float32Array;
      /** Frame index of the first frame on the track's own timeline. */
      readonly positionFrames: number;
      readonly format: PcmFormat;
    }
  | { readonly kind: 'empty' }
  | { readonly kind: 'end' };

export interface TrackOptions {
  /** Default: where the presentation asks to begin, else 0. */
  readonly startSeconds?: number;
  /** A thread that runs already, which the track takes over. Default: a new one. */
  readonly worker?: DecodeWorker;
  readonly signal?: AbortSignal;
}

/**
 * A few kilobytes take well under a second on any line that could play, and a thread some seconds to start on a machine that is busy:
 * longer is an outage, and not worth waiting for.
 */
const originPatienceMs = 15_000;

/** Assumed for a gap before any sound: the CD's format. */
const defaultFormat: PcmFormat = { sampleRate: 44_100, channelCount: 2 };

/**
 * One media source as a continuous run of PCM: opens its spans one after the other on one decode worker, the next before the
 * current one has been read to its end, and joins them frame by frame.
 */
export class Track implements AsyncDisposable {
  readonly #source: MediaSource;
  readonly #worker: DecodeWorker;
  #iterator: AsyncIterator<MediaSpan> | undefined;
  #current: OpenSpan | undefined;
  #next: Promise<OpenSpan | undefined> | undefined;
  #preparation = new AbortController();
  #info: TrackInfo | undefined;
  readonly #spanPlacement = new SpanPlacement();
  readonly #joins = new JoinSmoothing();
  readonly #listedTime = new ListedTime();
  #placement: Placement = { baseFrames: 0, dropFrames: 0 };
  #positionFrames = 0;
  #lostPackets = 0;
  #isClosed = false;

  private constructor(source: MediaSource, worker: DecodeWorker) {
    this.#source = source;
    this.#worker = worker;
  }

  /**
   * Opens a source, which may still be opening, at `startSeconds` and resolves when its first span is ready to be read. The track owns
   * neither the source nor its cache: close the track first, then the source. Abort closes what was opened.
   */
  static async open(opening: MediaSource | Promise<MediaSource>, options: TrackOptions = {}): Promise<Track> {
    options.signal?.throwIfAborted();
    await using unused = new AsyncDisposableStack();
    const worker = unused.use(options.worker ?? DecodeWorker.start());
    const source = await opening;
    unused.move();
    const track = new Track(source, worker);
    try {
      await track.#start(options.startSeconds ?? source.preferredStartSeconds ?? 0, options.signal);
      return track;
    } catch (error) {
      await track.close();
      throw error;
    }
  }

  get source(): MediaSource {
    return this.#source;
  }

  /** What the decoder learned from the first span; `undefined` while only gaps were met. */
  get info(): TrackInfo | undefined {
    return this.#info;
  }

  get format(): PcmFormat {
    return this.#current?.format ?? defaultFormat;
  }

  /** Frame index of the next frame that `read` gives. */
  get positionFrames(): number {
    return this.#positionFrames;
  }

  /** Damaged packets that were left out so far. */
  get lostPackets(): number {
    return this.#lostPackets + (this.#current?.lostPackets ?? 0);
  }

  /** Length in seconds: by the decoder for a file, by the playlist for HLS. */
  get durationSeconds(): number | undefined {
    const frames = this.#source.kind === 'hls' ? undefined : this.#info?.durationFrames;
    return frames === undefined || this.#info === undefined ? this.#source.durationSeconds : frames / this.#info.sampleRate;
  }

  /** Copies out what is decoded, at most `into.length` samples. Throws what ended the decoding. */
  read(into: Float32Array): TrackRead {
    const span = this.#current;
    if (span === undefined) return { kind: this.#next === undefined ? 'end' : 'empty' };
    const { channelCount } = span.format;
    const result = span.read(into.subarray(0, into.length - (into.length % channelCount)));
    if (result.kind === 'end') {
      if (this.#next !== undefined) this.#advance(span, this.#next);
      return { kind: 'empty' };
    }
    if (result.kind === 'empty') return result;
    const { baseFrames, dropFrames } = this.#placement;
    const surplus = Math.min(result.frameCount, Math.max(0, dropFrames - result.positionFrames));
    this.#joins.hide(into.subarray(0, surplus * channelCount), channelCount);
    if (surplus === result.frameCount) return { kind: 'empty' };
    const positionFrames = baseFrames + result.positionFrames + surplus;
    this.#positionFrames = positionFrames + result.frameCount - surplus;
    if (this.#source.kind === 'hls') this.#source.startFill?.();
    const samples = into.subarray(surplus * channelCount, result.frameCount * channelCount);
    this.#joins.hear(samples, span.format);
    return { kind: 'pcm', samples, positionFrames, format: span.format };
  }

  /** Resolves when `read` will give something new. Rejects with what made the next span fail. Abort only stops waiting. */
  async waitReadable(options: { readonly signal: AbortSignal }): Promise<void> {
    options.signal.throwIfAborted();
    if (this.#current === undefined && this.#next !== undefined) await untilAborted(this.#next, options.signal);
    await this.#current?.waitReadable(options.signal);
  }

  /** Moves to `seconds` from the beginning; the next `read` gives the frame there. */
  async seek(seconds: number, options: { readonly signal: AbortSignal }): Promise<void> {
    const span = this.#current;
    const target = Math.max(0, seconds);
    if (span !== undefined && this.#source.kind !== 'hls' && span.info?.isSeekable === true) {
      const frame = Math.round(target * span.format.sampleRate);
      await span.seek(frame, options.signal);
      this.#placement = { ...this.#placement, dropFrames: 0 };
      this.#positionFrames = frame;
      return;
    }
    await this.#stopSpans();
    await this.#start(target, options.signal);
  }

  /** Stops decoding and releases every reader; the source stays open. Idempotent. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#preparation.abort();
    // The worker first: a decoder that waits for bytes gives up its readers only then.
    await this.#worker.close();
    await this.#stopSpans();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** Opens the span that holds `wantedSeconds`, where the playlist lists it or, when its media lie elsewhere, where they do. */
  async #start(wantedSeconds: number, signal: AbortSignal | undefined): Promise<void> {
    let aimSeconds: number | undefined = this.#listedTime.aim(wantedSeconds, this.#source.durationSeconds);
    for (let isFirstTry = true; aimSeconds !== undefined; isFirstTry = false) {
      const span = await this.#enter(aimSeconds, signal);
      const placement = span === undefined ? undefined : this.#place(span, { followsSeconds: undefined, wantedSeconds });
      aimSeconds = placement === undefined ? undefined : this.#betterAim(span, { placement, wantedSeconds, isFirstTry });
      if (aimSeconds === undefined) this.#adopt(span, placement);
      else await this.#stopSpans();
    }
    this.#positionFrames = this.#placement.baseFrames + this.#placement.dropFrames + (this.#current?.startFrame ?? 0);
  }

  async #enter(startSeconds: number, signal: AbortSignal | undefined): Promise<OpenSpan | undefined> {
    this.#preparation = new AbortController();
    this.#joins.reset();
    this.#iterator = this.#source.spans({ startSeconds, signal: this.#preparation.signal })[Symbol.asyncIterator]();
    this.#next = this.#prepare();
    return signal === undefined ? this.#next : untilAborted(this.#next, signal);
  }

  #betterAim(
    open: OpenSpan | undefined,
    {
      isFirstTry,
      placement,
      wantedSeconds,
    }: {
      readonly placement: Placement;
      readonly wantedSeconds: number;
      readonly isFirstTry: boolean;
    },
  ): number | undefined {
    if (open?.info === undefined || open.span.isSeekable) return undefined;
    const { startSeconds: listedSeconds, offsetSeconds } = open.span;
    const { sampleRate } = open.format;
    const actualSeconds = placement.baseFrames / sampleRate;
    const surplusSeconds = (Math.round(wantedSeconds * sampleRate) - placement.baseFrames) / sampleRate;
    return this.#listedTime.correct({ listedSeconds, actualSeconds, offsetSeconds, surplusSeconds }, isFirstTry);
  }

  /** Opens the span after the ones that were prepared before; `undefined` at the end of the source. */
  async #prepare(): Promise<OpenSpan | undefined> {
    const { signal } = this.#preparation;
    const step = await this.#iterator?.next();
    if (step === undefined || step.done === true) return undefined;
    const span = await this.#openSpan(step.value, signal);
    if (signal.aborted) {
      await span.close();
      throw signal.reason;
    }
    this.#info ??= span.info;
    return span;
  }

  /** Makes a span the current one. */
  #adopt(span: OpenSpan | undefined, placement: Placement | undefined): void {
    this.#current = span;
    this.#placement = placement ?? this.#placement;
    this.#next = span === undefined ? undefined : this.#prepare();
    // A failure is thrown where the span is waited for; until then it must not count as unhandled.
    this.#next?.catch(() => {});
  }

  /** `followsSeconds` is where the span before it ended on the track. */
  #place({ format, info, span, startFrame }: OpenSpan, wish: Omit<PlacedSpan, 'span' | 'info'>): Placement {
    if (info !== undefined && startFrame === 0) return this.#spanPlacement.place({ span, info, ...wish });
    return { baseFrames: Math.round((wish.followsSeconds ?? span.startSeconds) * format.sampleRate), dropFrames: 0 };
  }

  /** The current span was read to its end: goes on with the prepared one as soon as it is there. */
  #advance(finished: OpenSpan, next: Promise<OpenSpan | undefined>): void {
    const { signal } = this.#preparation;
    const followsSeconds = this.#positionFrames / finished.format.sampleRate;
    this.#lostPackets += finished.lostPackets;
    this.#current = undefined;
    this.#next = (async () => {
      await finished.close();
      const span = await next;
      if (signal.aborted) return span;
      const placement = span && this.#place(span, { followsSeconds });
      const silence =
        finished.span.isGap && span ? restOfGap(finished, { followsSeconds, placement, format: span.format }) : undefined;
      if (silence === undefined) this.#adopt(span, placement);
      else {
        this.#current = silence;
        this.#placement = this.#place(silence, { followsSeconds });
        this.#next = Promise.resolve(span);
      }
      return span;
    })();
    this.#next.catch(() => {});
  }

  async #openSpan(span: MediaSpan, signal: AbortSignal): Promise<OpenSpan> {
    if (span.isGap) return gapSpan(span, this.#current?.format ?? defaultFormat);
    // What is fetched for the span is on its way while its place is found out.
    const reader = span.openReader(this.#worker.doorbell);
    let stream: DecodeStream | undefined;
    try {
      if (span.opening !== undefined) await this.#learnOrigin(span.opening, signal);
      stream = await this.#worker.open(reader.spec, { signal });
      const { sampleRate } = stream.info;
      const offsetFrames = Math.round(span.offsetSeconds * sampleRate);
      if (span.isSeekable && stream.info.isSeekable && offsetFrames > 0) {
        await stream.seek(offsetFrames, { signal });
        return decodedSpan({ span, stream, reader, startFrame: offsetFrames });
      }
      return decodedSpan({ span, stream, reader, startFrame: 0 });
    } catch (error) {
      await stream?.close();
      await reader.release();
      throw error;
    }
  }

  /** Reads the first timestamp of a timeline that is entered further on. Without it the playlist has to be believed. */
  async #learnOrigin(opening: MediaSpan, signal: AbortSignal): Promise<void> {
    if (opening.timeline === undefined || this.#spanPlacement.knows(opening.timeline)) return;
    const reader = opening.openReader(this.#worker.doorbell);
    const patience = AbortSignal.any([signal, AbortSignal.timeout(originPatienceMs)]);
    try {
      await using stream = await this.#worker.open(reader.spec, { signal: patience });
      this.#spanPlacement.learn({ span: opening, info: stream.info });
    } catch {
      signal.throwIfAborted();
    } finally {
      await reader.release();
    }
  }

  async #stopSpans(): Promise<void> {
    this.#preparation.abort();
    const [current, next] = [this.#current, this.#next];
    this.#current = undefined;
    this.#next = undefined;
    await current?.close();
    const prepared = await next?.catch(() => undefined);
    if (prepared !== current) await prepared?.close();
    await this.#iterator?.return?.();
    this.#iterator = undefined;
  }
}

/** The promise, or the signal's reason as soon as it aborts. The promise itself goes on. */
async function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const onAbort = (): void => reject(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}
