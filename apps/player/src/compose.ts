import type { AssetStore, CacheUsage } from '@tutti/assets';
import type { ThroughputMemory } from '@tutti/hls';
import type { HttpClient, NetEvent } from '@tutti/net';
import { defaultDirectories } from './directories.ts';

export interface CacheOptions {
  /** Directory of the cache. Default: the platform's cache directory. */
  readonly directory?: string;
  /** Upper limit in bytes; the least recently used assets make room. `Infinity`: none. Default: `defaultMaxBytes`. */
  readonly maxBytes?: number;
  /** Never touch the network: what is not complete in the cache is `assets/not-cached` at once. */
  readonly isOffline?: boolean;
  /** Receives what the network layer has to tell; lines carry no secrets. */
  readonly logger?: Logger | Promise<Logger>;
  /** A playlist that will be opened first: it is asked for while the cache opens. */
  readonly firstPlaylist?: string;
}

/** What a music collection of some hundred hours needs. */
const MAX_DEFAULT_BYTES = 10 * 1024 ** 3;
/** A cache that nobody has thought about leaves nine tenths of the room to others. */
const DEFAULT_SHARE = 0.1;

/**
 * The limit of a cache that was given none: 10 GiB, or a tenth of what the disk would have free without the cache, whichever is
 * less.
 */
export function defaultMaxBytes({ bytes, freeBytes }: Pick<CacheUsage, 'bytes' | 'freeBytes'>): number {
  return Math.min(MAX_DEFAULT_BYTES, Math.floor((bytes + freeBytes) * DEFAULT_SHARE));
}

/** A sink for log lines; a pino logger is one. */
export interface Logger {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}

/** An open cache and the client that fills it: what `openMedia` and `warm` work on. */
export interface Cache extends AsyncDisposable {
  readonly store: AssetStore;
  /** `undefined` offline. */
  readonly client: HttpClient | undefined;
  /** What was measured of each origin so far; made when first asked for. */
  readonly throughput: () => Promise<ThroughputMemory>;
  /** Ends the network requests, then checkpoints and releases the store. Idempotent. */
  close(): Promise<void>;
}

/**
 * Opens (and creates) the cache directory and an HTTP client. Rejects with `AssetError` `assets/bad-root` when the directory cannot
 * be used.
 */
export async function openCache(options: CacheOptions = {}): Promise<Cache> {
  const client = options.isOffline === true ? undefined : await openClient(options);
  // Loaded when first needed: most commands start faster without them.
  const { openAssetStore } = await import('@tutti/assets');
  const { maxBytes = defaultMaxBytes } = options;
  const opening = openAssetStore({
    root: options.directory ?? defaultDirectories.cache,
    ...(maxBytes === Infinity ? {} : { maxBytes }),
  });
  const store = await opening.catch(async (error: unknown) => {
    await client?.close();
    throw error;
  });
  const { logger } = options;
  const log = (event: NetEvent): void => void Promise.resolve(logger).then((sink) => sink?.debug(event, 'net'));
  const observation = logger === undefined ? undefined : client?.on(log);
  const close = async (): Promise<void> => {
    observation?.[Symbol.dispose]();
    await client?.close();
    await store.close();
  };
  let memory: Promise<ThroughputMemory> | undefined;
  const throughput = (): Promise<ThroughputMemory> =>
    (memory ??= import('@tutti/hls').then(({ ThroughputMemory }) => new ThroughputMemory()));
  return { store, client, throughput, close, [Symbol.asyncDispose]: close };
}

async function openClient({ firstPlaylist }: CacheOptions): Promise<HttpClient> {
  const { createHttpClient } = await import('@tutti/net');
  const client = createHttpClient();
  if (firstPlaylist === undefined) return client;
  const [{ assetId }, { withHeadStart }] = await Promise.all([import('@tutti/assets'), import('./media/head-start.ts')]);
  return withHeadStart(client, { url: firstPlaylist, cookieJar: assetId(firstPlaylist) });
}
