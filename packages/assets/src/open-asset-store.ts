import type { AssetStore } from './asset-store.ts';
import { prepareRoot } from './cache-root.ts';
import { measure } from './directory-walk.ts';
import { DiskAssetStore, type AssetStoreOptions } from './disk-asset-store.ts';
import { SpaceKeeper } from './space-keeper.ts';
import { readUsage } from './usage-record.ts';

/**
 * Opens a cache directory: as its writer, or as a reader while another process writes it or nothing can be written.
 * Rejects with `assets/bad-root`, `assets/unsupported-layout` or `assets/no-space`.
 */
export async function openAssetStore(options: AssetStoreOptions): Promise<AssetStore> {
  options.signal?.throwIfAborted();
  const places = await prepareRoot(options.root);
  const { maxBytes } = options;
  const usedBytes =
    (await readUsage(places.root)) ?? (typeof maxBytes === 'function' ? (await measure(places.root)).bytes : undefined);
  const store = new DiskAssetStore(places, { maxBytes: await limitOf(places.root, maxBytes, usedBytes), usedBytes }, options);
  await store.begin();
  if (options.signal?.aborted) await store.close();
  options.signal?.throwIfAborted();
  return store;
}

async function limitOf(
  root: string,
  maxBytes: AssetStoreOptions['maxBytes'],
  usedBytes: number | undefined,
): Promise<number | undefined> {
  if (typeof maxBytes !== 'function') return maxBytes;
  return maxBytes({ bytes: usedBytes ?? 0, freeBytes: await SpaceKeeper.freeBytes(root) });
}
