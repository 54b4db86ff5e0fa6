import { createHash } from 'node:crypto';
import type { Asset, AssetStore, ResourceLease } from '@tutti/assets';
import type { HttpClient, RequestPriority } from '@tutti/net';
import { download, readBytes, type MediaSource } from '@tutti/stream';
import { keyOf, openCard } from './card-source.ts';
import { MEDIA_PATH, TRACK_PATH } from './media-server.ts';
import { PartyError } from './party-error.ts';
import { MAX_CARD_BYTES, parseTrackCard, type TrackCard, type TrackResource } from './track-card.ts';

export interface TrackStoreOptions {
  readonly store: AssetStore;
  readonly client: HttpClient;
  /** `http://host:port` of the party's host. */
  readonly origin: string;
  /** Bearer token of its media. */
  readonly token: string;
}

export interface FetchTrackOptions {
  /** `demand` for a track that should be playing, `prefetch` for one that follows. */
  readonly priority: RequestPriority;
  readonly onProgress?: (progress: { readonly doneBytes: number; readonly totalBytes: number }) => void;
  readonly signal: AbortSignal;
}

/** Bytes that are not what was named are fetched so many times in all (P-020). */
const MAX_ATTEMPTS = 3;
/** Resources fetched at once: control messages of the same link must not wait long. */
const CONCURRENCY = 3;

/** The tracks of a party in this node's cache: fetched from the host, checked against their hashes, played from here. */
export class TrackStore implements AsyncDisposable {
  readonly #options: TrackStoreOptions;
  readonly #cards = new Map<string, TrackCard>();
  /** Kept until the end: an asset in use is not evicted, and a cache that cannot be written holds bytes only while they are leased. */
  readonly #kept: { release(): Promise<void> }[] = [];

  constructor(options: TrackStoreOptions) {
    this.#options = options;
  }

  /**
   * Makes sure that every byte of a track is in the cache. What is there already is not fetched. Rejects with `PartyError`
   * `party/wrong-bytes`, `party/bad-card`, and with the `NetError`, `StorageError` or `AssetError` that stopped it; abort keeps what
   * is whole.
   */
  async fetch(hash: string, options: FetchTrackOptions): Promise<void> {
    if (this.#cards.has(hash)) return;
    const card = await this.#fetchCard(hash, options.signal);
    const asset = await this.#options.store.asset(card.url, { signal: options.signal });
    this.#kept.push({ release: () => asset.close() });
    const totalBytes = card.resources.reduce((sum, { length }) => sum + length, 0);
    let doneBytes = 0;
    const queue = card.resources.values();
    const work = async (): Promise<void> => {
      for (const resource of queue) {
        await this.#fetchResource(asset, card, resource, options);
        doneBytes += resource.length;
        options.onProgress?.({ doneBytes, totalBytes });
      }
    };
    await Promise.all(Array.from({ length: CONCURRENCY }, work));
    this.#cards.set(hash, card);
  }

  /** Opens a track that was fetched. Rejects with `PartyError` `party/unknown-track`, and as `openCard`. */
  async open(hash: string, signal: AbortSignal): Promise<MediaSource> {
    const card = this.#cards.get(hash);
    if (card === undefined) throw new PartyError('party/unknown-track', `track ${hash.slice(0, 8)} was not fetched`);
    return openCard(this.#options.store, card, signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const kept of this.#kept.splice(0)) await kept.release();
  }

  async #fetchCard(hash: string, signal: AbortSignal): Promise<TrackCard> {
    const { client, origin } = this.#options;
    const request = {
      url: `${origin}${TRACK_PATH}${hash}`,
      kind: 'playlist',
      headers: this.#headers,
      maxBytes: MAX_CARD_BYTES,
    } as const;
    const { bytes } = await client.fetchWhole(request, { signal });
    return parseTrackCard(bytes, hash);
  }

  get #headers(): Readonly<Record<string, string>> {
    return { authorization: `Bearer ${this.#options.token}` };
  }

  async #fetchResource(asset: Asset, card: TrackCard, resource: TrackResource, options: FetchTrackOptions): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      try {
        if (resource.relPath.startsWith('playlists/')) await this.#fetchWhole(asset, card, resource, options.signal);
        else await this.#fetchStream(asset, card, resource, options);
        return;
      } catch (error) {
        options.signal.throwIfAborted();
        if (!(error instanceof PartyError) || attempt === MAX_ATTEMPTS) throw error;
      }
    }
  }

  async #fetchWhole(asset: Asset, card: TrackCard, resource: TrackResource, signal: AbortSignal): Promise<void> {
    const { client, origin } = this.#options;
    const key = keyOf(asset, card, resource);
    const stored = await asset.whole(key, undefined, { signal }).catch(() => undefined);
    if (stored !== undefined && sha256Of(stored.bytes) === resource.sha256) return;
    const produce = async (producerSignal: AbortSignal) => {
      const request = { url: `${origin}${MEDIA_PATH}${resource.sha256}`, kind: 'playlist', headers: this.#headers } as const;
      const { bytes } = await client.fetchWhole(request, { signal: producerSignal });
      if (sha256Of(bytes) !== resource.sha256) throw wrongBytes(resource);
      return { bytes, finalUrl: resource.finalUrl ?? card.url, origin: originOf(resource) };
    };
    await asset.whole(key, produce, { refresh: true, signal });
  }

  async #fetchStream(asset: Asset, card: TrackCard, resource: TrackResource, options: FetchTrackOptions): Promise<void> {
    const key = keyOf(asset, card, resource);
    const { signal } = options;
    const lease = await asset.acquire(key, (target, stop) => this.#produce(target, resource, options.priority, stop), { signal });
    try {
      await lease.resource.waitRange({ start: 0, end: resource.length }, { signal });
      await committed(lease, signal);
      if (lease.wasComplete && asset.entry(key)?.sha256 !== resource.sha256) throw wrongBytes(resource);
    } catch (error) {
      await lease.release();
      signal.throwIfAborted();
      await asset.discard(key);
      // The failure of a resource is told as it was thrown; one that readers were told is its cause.
      throw error instanceof Error && error.cause instanceof PartyError ? error.cause : error;
    }
    if (this.#options.store.mode === 'writer') await lease.release();
    else this.#kept.push(lease);
  }

  async #produce(
    target: ResourceLease['resource'],
    resource: TrackResource,
    priority: RequestPriority,
    signal: AbortSignal,
  ): ReturnType<NonNullable<Parameters<Asset['acquire']>[1]>> {
    const { client, origin } = this.#options;
    const [stored] = target.ranges();
    const position = stored?.start === 0 ? stored.end : 0;
    if (position < resource.length) {
      const url = `${origin}${MEDIA_PATH}${resource.sha256}`;
      const request = { url, kind: 'media', priority, headers: this.#headers } as const;
      await download({ client, resource: target, request, position, range: { start: position }, signal });
    }
    const hash = createHash('sha256');
    for await (const chunk of readBytes(target, { end: resource.length, signal })) hash.update(chunk);
    if (hash.digest('hex') !== resource.sha256) throw wrongBytes(resource);
    return target.commit(resource.length);
  }
}

/** Resolves when the resource has its name; rejects with what it failed with. */
async function committed({ resource }: ResourceLease, signal: AbortSignal): Promise<void> {
  const { promise, reject, resolve } = Promise.withResolvers<void>();
  const check = (): void => {
    if (resource.state === 'committed') resolve();
    else if (resource.state !== 'active')
      reject(resource.failure ?? new PartyError('party/incomplete', 'the transfer was stopped'));
  };
  using _change = resource.onChange(check);
  const abort = (): void => reject(signal.reason);
  signal.addEventListener('abort', abort);
  check();
  try {
    await promise;
  } finally {
    signal.removeEventListener('abort', abort);
  }
}

function originOf({ contentType, length, sha256 }: TrackResource) {
  return { validator: `"${sha256}"`, totalLength: length, contentType, transformId: undefined };
}

function sha256Of(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

function wrongBytes({ relPath }: TrackResource): PartyError {
  return new PartyError('party/wrong-bytes', `${relPath} is not what the host named`);
}
