import type { ClockMap, PlacedAutomation, Timeline } from '@tutti/sync';
import type { MediaSource } from '@tutti/stream';

/** A track as a party player opens it. */
export interface PartyTrack {
  readonly trackId: string;
  /** Identity of the bytes: the same on every node. */
  readonly hash: string;
  open(signal: AbortSignal): Promise<MediaSource>;
}

export interface PrepareOptions {
  /** Where the track is going to begin: sound from there on is decoded. `undefined` while nobody knows: then it is opened only. */
  readonly frame: number | undefined;
  /** Abort closes what was opened. */
  readonly signal?: AbortSignal;
}

/** What is known of a track that can begin. */
export interface PreparedTrack {
  /** The shortest time from a timeline's arrival to its `t0Us` that this node can keep, in milliseconds. */
  readonly minLeadMs: number;
  /** Frames per second of the track's own timeline. */
  readonly sampleRate: number;
  /** Absent while it is unknown: a `measured` event tells it once decoding has reached the end. */
  readonly durationFrames?: number | undefined;
}

/** What a node measures of its own playing, since it was created where it is a count. */
export interface PartyPlayerStatus {
  /** Median and 95th percentile of |alignment error|, in microseconds; absent while nothing was measured. */
  readonly alignP50Us?: number;
  readonly alignP95Us?: number;
  readonly underruns: number;
  readonly snaps: number;
  readonly bufferedSeconds: number;
  /** Where the latency between output and ear comes from. */
  readonly latencySource: 'calibrated' | 'reported' | 'assumed' | 'none';
  /** For people: what is played on. */
  readonly output: string;
}

/** For observing: what happened to this node's playing. */
export type PartyPlayerEvent =
  | { readonly type: 'started'; readonly trackId: string }
  | { readonly type: 'ended'; readonly trackId: string }
  /** The end of a track of unknown length has been decoded, seconds before it is heard. */
  | { readonly type: 'measured'; readonly trackId: string; readonly durationFrames: number }
  | { readonly type: 'underrun' }
  | { readonly type: 'snapped'; readonly byUs: number }
  | { readonly type: 'failed'; readonly trackId: string; readonly error: unknown }
  | { readonly type: 'no-device'; readonly error: unknown };

/** Plays one node's share of a party: the frame of the timeline that belongs to each instant of session time. */
export interface PartyPlayer {
  /**
   * Opens and decodes a track so that it can start within `minLeadMs`; preparing a prepared track again moves it to `frame`.
   * Rejects with the typed error of the layer that failed.
   */
  prepare(track: PartyTrack, options: PrepareOptions): Promise<PreparedTrack>;
  /** Takes the newest timeline, now or when its track is prepared; applying one twice changes nothing, a lower epoch is ignored. */
  follow(line: Timeline): void;
  /** Takes a better map from local to session time; the change is steered out, never heard. */
  setClock(map: ClockMap): void;
  setVolumeDb(volumeDb: number): void;
  automate(points: readonly PlacedAutomation[]): void;
  status(): PartyPlayerStatus;
  on(listener: (event: PartyPlayerEvent) => void): Disposable;
  /** Stops sounding, closes tracks and output. Idempotent. */
  close(): Promise<void>;
}
