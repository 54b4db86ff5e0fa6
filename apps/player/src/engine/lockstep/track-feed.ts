import { mixChannels } from '@tutti/decode';
import { FrameWindow } from '../frame-window.ts';
import type { Track } from '../track.ts';

/** What a feed needs of a track. */
export type PcmTrack = Pick<Track, 'format' | 'info' | 'durationSeconds' | 'read' | 'waitReadable' | 'seek' | 'close'>;

export interface TrackFeedOptions {
  readonly trackId: string;
  readonly hash: string;
  /** Owned by the feed from then on. */
  readonly track: PcmTrack;
  /** Channels of the output. */
  readonly channelCount: number;
  /** Frames arrived, or the track ended or failed. */
  readonly onProgress: () => void;
}

/** Frames that stay before the place where decoding is: what an output may give back, and what is decoded ahead, with a second to spare. */
const windowSeconds = 5;
/** Further ahead than this it is quicker to seek than to decode everything in between. */
const readThroughSeconds = 1;
const readSeconds = 0.1;

/** One track's decoded frames around the place where it plays, in the output's channels and the track's own rate. */
export class TrackFeed {
  readonly trackId: string;
  readonly hash: string;
  readonly sampleRate: number;
  readonly #options: TrackFeedOptions;
  readonly #closing = new AbortController();
  readonly #buffer: Float32Array;
  #window: FrameWindow;
  #untilFrame = 0;
  #seekFrame: number | undefined;
  #working: Promise<void> | undefined;
  #hasEnded = false;
  /** The least frame at which decoding came to an end, wherever it had begun. */
  #foundEnd: number | undefined;
  #error: Error | undefined;

  constructor(options: TrackFeedOptions) {
    this.#options = options;
    this.trackId = options.trackId;
    this.hash = options.hash;
    const { sampleRate, channelCount } = options.track.format;
    this.sampleRate = sampleRate;
    this.#buffer = new Float32Array(Math.round(readSeconds * sampleRate) * channelCount);
    this.#window = this.#newWindow(0);
  }

  /** What is decoded now. After a seek it is another window; the old one keeps what it has. */
  get window(): FrameWindow {
    return this.#window;
  }

  /** The frame after the last one, once decoding has reached it. */
  get endFrame(): number | undefined {
    return this.#hasEnded ? this.#window.endFrame : undefined;
  }

  /** Length in frames: what was found at the end, or what the media says of itself. */
  get durationFrames(): number | undefined {
    const { durationSeconds } = this.#options.track;
    return this.#foundEnd ?? (durationSeconds === undefined ? undefined : Math.round(durationSeconds * this.sampleRate));
  }

  /** The length of media that do not tell it, once decoding has come to the end. */
  get measuredFrames(): number | undefined {
    return this.#options.track.durationSeconds === undefined ? this.#foundEnd : undefined;
  }

  /** What ended the decoding. */
  get error(): Error | undefined {
    return this.#error;
  }

  /** Whether every frame of a stretch can be copied out of the window now, or lies beyond the end of the track. */
  holds(fromFrame: number, toFrame: number): boolean {
    if (this.#seekFrame !== undefined || Math.max(0, fromFrame) < this.#window.startFrame) return false;
    return this.#window.endFrame >= toFrame || this.#hasEnded;
  }

  /** Asks for the frames of a stretch: by decoding on, or by seeking when they lie behind the window or far ahead of it. */
  want(fromFrame: number, toFrame: number): void {
    const from = Math.max(0, Math.floor(fromFrame));
    this.#untilFrame = Math.ceil(toFrame);
    const target = this.#seekFrame ?? this.#window.startFrame;
    const reached = this.#seekFrame ?? this.#window.endFrame;
    const isBehind = from < target;
    const isFarAhead = from > reached + readThroughSeconds * this.sampleRate && !this.#hasEnded;
    if (isBehind || isFarAhead) this.#seekFrame = from;
    if (this.#error !== undefined || this.#closing.signal.aborted) return;
    this.#working ??= this.#work().finally(() => (this.#working = undefined));
  }

  /** Resolves when `holds` is true of a stretch. Rejects with what ended the decoding, or the signal's reason. */
  async wait(stretch: { readonly fromFrame: number; readonly toFrame: number }, signal: AbortSignal): Promise<void> {
    while (!this.holds(stretch.fromFrame, stretch.toFrame)) {
      signal.throwIfAborted();
      this.#closing.signal.throwIfAborted();
      if (this.#error !== undefined) throw this.#error;
      this.want(stretch.fromFrame, stretch.toFrame);
      await this.#working;
    }
  }

  /** Stops decoding and closes the track. Idempotent. */
  async close(): Promise<void> {
    this.#closing.abort();
    await this.#working;
    await this.#options.track.close();
  }

  async #work(): Promise<void> {
    const { track, onProgress } = this.#options;
    const { signal } = this.#closing;
    try {
      for (;;) {
        if (this.#seekFrame !== undefined) await this.#seek(this.#seekFrame, signal);
        else if (this.#hasEnded || this.#window.endFrame >= this.#untilFrame) return;
        else if (this.#read() === 'empty') await track.waitReadable({ signal });
        onProgress();
      }
    } catch (error) {
      if (signal.aborted) return;
      this.#error = error instanceof Error ? error : new Error(String(error));
      onProgress();
    }
  }

  async #seek(frame: number, signal: AbortSignal): Promise<void> {
    await this.#options.track.seek(frame / this.sampleRate, { signal });
    // Somebody may have asked for another place meanwhile.
    if (this.#seekFrame !== frame) return;
    this.#seekFrame = undefined;
    this.#hasEnded = false;
    this.#window = this.#newWindow(frame);
  }

  #read(): 'pcm' | 'empty' | 'end' {
    const read = this.#options.track.read(this.#buffer);
    if (read.kind === 'end') this.#end();
    if (read.kind !== 'pcm') return read.kind;
    if (read.format.sampleRate !== this.sampleRate) {
      throw new RangeError(
        `play in step: the track changes from ${this.sampleRate} to ${read.format.sampleRate} frames per second`,
      );
    }
    const samples = mixChannels(read.samples, read.format.channelCount, this.#options.channelCount, { isAttenuated: true });
    // A hole in the media is silence of its length; what comes twice is taken once.
    const hole = Math.min(read.positionFrames - this.#window.endFrame, windowSeconds * this.sampleRate);
    if (hole > 0) this.#window.append(new Float32Array(hole * this.#options.channelCount));
    this.#window.append(samples.subarray(Math.max(0, -hole) * this.#options.channelCount));
    return 'pcm';
  }

  #end(): void {
    this.#hasEnded = true;
    this.#foundEnd = Math.min(this.#foundEnd ?? Number.POSITIVE_INFINITY, this.#window.endFrame);
  }

  #newWindow(startFrame: number): FrameWindow {
    return new FrameWindow(this.#options.channelCount, Math.round(windowSeconds * this.sampleRate), startFrame);
  }
}
