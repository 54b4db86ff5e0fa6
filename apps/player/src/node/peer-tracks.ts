import type { MediaSource } from '@tutti/stream';
import type { RequestPriority } from '@tutti/net';
import { supersedes, type ClockMap, type Timeline } from '@tutti/sync';
import type { PartyPlayer, PreparedTrack } from './party-player.ts';

/** Where a node's tracks come from. */
export interface TrackSource {
  /** Makes sure that every byte of a track is here. */
  fetch(hash: string, options: FetchOptions): Promise<void>;
  /** Opens a track that was fetched. */
  open(hash: string, signal: AbortSignal): Promise<MediaSource>;
}

export interface FetchOptions {
  readonly priority: RequestPriority;
  readonly onProgress?: (progress: { readonly doneBytes: number; readonly totalBytes: number }) => void;
  readonly signal: AbortSignal;
}

/** A node's tracks on their way into its player: fetched once, prepared where the timeline wants them. */
export class PeerTracks implements Disposable {
  readonly #player: PartyPlayer;
  readonly #source: TrackSource;
  readonly #ended = new AbortController();
  readonly #fetches = new Map<string, Promise<void>>();
  /** Tracks that were prepared, or are being. */
  readonly #prepared = new Set<string>();
  #line: Timeline | undefined;
  #clock: ClockMap | undefined;

  constructor(options: { readonly player: PartyPlayer; readonly source: TrackSource }) {
    this.#player = options.player;
    this.#source = options.source;
  }

  /** The timeline that this node follows. */
  get line(): Timeline | undefined {
    return this.#line;
  }

  get clock(): ClockMap | undefined {
    return this.#clock;
  }

  /** Whether this node has left the party: what fails from then on was given up. */
  get hasEnded(): boolean {
    return this.#ended.signal.aborted;
  }

  /** Fetches a track, or joins the fetch that goes on; what failed may be tried again. */
  fetch(hash: string, onProgress?: FetchOptions['onProgress']): Promise<void> {
    const known = this.#fetches.get(hash);
    if (known !== undefined) return known;
    const isWanted = this.#line?.hash === hash && this.#line.state === 'playing';
    const fetching = this.#source.fetch(hash, {
      priority: isWanted ? 'demand' : 'prefetch',
      ...(onProgress === undefined ? {} : { onProgress }),
      signal: this.#ended.signal,
    });
    this.#fetches.set(hash, fetching);
    fetching.catch(() => this.#fetches.delete(hash));
    return fetching;
  }

  /**
   * Fetches a track where needed and readies it at the frame that `frameNow` names once its bytes are here, if any. Rejects with the typed error
   * of the layer that failed.
   */
  async prepare(trackId: string, hash: string, frameNow: () => number | undefined): Promise<PreparedTrack> {
    const { signal } = this.#ended;
    this.#prepared.add(trackId);
    try {
      await this.fetch(hash);
      const open = (openSignal: AbortSignal): Promise<MediaSource> => this.#source.open(hash, openSignal);
      return await this.#player.prepare({ trackId, hash, open }, { frame: frameNow(), signal });
    } catch (error) {
      this.#prepared.delete(trackId);
      throw error;
    }
  }

  /** Plays by a better map. */
  setClock(map: ClockMap): void {
    this.#clock = map;
    this.#player.setClock(map);
  }

  /** Follows a line, unless it is older than the one that is followed. True when its track still has to be prepared. */
  follow(line: Timeline): boolean {
    if (!supersedes(line, this.#line)) return false;
    this.#line = line;
    this.#player.follow(line);
    const wanted = [line.trackId, line.next?.trackId];
    for (const trackId of this.#prepared) if (!wanted.includes(trackId)) this.#prepared.delete(trackId);
    return line.state !== 'stopped' && !this.#prepared.has(line.trackId);
  }

  [Symbol.dispose](): void {
    this.#ended.abort(new DOMException('the node left the party', 'AbortError'));
  }
}
