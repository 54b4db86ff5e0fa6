import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import path from 'node:path';
import { resourceKey, type Asset, type AssetStore, type ResourceKey } from '@tutti/assets';
import { openLocalFileSource, readBytes, type FillProgress, type MediaSource } from '@tutti/stream';
import type { Cache } from '../compose.ts';
import { isHttpUrl } from '../media/expand-sources.ts';
import { openMedia, type VariantChoice } from '../media/open-media.ts';
import { openCard } from './card-source.ts';
import { PartyError } from './party-error.ts';
import { recordingAsset } from './recording-asset.ts';
import { makeTrackCard, type TrackCard } from './track-card.ts';

/** A track that the host has whole. */
export interface LibraryTrack {
  readonly card: TrackCard;
  open(signal: AbortSignal): Promise<MediaSource>;
}

/** Bytes that nodes may ask for by their hash. */
export interface ServedBytes {
  readonly length: number;
  readonly contentType: string | undefined;
  /** The bytes from `start` up to `end`; throws when they are no longer there. */
  read(range: { readonly start: number; readonly end: number; readonly signal: AbortSignal }): AsyncIterable<Uint8Array>;
}

export interface TrackLibraryOptions {
  /** Opened at the first URL. */
  readonly cache: () => Promise<Cache>;
  /** Which rung of HLS ladders the party plays. */
  readonly variant: VariantChoice;
}

export interface AddOptions {
  readonly onProgress?: (progress: FillProgress) => void;
  readonly signal: AbortSignal;
}

/** A place for files of the host's computer in the caches of the others; no such host exists (RFC 6761). */
const LOCAL_ORIGIN = 'http://tutti.invalid';

/** What the host has to give: tracks with all their bytes, and the bytes by hash. */
export class TrackLibrary implements AsyncDisposable {
  readonly #options: TrackLibraryOptions;
  readonly #tracks = new Map<string, LibraryTrack>();
  readonly #served = new Map<string, ServedBytes>();
  /** Kept open, so that nothing of a party is evicted while it lasts. */
  readonly #assets: Asset[] = [];

  constructor(options: TrackLibraryOptions) {
    this.#options = options;
  }

  track(hash: string): LibraryTrack | undefined {
    return this.#tracks.get(hash);
  }

  bytes(sha256: string): ServedBytes | undefined {
    return this.#served.get(sha256);
  }

  /**
   * Fetches everything that playing `source` needs, so that nodes can have it from here. Rejects with `PartyError` `party/incomplete`
   * and `party/cache-in-use`, and with the typed error of the layer that failed. Abort keeps what was fetched.
   */
  async add(source: string, options: AddOptions): Promise<LibraryTrack> {
    options.signal.throwIfAborted();
    const track = isHttpUrl(source) ? await this.#addUrl(source, options) : await this.#addFile(source, options.signal);
    this.#tracks.set(track.card.hash, track);
    return track;
  }

  async close(): Promise<void> {
    for (const asset of this.#assets.splice(0)) await asset.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #addFile(file: string, signal: AbortSignal): Promise<LibraryTrack> {
    // Opening says in words what is wrong with a name.
    await (await openLocalFileSource(file, { signal })).close();
    const [sha256, { size: length }] = await Promise.all([hashFile(file, signal), stat(file)]);
    const url = `${LOCAL_ORIGIN}/${sha256}/${encodeURIComponent(path.basename(file))}`;
    const { relPath } = resourceKey('', 'media', url);
    this.#served.set(sha256, {
      length,
      contentType: undefined,
      read: ({ start, end, signal }) => createReadStream(file, { start, end: end - 1, signal }),
    });
    const card = makeTrackCard({ kind: 'progressive', url, bandwidth: 0, resources: [{ relPath, sha256, length }] });
    return { card, open: (openSignal) => openLocalFileSource(file, { signal: openSignal }) };
  }

  async #addUrl(url: string, { onProgress, signal }: AddOptions): Promise<LibraryTrack> {
    const cache = await this.#options.cache();
    const seen = new Map<string, ResourceKey>();
    const store: Pick<AssetStore, 'asset'> = {
      asset: async (assetUrl, assetOptions) => recordingAsset(await cache.store.asset(assetUrl, assetOptions), seen),
    };
    const bandwidth = await this.#rungOf(url, cache, signal);
    const variant = bandwidth === 0 ? this.#options.variant : bandwidth;
    const asset = await cache.store.asset(url, { signal });
    try {
      await using source = await openMedia(url, { cache: { ...cache, store }, variant, signal });
      const { isComplete, missing } = await source.fill({ signal, ...(onProgress === undefined ? {} : { onProgress }) });
      if (!isComplete) {
        throw new PartyError('party/incomplete', `${source.label} is not whole: ${missing.slice(0, 3).join('; ')}`);
      }
      const kind = source.kind === 'hls' ? 'hls' : 'progressive';
      const card = makeTrackCard({ kind, url: asset.url, bandwidth, resources: this.#serve(asset, seen.values(), cache) });
      this.#assets.push(asset);
      return { card, open: (openSignal) => openCard(cache.store, card, openSignal) };
    } catch (error) {
      await asset.close();
      throw error;
    }
  }

  /** The rung that plays, in bits per second: chosen once, the same on every node. 0 where there is no ladder. */
  async #rungOf(url: string, cache: Cache, signal: AbortSignal): Promise<number> {
    await using source = await openMedia(url, { cache, variant: this.#options.variant, signal });
    return 'selected' in source ? (source.selected as { readonly bandwidth: number }).bandwidth : 0;
  }

  #serve(asset: Asset, keys: Iterable<ResourceKey>, cache: Cache): TrackCard['resources'] {
    const resources: TrackCard['resources'] = [];
    for (const key of keys) {
      // Keys stay here: what they encrypted is stored in the clear.
      if (key.relPath.startsWith('keys/')) continue;
      const entry = asset.entry(key);
      if (entry === undefined) continue;
      const { length, origin, relPath, sha256 } = entry;
      const finalUrl = entry.finalUrl ?? key.url;
      this.#served.set(sha256, { length, contentType: origin.contentType, read: (range) => readResource(asset, key, range) });
      resources.push({
        relPath,
        sha256,
        length,
        ...(origin.contentType === undefined ? {} : { contentType: origin.contentType }),
        ...(finalUrl === undefined ? {} : { finalUrl }),
      });
    }
    if (resources.length > 0) return resources;
    const { root } = cache.store;
    throw new PartyError('party/cache-in-use', `another process is writing the cache ${root}: choose another with --cache`);
  }
}

async function* readResource(
  asset: Asset,
  key: ResourceKey,
  range: { readonly start: number; readonly end: number; readonly signal: AbortSignal },
): AsyncGenerator<Uint8Array> {
  if (key.relPath.startsWith('playlists/')) {
    const { bytes } = await asset.whole(key, undefined, { signal: range.signal });
    yield bytes.subarray(range.start, range.end);
    return;
  }
  const lease = await asset.acquire(key, undefined, { signal: range.signal });
  try {
    yield* readBytes(lease.resource, range);
  } finally {
    await lease.release();
  }
}

async function hashFile(file: string, signal: AbortSignal): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(file, { signal })) hash.update(chunk as Uint8Array);
  return hash.digest('hex');
}
