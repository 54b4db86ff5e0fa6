import type { Asset, ProducedWhole } from '@tutti/assets';
import type { HttpClient } from '@tutti/net';
import { parsePlaylist } from './playlist/playlist.ts';
import type { MediaPlaylist, MultivariantPlaylist } from './playlist/playlist.ts';
import type { Variables } from './playlist/variables.ts';
import { StoreInBackground } from './store-in-background.ts';

export interface PlaylistLoaderOptions {
  readonly asset: Asset;
  /** Absent: offline. */
  readonly client: HttpClient | undefined;
  /** Query parameters that tell playlists apart. Default: all. */
  readonly identityQuery?: readonly string[] | undefined;
  /** How long the origin may take, in milliseconds, before a stored copy stands in. */
  readonly refreshPatienceMs: number;
  readonly onRequest: () => void;
  /** A stored copy stands in, because of `error` where it is known. */
  readonly onStale: (url: string, error: unknown) => void;
}

export interface LoadOptions {
  readonly imports?: Variables | undefined;
  /** The playlist that the asset is named by: its query is told apart by the asset alone. */
  readonly isRoot?: boolean;
  /** Read what is stored and ask nobody, though there is a client. */
  readonly isCachedOnly?: boolean;
  readonly signal?: AbortSignal | undefined;
}

/** Playlists through the cache: asked from the origin first when there is one, stored as the bytes that were received. */
export class PlaylistLoader {
  readonly #options: PlaylistLoaderOptions;
  readonly #background = new StoreInBackground();

  constructor(options: PlaylistLoaderOptions) {
    this.#options = options;
  }

  /** Whether a copy is stored. */
  isStored(url: string, isRoot = false): boolean {
    return this.#options.asset.entry(this.#key(url, isRoot)) !== undefined;
  }

  /**
   * Loads and parses a playlist; one that comes from the origin is given before it is stored. What does not parse is never stored; a
   * stored copy stands in when the origin keeps it waiting, fails, or sends something else (a captive portal). Throws `HlsError`, `NetError`, and `AssetError` `assets/not-cached` offline.
   */
  async load(url: string, options: LoadOptions = {}): Promise<MultivariantPlaylist | MediaPlaylist> {
    const { client, refreshPatienceMs } = this.#options;
    const { isCachedOnly = false, isRoot = false, signal } = options;
    if (client === undefined || isCachedOnly) return this.#read(url, undefined, options);
    if (!this.isStored(url, isRoot)) return this.#read(url, client, options);
    const patience = AbortSignal.timeout(refreshPatienceMs);
    try {
      return await this.#read(url, client, {
        ...options,
        signal: signal === undefined ? patience : AbortSignal.any([signal, patience]),
      });
    } catch (error) {
      signal?.throwIfAborted();
      const stored = await this.#read(url, undefined, options).catch(() => undefined);
      if (stored === undefined) throw error;
      this.#options.onStale(url, error);
      return stored;
    }
  }

  /** Resolves when every playlist that came is stored; rejects with what kept one of them from it. */
  async stored(): Promise<void> {
    await this.#background.stored();
  }

  async #read(url: string, client: HttpClient | undefined, options: LoadOptions): Promise<MultivariantPlaylist | MediaPlaylist> {
    const { asset, onRequest } = this.#options;
    const { imports, isRoot = false, signal } = options;
    const parse = (bytes: Uint8Array, finalUrl: string): MultivariantPlaylist | MediaPlaylist =>
      parsePlaylist(bytes, { url: finalUrl, requestUrl: url, ...(imports === undefined ? {} : { imports }) });
    return this.#background.first(async (announce, reading) => {
      let fresh: MultivariantPlaylist | MediaPlaylist | undefined;
      const produce = async (from: HttpClient, producerSignal: AbortSignal): Promise<ProducedWhole> => {
        onRequest();
        const answer = await from.fetchWhole({ url, kind: 'playlist' }, { signal: producerSignal });
        fresh = parse(answer.bytes, answer.finalUrl);
        announce(fresh);
        const { bytes, contentType, finalUrl, representation } = answer;
        return { bytes, finalUrl, origin: { ...representation, contentType, transformId: undefined } };
      };
      const whole = await asset.whole(
        this.#key(url, isRoot),
        client === undefined ? undefined : (producerSignal) => produce(client, producerSignal),
        { refresh: true, signal: reading },
      );
      if (fresh !== undefined) return fresh;
      if (client !== undefined && whole.wasCached) this.#options.onStale(url, undefined);
      return parse(whole.bytes, whole.finalUrl);
    }, signal);
  }

  #key(url: string, isRoot: boolean): ReturnType<Asset['key']> {
    const identityQuery = isRoot ? [] : this.#options.identityQuery;
    return this.#options.asset.key('playlists', url, identityQuery === undefined ? {} : { identityQuery });
  }
}
