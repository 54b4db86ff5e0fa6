import type { Output, PcmFormat } from '../output/output.ts';
import type { EngineEvent, EngineReport, QueueItem } from './engine-events.ts';
import { PcmConverter } from './pcm-converter.ts';
import { RenderHistory } from './render-history.ts';
import type { Track, TrackRead } from './track.ts';
import { TrackPositions, type TrackPosition } from './track-positions.ts';
import { TrackQueue, type PlayingTrack } from './track-queue.ts';
import { Volume } from './volume.ts';

export interface EngineOptions {
  readonly queue: readonly QueueItem[];
  readonly output: Output;
  /** Where each track begins, in seconds. Default: where its author wants it, else 0. */
  readonly startSeconds?: number;
  /** How much of each track is played, in seconds. Default: all. */
  readonly durationSeconds?: number;
  /** Default 0 dB. */
  readonly volumeDb?: number;
  /** Begin again after the last track. */
  readonly isLooping?: boolean;
  readonly onEvent?: (event: EngineEvent) => void;
}

/** Sound is rendered in blocks of this length. */
const blockSeconds = 0.2;
/** Rendered sound that is kept to be rendered again: what an output may queue, and two seconds more. */
const historySeconds = 4;

/** What exists once the first track told its format. */
interface Opened {
  readonly format: PcmFormat;
  readonly blockFrames: number;
  readonly history: RenderHistory;
  readonly volume: Volume;
  /** Where one read of a track goes. */
  readonly buffer: Float32Array;
}

/**
 * Plays a queue of tracks into one output without a gap between them. Commands (`pause`, `seek`, …) may be given at any time while
 * `run` is going; what the output has queued but not yet played is taken back, so they act at once.
 */
export class Engine {
  readonly #output: Output;
  readonly #queue: TrackQueue;
  readonly #onEvent: (event: EngineEvent) => void;
  readonly #positions = new TrackPositions();
  readonly #commands: (() => Promise<void>)[] = [];
  #commandWake = new AbortController();
  #signal: AbortSignal = new AbortController().signal;
  #opened: Opened | undefined;
  #playing: PlayingTrack | undefined;
  /** The track whose rest may be fetched in the background. */
  #filling: PlayingTrack | undefined;
  #converter: PcmConverter | undefined;
  #volumeDb: number;
  #isPaused = false;
  #isStopped = false;
  #isBuffering = false;
  #framesWritten = 0;

  constructor(options: EngineOptions) {
    this.#output = options.output;
    this.#volumeDb = options.volumeDb ?? 0;
    this.#onEvent = options.onEvent ?? (() => {});
    this.#queue = new TrackQueue({
      items: options.queue,
      startSeconds: options.startSeconds,
      durationSeconds: options.durationSeconds ?? Infinity,
      isLooping: options.isLooping ?? false,
      onEvent: this.#onEvent,
    });
  }

  /**
   * Plays to the end of the queue and until the last frame was heard. A track that fails is reported and passed over. Throws
   * `OutputError`, and the signal's reason when aborted; every track and source is closed either way, the output is not.
   */
  async run(options: { readonly signal: AbortSignal }): Promise<EngineReport> {
    this.#signal = options.signal;
    try {
      while (!this.#isStopped) {
        options.signal.throwIfAborted();
        const command = this.#commands.shift();
        if (command !== undefined) await command();
        else if (this.#isPaused) await this.#untilCommand(forever);
        else if (this.#opened !== undefined && this.#opened.history.pendingFrames > 0) await this.#writeBlock(this.#opened);
        else if (!(await this.#render()) && (await this.#untilCommand((signal) => this.#output.drain({ signal })))) break;
      }
    } finally {
      if (this.#playing !== undefined) await this.#queue.finish(this.#playing);
      await this.#queue.close();
    }
    return {
      tracks: this.#queue.reports,
      underrunCount: this.#output.underrunCount,
      playedSeconds: this.#framesWritten / (this.#opened?.format.sampleRate ?? 1),
    };
  }

  get isPaused(): boolean {
    return this.#isPaused;
  }

  get volumeDb(): number {
    return this.#volumeDb;
  }

  /** The track that is being rendered: the heard one, or near a boundary the one after it. */
  get track(): Track | undefined {
    return this.#playing?.track;
  }

  /** What is being heard now; `undefined` before the first frame. */
  get heard(): TrackPosition | undefined {
    const history = this.#opened?.history;
    return history === undefined ? undefined : this.#positions.at(history.cursorFrame - this.#output.queuedFrames);
  }

  pause(): void {
    this.#command(async () => {
      if (this.#isPaused) return;
      this.#takeBack();
      this.#isPaused = true;
      this.#onEvent({ type: 'paused' });
    });
  }

  resume(): void {
    this.#command(async () => {
      if (!this.#isPaused) return;
      this.#isPaused = false;
      this.#onEvent({ type: 'resumed' });
    });
  }

  /** Gain of everything, in dB. */
  setVolume(decibels: number): void {
    this.#command(async () => {
      this.#takeBack();
      this.#volumeDb = decibels;
      this.#opened?.volume.set(decibels);
      this.#onEvent({ type: 'volume', decibels });
    });
  }

  /** Moves inside the heard track, relative to what is heard. */
  seekBy(seconds: number): void {
    this.#command(() => this.#seek((this.heard?.seconds ?? 0) + seconds));
  }

  /** Moves inside the heard track. */
  seek(seconds: number): void {
    this.#command(() => this.#seek(seconds));
  }

  next(): void {
    this.#command(() => this.#goTo((this.heard?.index ?? this.#playing?.index ?? 0) + 1));
  }

  previous(): void {
    this.#command(() => this.#goTo(Math.max(0, (this.heard?.index ?? 0) - 1)));
  }

  /** Ends `run` at once. */
  stop(): void {
    this.#command(async () => {
      this.#takeBack();
      this.#isStopped = true;
    });
  }

  #command(action: () => Promise<void>): void {
    this.#commands.push(action);
    this.#commandWake.abort(new CommandArrived());
  }

  /** Waits for `wait`, but no longer than until a command arrives: false when one cut it short. */
  async #untilCommand(wait: (signal: AbortSignal) => Promise<void>): Promise<boolean> {
    if (this.#commands.length > 0) return false;
    this.#commandWake = new AbortController();
    try {
      await wait(AbortSignal.any([this.#signal, this.#commandWake.signal]));
      return true;
    } catch (error) {
      if (error instanceof CommandArrived) return false;
      throw error;
    }
  }

  async #writeBlock({ history, volume, format, blockFrames }: Opened): Promise<void> {
    if (!(await this.#untilCommand((signal) => this.#output.waitWritable({ signal })))) return;
    const block = history.take(blockFrames);
    volume.apply(block, format.channelCount);
    await this.#output.write(block);
    if (this.#framesWritten === 0) this.#onEvent({ type: 'first-pcm' });
    this.#framesWritten += block.length / format.channelCount;
    if (this.#filling === this.#playing) return;
    this.#filling = this.#playing;
    this.#playing?.source.startFill?.();
  }

  /** Renders one block of the current track, less at its end, or opens the next; false at the end of the queue. */
  async #render(): Promise<boolean> {
    const playing = (this.#playing ??= await this.#queue.next(this.#signal));
    if (playing === undefined) return false;
    const opened = (this.#opened ??= await this.#open(playing.track));
    this.#queue.prepareAfter(playing, this.#signal);
    try {
      while (opened.history.pendingFrames < opened.blockFrames) {
        const read = playing.track.read(opened.buffer);
        if (read.kind === 'end') return await this.#finishTrack(opened, playing);
        if (read.kind === 'empty') {
          if (!(await this.#waitForTrack(playing))) return true;
          continue;
        }
        if (!this.#append(opened, playing, read)) return await this.#finishTrack(opened, playing);
      }
    } catch (error) {
      this.#signal.throwIfAborted();
      this.#playing = undefined;
      this.#converter = undefined;
      await this.#queue.finish(playing, error);
    }
    return true;
  }

  async #open(track: Track): Promise<Opened> {
    const format = await this.#output.open({ ...track.format, bitsPerSample: track.info?.bitsPerSample });
    return {
      format,
      blockFrames: Math.round(format.sampleRate * blockSeconds),
      history: new RenderHistory(format.channelCount, Math.round(historySeconds * format.sampleRate)),
      volume: new Volume(this.#volumeDb, format.sampleRate),
      buffer: new Float32Array(Math.round(track.format.sampleRate * blockSeconds) * track.format.channelCount),
    };
  }

  /** Converts and appends what was read; false when the wanted part of the track is done. */
  #append({ history, format }: Opened, playing: PlayingTrack, read: TrackRead & { readonly kind: 'pcm' }): boolean {
    if (this.#isBuffering) {
      this.#isBuffering = false;
      this.#onEvent({ type: 'playing' });
    }
    if (this.#converter?.takes(read.format) !== true) {
      history.append(this.#converter?.finish() ?? new Float32Array(0));
      this.#converter = new PcmConverter(read.format, format);
    }
    const wanted = Math.max(0, playing.endFrames - read.positionFrames) * read.format.channelCount;
    const samples = read.samples.subarray(0, Math.min(read.samples.length, wanted));
    this.#positions.mark(history.endFrame, {
      index: playing.index,
      seconds: read.positionFrames / read.format.sampleRate,
      durationSeconds: playing.track.durationSeconds,
      framesPerSecond: format.sampleRate,
    });
    history.append(this.#converter.convert(samples));
    return samples.length === read.samples.length;
  }

  /** False when a command came first. */
  async #waitForTrack(playing: PlayingTrack): Promise<boolean> {
    if (!this.#isBuffering && this.#output.queuedFrames === 0) {
      this.#isBuffering = true;
      this.#onEvent({ type: 'buffering' });
    }
    return this.#untilCommand((signal) => playing.track.waitReadable({ signal }));
  }

  /** Goes over to the next track without a gap: a resampler runs on when the format stays, and is emptied when it changes. */
  async #finishTrack({ history }: Opened, finished: PlayingTrack): Promise<boolean> {
    this.#playing = undefined;
    await this.#queue.finish(finished);
    this.#playing = await this.#queue.next(this.#signal);
    if (this.#playing !== undefined && this.#converter?.takes(this.#playing.track.format) === true) return true;
    history.append(this.#converter?.finish() ?? new Float32Array(0));
    this.#converter = undefined;
    return this.#playing !== undefined || history.pendingFrames > 0;
  }

  #takeBack(): void {
    this.#opened?.history.rewind(this.#output.revoke());
  }

  async #seek(seconds: number): Promise<void> {
    const { heard } = this;
    const playing = this.#playing;
    if (playing === undefined || (heard !== undefined && heard.index !== playing.index)) {
      if (heard !== undefined) await this.#goTo(heard.index, Math.max(0, seconds));
      return;
    }
    this.#dropRendered();
    const target = Math.max(0, Math.min(seconds, playing.track.durationSeconds ?? Infinity));
    try {
      await playing.track.seek(target, { signal: this.#signal });
      this.#onEvent({ type: 'seeked', seconds: target });
    } catch (error) {
      this.#signal.throwIfAborted();
      this.#playing = undefined;
      await this.#queue.finish(playing, error);
    }
  }

  async #goTo(index: number, startSeconds?: number): Promise<void> {
    this.#dropRendered();
    const playing = this.#playing;
    this.#playing = undefined;
    if (playing !== undefined) await this.#queue.finish(playing);
    await this.#queue.goTo(index, startSeconds);
  }

  #dropRendered(): void {
    this.#takeBack();
    this.#opened?.history.dropPending();
    this.#converter = undefined;
  }
}

/** Ends a wait because there is something to do; never leaves the engine. */
class CommandArrived extends Error {
  override readonly name = 'CommandArrived';
}

function forever(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason as Error);
    else signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
  });
}
