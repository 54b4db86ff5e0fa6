import type { MediaSource } from '@tutti/stream';
import type { EngineEvent, QueueItem, TrackReport } from './engine-events.ts';
import { Track } from './track.ts';

/** A track of the queue that has been opened. */
export interface PlayingTrack {
  readonly index: number;
  readonly track: Track;
  readonly source: MediaSource;
  /** First frame after the part to be played; infinite when all of it is. */
  readonly endFrames: number;
}

export interface TrackQueueOptions {
  readonly items: readonly QueueItem[];
  /** Where each track begins, in seconds; `undefined` where its author wants it. */
  readonly startSeconds: number | undefined;
  /** How much of each track is played, in seconds; infinite for all. */
  readonly durationSeconds: number;
  /** Begin again after the last track, unless none of them could be played. */
  readonly isLooping: boolean;
  readonly onEvent: (event: EngineEvent) => void;
}

/** The next track is opened when this much of the current one is left. */
const prepareAheadSeconds = 20;

/** Opens one track after the other, the next before the current one ends, and keeps a report of each. */
export class TrackQueue {
  readonly #options: TrackQueueOptions;
  readonly #reports: TrackReport[] = [];
  #nextIndex = 0;
  #nextStartSeconds: number | undefined;
  #prepared: Promise<PlayingTrack | undefined> | undefined;

  constructor(options: TrackQueueOptions) {
    this.#options = options;
  }

  /** One entry for every track that was played or failed, in the order in which they ended; bounded by the latest thousand. */
  get reports(): readonly TrackReport[] {
    return this.#reports;
  }

  /** The next track that can be opened; `undefined` at the end. Tracks that cannot be opened are reported and passed over. */
  async next(signal: AbortSignal): Promise<PlayingTrack | undefined> {
    for (;;) {
      signal.throwIfAborted();
      if (this.#prepared === undefined && this.#nextIndex >= this.#options.items.length && !this.#beginAgain()) return undefined;
      const opening = this.#prepared ?? this.#open(this.#nextIndex++, signal);
      this.#prepared = undefined;
      const playing = await opening;
      if (playing === undefined) continue;
      this.#options.onEvent({ type: 'track', index: playing.index, label: playing.source.label, track: playing.track });
      return playing;
    }
  }

  /** Opens the track after `playing` early enough that no gap is heard. Call often; it acts once. */
  prepareAfter(playing: PlayingTrack, signal: AbortSignal): void {
    if (this.#prepared !== undefined || this.#nextIndex >= this.#options.items.length) return;
    const { durationSeconds, positionFrames, format } = playing.track;
    const endSeconds = Math.min(durationSeconds ?? 0, playing.endFrames / format.sampleRate);
    if (endSeconds - positionFrames / format.sampleRate > prepareAheadSeconds) return;
    this.#prepared = this.#open(this.#nextIndex++, signal);
    // A rejection (only abort) is thrown by `next`; until then it must not count as unhandled.
    this.#prepared.catch(() => {});
  }

  /** Makes `index` the next track, beginning at `startSeconds` where given. */
  async goTo(index: number, startSeconds?: number): Promise<void> {
    const prepared = await this.#takePrepared();
    if (prepared?.index === index && startSeconds === undefined) {
      this.#prepared = Promise.resolve(prepared);
      return;
    }
    await closePlaying(prepared);
    this.#nextIndex = index;
    this.#nextStartSeconds = startSeconds;
  }

  /** Closes a track and reports how it went. */
  async finish(playing: PlayingTrack, error?: unknown): Promise<void> {
    const { track, source, index } = playing;
    const { info, lostPackets } = track;
    this.#report({ index, label: source.label, error, info, counters: { ...source.counters }, lostPackets });
    await closePlaying(playing);
  }

  async close(): Promise<void> {
    await closePlaying(await this.#takePrepared());
  }

  async #open(index: number, signal: AbortSignal): Promise<PlayingTrack | undefined> {
    const item = this.#options.items[index];
    if (item === undefined) return undefined;
    const wantedSeconds = this.#nextStartSeconds;
    this.#nextStartSeconds = undefined;
    let source: MediaSource | undefined;
    try {
      this.#options.onEvent({ type: 'opening', index, label: item.label });
      const opening = item.open(signal);
      const trackStart = wantedSeconds ?? this.#options.startSeconds;
      // Its thread starts while the source is still opening.
      const preparing = Track.open(opening, { ...(trackStart === undefined ? {} : { startSeconds: trackStart }), signal });
      preparing.catch(() => undefined);
      source = await opening;
      const startSeconds = this.#options.startSeconds ?? source.preferredStartSeconds ?? 0;
      const track = await preparing;
      const { sampleRate } = track.format;
      const endSeconds = startSeconds + this.#options.durationSeconds;
      return { index, track, source, endFrames: Math.round(endSeconds * sampleRate) };
    } catch (error) {
      await source?.close();
      signal.throwIfAborted();
      this.#report({ index, label: item.label, error, info: undefined, counters: undefined, lostPackets: 0 });
      return undefined;
    }
  }

  #beginAgain(): boolean {
    if (!this.#options.isLooping || this.#reports.every((report) => report.error !== undefined)) return false;
    this.#nextIndex = 0;
    return true;
  }

  async #takePrepared(): Promise<PlayingTrack | undefined> {
    const prepared = this.#prepared;
    this.#prepared = undefined;
    return await prepared?.catch(() => undefined);
  }

  #report(report: TrackReport): void {
    this.#reports.push(report);
    // A looping queue would grow its report for ever.
    if (this.#reports.length > 1000) this.#reports.shift();
    const { index, label, error } = report;
    this.#options.onEvent(
      error === undefined ? { type: 'track-end', index, report } : { type: 'track-failed', index, label, error },
    );
  }
}

async function closePlaying(playing: PlayingTrack | undefined): Promise<void> {
  await playing?.track.close();
  await playing?.source.close();
}
