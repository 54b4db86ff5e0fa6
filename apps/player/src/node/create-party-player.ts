import type { ClockMap, LocalUs, PlacedAutomation, Timeline } from '@tutti/sync';
import { setImmediate, setTimeout } from 'node:timers/promises';
import { Lockstep } from '../engine/lockstep/lockstep.ts';
import { TrackFeed, type PcmTrack } from '../engine/lockstep/track-feed.ts';
import { Track } from '../engine/track.ts';
import { monotonicUs } from '@tutti/sync/monotonic';
import { createNullOutput } from '../output/null.ts';
import { OutputError } from '../output/output-error.ts';
import { timedFormat, type TimedOutput } from '../output/timed-output.ts';
import type {
  PartyPlayer,
  PartyPlayerEvent,
  PartyPlayerStatus,
  PartyTrack,
  PreparedTrack,
  PrepareOptions,
} from './party-player.ts';
import type { MediaSource } from '@tutti/stream';

export interface PartyPlayerOptions {
  /** Opens what is played on. When that throws `OutputError`, the player says `no-device` and plays into nothing, in step. */
  readonly openOutput: () => Promise<TimedOutput>;
  /** How much later than the device says its sound reaches the ear, in milliseconds: what was measured from outside. Default 0. */
  readonly outputDelayMs?: number;
  /** Default 0 dB. */
  readonly volumeDb?: number;
  /** Monotonic clock in whole microseconds: the one that the clock maps speak of. Default: this machine's. */
  readonly nowUs?: () => LocalUs;
  /** Waits for a step of the player's loop. Default: a timer. */
  readonly sleep?: (durationMs: number, options: { readonly signal: AbortSignal }) => Promise<unknown>;
  /** Decodes a source. Default: `Track.open`. */
  readonly openTrack?: (source: MediaSource, options: { readonly signal: AbortSignal }) => Promise<PcmTrack>;
}

/** The player looks at its clocks, and renders, this often. */
const stepMs = 50;
/** Between the arrival of a line and the frame that is placed for it, besides what the output needs: as late as the latest steps were, within these. */
const [leastReactionMs, mostReactionMs] = [20, 100];
/** Steps whose lateness is remembered. */
const lateSteps = 20;
/** A prepared track has this much decoded. */
const preparedSeconds = 0.25;
/** Tracks that are open though no line speaks of them: the ones prepared last. */
const spareTracks = 2;

interface OpenTrack {
  readonly feed: TrackFeed;
  readonly source: MediaSource;
}

/** Plays one node's share of a party through one output: {@link PartyPlayer}. It opens its output at once. */
export function createPartyPlayer(options: PartyPlayerOptions): PartyPlayer {
  return new LockstepPartyPlayer(options);
}

class LockstepPartyPlayer implements PartyPlayer {
  readonly #options: PartyPlayerOptions;
  readonly #nowUs: () => LocalUs;
  readonly #listeners = new Set<(event: PartyPlayerEvent) => void>();
  readonly #closing = new AbortController();
  readonly #opened: Promise<Lockstep>;
  /** By track id; the one prepared last is last. */
  readonly #tracks = new Map<string, OpenTrack>();
  readonly #opening = new Map<string, Promise<OpenTrack>>();
  readonly #closings = new Set<Promise<void>>();
  readonly #failed = new Set<string>();
  /** Lengths that were found at the end of tracks, by track id. */
  readonly #measured = new Map<string, number>();
  readonly #running: Promise<void>;
  #output: TimedOutput | undefined;
  #lockstep: Lockstep | undefined;
  #wake = new AbortController();
  /** By how much the latest steps came later than planned. */
  readonly #latesMs: number[] = [];

  constructor(options: PartyPlayerOptions) {
    this.#options = options;
    this.#nowUs = options.nowUs ?? monotonicUs;
    this.#opened = this.#open();
    // Told to whoever prepares a track.
    this.#opened.catch(() => {});
    this.#running = this.#run();
  }

  async prepare(track: PartyTrack, options: PrepareOptions): Promise<PreparedTrack> {
    options.signal?.throwIfAborted();
    const signal = AbortSignal.any([this.#closing.signal, ...(options.signal === undefined ? [] : [options.signal])]);
    const lockstep = await this.#opened;
    const { feed } = await this.#openOnce(track, signal);
    lockstep.prepare(feed);
    // What sounds now goes on being decoded where it is: it is moved when the line says so.
    if (options.frame !== undefined && !lockstep.isSounding(track.trackId)) {
      const fromFrame = Math.max(0, options.frame);
      await feed.wait({ fromFrame, toFrame: fromFrame + Math.round(preparedSeconds * feed.sampleRate) }, signal);
    }
    this.#stepSoon();
    const leadUs = lockstep.leadUs ?? 0;
    return {
      minLeadMs: Math.ceil(leadUs / 1000) + this.#reactionMs,
      sampleRate: feed.sampleRate,
      durationFrames: feed.durationFrames,
    };
  }

  follow(line: Timeline): void {
    this.#act((lockstep) => lockstep.follow(line));
  }

  setClock(map: ClockMap): void {
    this.#act((lockstep) => lockstep.setClock(map));
  }

  setVolumeDb(volumeDb: number): void {
    this.#act((lockstep) => lockstep.setVolumeDb(volumeDb));
  }

  automate(points: readonly PlacedAutomation[]): void {
    this.#act((lockstep) => lockstep.automate(points));
  }

  status(): PartyPlayerStatus {
    const lockstep = this.#lockstep;
    const alignP50Us = lockstep?.alignmentUs(0.5);
    const alignP95Us = lockstep?.alignmentUs(0.95);
    return {
      ...(alignP50Us === undefined ? {} : { alignP50Us }),
      ...(alignP95Us === undefined ? {} : { alignP95Us }),
      underruns: lockstep?.underruns ?? 0,
      snaps: lockstep?.snaps ?? 0,
      bufferedSeconds: lockstep?.bufferedSeconds ?? 0,
      latencySource: this.#latencySource,
      output: this.#output?.description ?? '',
    };
  }

  on(listener: (event: PartyPlayerEvent) => void): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => this.#listeners.delete(listener) };
  }

  async close(): Promise<void> {
    this.#closing.abort();
    this.#output?.retract(0);
    await this.#running;
    await Promise.allSettled(this.#opening.values());
    for (const [trackId, track] of this.#tracks) this.#close(trackId, track);
    await Promise.allSettled(this.#closings);
    await this.#opened.catch(() => {});
    await this.#output?.close();
  }

  get #reactionMs(): number {
    return Math.min(mostReactionMs, Math.max(leastReactionMs, Math.ceil(Math.max(0, ...this.#latesMs))));
  }

  get #latencySource(): PartyPlayerStatus['latencySource'] {
    if (this.#output === undefined || this.#output.latencySource === 'none') return 'none';
    return (this.#options.outputDelayMs ?? 0) === 0 ? this.#output.latencySource : 'calibrated';
  }

  async #open(): Promise<Lockstep> {
    const output = await this.#openOutput();
    this.#output = output;
    const lockstep = new Lockstep({
      output,
      format: await output.open({ ...timedFormat, bitsPerSample: undefined }),
      nowUs: this.#nowUs,
      outputDelayUs: Math.round((this.#options.outputDelayMs ?? 0) * 1000),
      volumeDb: this.#options.volumeDb ?? 0,
      findFeed: (trackId) => this.#tracks.get(trackId)?.feed,
      onEvent: (event) => this.#emit(event),
    });
    this.#lockstep = lockstep;
    return lockstep;
  }

  async #openOutput(): Promise<TimedOutput> {
    try {
      return await this.#options.openOutput();
    } catch (error) {
      if (!(error instanceof OutputError)) throw error;
      this.#emit({ type: 'no-device', error });
      const { sleep } = this.#options;
      return createNullOutput({ nowUs: this.#nowUs, ...(sleep === undefined ? {} : { sleep }) });
    }
  }

  /** The open track of this id, or the one that is being opened; a track that failed is opened anew. */
  async #openOnce(track: PartyTrack, signal: AbortSignal): Promise<OpenTrack> {
    const { trackId } = track;
    const open = this.#tracks.get(trackId);
    if (open !== undefined && open.feed.error === undefined) return open;
    if (open !== undefined) this.#close(trackId, open);
    const opening = this.#opening.get(trackId) ?? this.#openTrack(track, signal).finally(() => this.#opening.delete(trackId));
    this.#opening.set(trackId, opening);
    return opening;
  }

  async #openTrack(track: PartyTrack, signal: AbortSignal): Promise<OpenTrack> {
    const source = await track.open(signal);
    try {
      const openTrack = this.#options.openTrack ?? ((media, { signal }) => Track.open(media, { signal }));
      const feed = new TrackFeed({
        trackId: track.trackId,
        hash: track.hash,
        track: await openTrack(source, { signal }),
        channelCount: timedFormat.channelCount,
        onProgress: () => this.#stepSoon(),
      });
      const opened = { feed, source };
      this.#tracks.set(track.trackId, opened);
      return opened;
    } catch (error) {
      await source.close();
      throw error;
    }
  }

  /** Does something with the lockstep, now or once the output is open, and looks at once what follows from it. */
  #act(action: (lockstep: Lockstep) => void): void {
    if (this.#closing.signal.aborted) return;
    if (this.#lockstep !== undefined) action(this.#lockstep);
    else void this.#opened.then(action, () => {});
    this.#stepSoon();
  }

  #stepSoon(): void {
    this.#wake.abort();
  }

  async #run(): Promise<void> {
    const { signal } = this.#closing;
    const lockstep = await this.#opened.catch(() => undefined);
    if (lockstep === undefined) return;
    using _clock = this.#output?.watchClock((sample) => lockstep.observe(sample));
    while (!signal.aborted) {
      this.#wake = new AbortController();
      const hasMore = lockstep.step();
      this.#reportFailures();
      this.#reportLengths();
      this.#closeSpareTracks(lockstep);
      if (hasMore) await setImmediate();
      else await this.#rest(AbortSignal.any([signal, this.#wake.signal]));
    }
  }

  /** Waits for the next step, or until something happens before it is due. */
  async #rest(signal: AbortSignal): Promise<void> {
    const sleep = this.#options.sleep ?? ((durationMs, options) => setTimeout(durationMs, undefined, options));
    const sinceUs = this.#nowUs();
    await sleep(stepMs, { signal }).catch(() => {});
    this.#latesMs.push((this.#nowUs() - sinceUs) / 1000 - stepMs);
    if (this.#latesMs.length > lateSteps) this.#latesMs.shift();
  }

  #reportFailures(): void {
    for (const [trackId, { feed }] of this.#tracks) {
      if (feed.error === undefined || this.#failed.has(trackId)) continue;
      this.#failed.add(trackId);
      this.#emit({ type: 'failed', trackId, error: feed.error });
    }
  }

  #reportLengths(): void {
    for (const [trackId, { feed }] of this.#tracks) {
      const { measuredFrames } = feed;
      if (measuredFrames === undefined || this.#measured.get(trackId) === measuredFrames) continue;
      this.#measured.set(trackId, measuredFrames);
      this.#emit({ type: 'measured', trackId, durationFrames: measuredFrames });
    }
  }

  #closeSpareTracks(lockstep: Lockstep): void {
    const needed = lockstep.trackIds;
    const spare = [...this.#tracks].filter(([trackId]) => !needed.has(trackId));
    for (const [trackId, track] of spare.slice(0, Math.max(0, spare.length - spareTracks))) this.#close(trackId, track);
  }

  /** Forgets a track at once, and closes it beside what plays. */
  #close(trackId: string, { feed, source }: OpenTrack): void {
    this.#tracks.delete(trackId);
    this.#failed.delete(trackId);
    this.#measured.delete(trackId);
    const closed = feed
      .close()
      .then(() => source.close())
      .catch(() => {})
      .finally(() => this.#closings.delete(closed));
    this.#closings.add(closed);
  }

  #emit(event: PartyPlayerEvent): void {
    for (const listener of this.#listeners) listener(event);
  }
}
