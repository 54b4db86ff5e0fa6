import type { AssetStore } from '@tutti/assets';
import type { HttpClient } from '@tutti/net';
import { defaultDirectories } from './directories.ts';

export interface CacheOptions {
  /** Directory of the cache. Default: the platform's cache directory. */
  readonly directory?: string;
  /** Upper limit in bytes; the least recently used assets make room. Default: no limit. */
  readonly maxBytes?: number;
  /** Never touch the network: what is not complete in the cache is `assets/not-cached` at once. */
  readonly isOffline?: boolean;
  /** Receives what the network layer has to tell; lines carry no secrets. */
  readonly logger?: Logger;
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
  /** Ends the network requests, then checkpoints and releases the store. Idempotent. */
  close(): Promise<void>;
}

/**
 * Opens (and creates) the cache directory and an HTTP client. Rejects with `AssetError` `assets/bad-root` when the directory cannot
 * be used.
 */
export async function openCache(options: CacheOptions = {}): Promise<Cache> {
  // Loaded when first needed: most commands start faster without them.
  const { openAssetStore } = await import('@tutti/assets');
  const store = await openAssetStore({
    root: options.directory ?? defaultDirectories.cache,
    ...(options.maxBytes === undefined ? {} : { maxBytes: options.maxBytes }),
  });
  const client = options.isOffline === true ? undefined : (await import('@tutti/net')).createHttpClient();
  const { logger } = options;
  const observation = logger === undefined ? undefined : client?.on((event) => logger.debug(event, 'net'));
  const close = async (): Promise<void> => {
    observation?.[Symbol.dispose]();
    await client?.close();
    await store.close();
  };
  return { store, client, close, [Symbol.asyncDispose]: close };
}
