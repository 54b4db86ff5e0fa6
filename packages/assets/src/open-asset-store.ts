import { randomBytes } from 'node:crypto';
import { readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { nodeFileSystem } from '@tutti/storage';
import { AssetError } from './asset-error.ts';
import { describeAsset, lastUsed, PIN_NAME } from './asset-files.ts';
import type { Asset, AssetDetails, AssetStore, AssetSummary, CacheUsage } from './asset-store.ts';
import { emptyTrash, prepareRoot, toRootError, type CacheRoot } from './cache-root.ts';
import { measure } from './directory-walk.ts';
import { KeyedQueue } from './keyed-queue.ts';
import { silentLogger, type AssetLogger } from './logger.ts';
import { OpenAsset } from './open-asset.ts';
import { ProcessLeases } from './process-leases.ts';
import { assetId, isAssetId, withoutSecrets } from './resource-key.ts';
import { RootLock } from './root-lock.ts';
import { SharedAsset } from './shared-asset.ts';
import { SpaceKeeper } from './space-keeper.ts';
import { WholeCache } from './whole-cache.ts';
import { WholeResources } from './whole-resources.ts';

export interface AssetStoreOptions {
  /** The cache directory; made with mode 0700 when it is missing. */
  readonly root: string;
  /** Most bytes that all files below the root may have. Default: no limit. */
  readonly maxBytes?: number;
  /** Fewest bytes that the disk must have left. Default: no limit. */
  readonly minFreeBytes?: number;
  /** Most bytes of one resource that a `reader` holds in memory. Default 512 MiB. */
  readonly maxMemoryBytes?: number;
  /** Milliseconds between two signs of life of the writer's lock, 1000 at least. Default 5000. */
  readonly lockUpdateMs?: number;
  /** Wall clock, in milliseconds since 1970: tells which asset was used last. Default: the system's. */
  readonly nowMs?: () => number;
  readonly logger?: AssetLogger;
  /** Abort leaves no lock behind. */
  readonly signal?: AbortSignal;
}

const MAX_MEMORY_BYTES = 512 * 1024 * 1024;
/** Playlists and keys of some hundred presentations. */
const MAX_WHOLE_MEMORY_BYTES = 32 * 1024 * 1024;

/**
 * Opens a cache directory: as its writer, or as a reader while another process writes it.
 * Rejects with `assets/bad-root`, `assets/unsupported-layout` or `assets/no-space`.
 */
export async function openAssetStore(options: AssetStoreOptions): Promise<AssetStore> {
  options.signal?.throwIfAborted();
  const places = await prepareRoot(options.root);
  const store = new DiskAssetStore(places, options);
  await store.begin();
  if (options.signal?.aborted) await store.close();
  options.signal?.throwIfAborted();
  return store;
}

interface AssetInUse {
  readonly shared: SharedAsset;
  readonly wholes: WholeResources;
  userCount: number;
}

class DiskAssetStore implements AssetStore {
  readonly root: string;
  readonly #places: CacheRoot;
  readonly #options: AssetStoreOptions;
  readonly #logger: AssetLogger;
  readonly #leases: ProcessLeases;
  readonly #space: SpaceKeeper;
  readonly #memory = new WholeCache(MAX_WHOLE_MEMORY_BYTES);
  /** Opening, closing and removing one asset happen one after the other. */
  readonly #queue = new KeyedQueue();
  readonly #inUse = new Map<string, AssetInUse>();
  #lock: RootLock | undefined;
  #mode: 'writer' | 'reader' = 'reader';
  #closing: Promise<void> | undefined;

  constructor(places: CacheRoot, options: AssetStoreOptions) {
    this.root = places.root;
    this.#places = places;
    this.#options = options;
    this.#logger = options.logger ?? silentLogger;
    this.#leases = new ProcessLeases(places.leases);
    const { maxBytes, minFreeBytes } = options;
    this.#space = new SpaceKeeper({ root: this.root, maxBytes, minFreeBytes, evictOldest: () => this.#evictOldest() });
  }

  get mode(): 'writer' | 'reader' {
    return this.#mode;
  }

  /** Takes the lock if it is free, and brings the cache inside its limits. */
  async begin(): Promise<void> {
    try {
      this.#lock = await RootLock.take({ root: this.root, updateMs: this.#options.lockUpdateMs, onLost: () => this.#lostLock() });
      if (this.#lock === undefined) return;
      this.#mode = 'writer';
      await emptyTrash(this.#places);
    } catch (error) {
      await this.#lock?.release();
      throw toRootError(error, this.root);
    }
    await this.#tidy();
  }

  async asset(
    url: string,
    options: { readonly identityQuery?: readonly string[]; readonly signal?: AbortSignal } = {},
  ): Promise<Asset> {
    this.#checkOpen();
    options.signal?.throwIfAborted();
    const id = assetId(url, options.identityQuery);
    const asset = await this.#queue.run(id, async () => {
      const used = this.#inUse.get(id) ?? (await this.#openShared(id, withoutSecrets(url)));
      return new OpenAsset({ shared: used.shared, wholes: used.wholes, retain: () => this.#retain(id, used) });
    });
    if (options.signal?.aborted === true || this.#closing !== undefined) await asset.close();
    options.signal?.throwIfAborted();
    this.#checkOpen();
    return asset;
  }

  async list(): Promise<readonly AssetSummary[]> {
    const summaries: AssetSummary[] = [];
    for (const id of await this.#ids()) {
      const { resources: _, partials: __, ...summary } = await describeAsset(id, this.#directory(id));
      summaries.push(summary);
    }
    return summaries;
  }

  async stat(idOrUrl: string): Promise<AssetDetails | undefined> {
    const id = await this.#find(idOrUrl);
    return id === undefined ? undefined : describeAsset(id, this.#directory(id));
  }

  async usage(): Promise<CacheUsage> {
    const { bytes, fileCount } = await measure(this.root);
    const assetCount = (await this.#ids()).length;
    const freeBytes = await SpaceKeeper.freeBytes(this.root);
    return { root: this.root, bytes, assetCount, fileCount, maxBytes: this.#options.maxBytes, freeBytes };
  }

  async remove(idOrUrl: string): Promise<AssetSummary> {
    const id = await this.#known(idOrUrl, 'remove');
    const summary = await describeAsset(id, this.#directory(id));
    if (!(await this.#removeUnused(id))) {
      throw new AssetError('assets/in-use', `remove ${summary.url || id}: it is being played or fetched; stop that first`, {
        subject: id,
      });
    }
    return summary;
  }

  async setPinned(idOrUrl: string, isPinned: boolean): Promise<AssetSummary> {
    const id = await this.#known(idOrUrl, isPinned ? 'pin' : 'unpin');
    const path = join(this.#directory(id), PIN_NAME);
    if (isPinned) await writeFile(path, '', { mode: 0o600 });
    else await rm(path, { force: true });
    return describeAsset(id, this.#directory(id));
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    const reason = new AssetError('assets/closed', `close cache ${this.root}`, { subject: this.root });
    await Promise.all(Array.from(this.#inUse.keys(), (id) => this.#queue.run(id, () => this.#closeShared(id, reason))));
    await this.#lock?.release();
  }

  async #openShared(id: string, url: string): Promise<AssetInUse> {
    await this.#leases.add(id);
    const shared = await SharedAsset.open({
      id,
      url,
      directory: this.#directory(id),
      space: this.#space,
      isWriter: () => this.#mode === 'writer',
      nowMs: this.#options.nowMs ?? Date.now,
      logger: this.#logger,
      maxMemoryBytes: this.#options.maxMemoryBytes ?? MAX_MEMORY_BYTES,
    });
    const used = { shared, wholes: new WholeResources(shared, this.#memory), userCount: 0 };
    this.#inUse.set(id, used);
    return used;
  }

  /** Brings the cache inside its limits where it can: one over them can still be read, and refuses to grow. */
  async #tidy(): Promise<void> {
    await this.#space.tidy().catch((error: unknown) => this.#logger.warn({ err: error }, 'cache over its limits'));
  }

  #retain(id: string, used: AssetInUse): () => Promise<void> {
    used.userCount += 1;
    return async () => {
      used.userCount -= 1;
      if (used.userCount > 0) return;
      await this.#queue.run(id, async () => {
        // Opened again while this waited for its turn.
        if (used.userCount > 0 || this.#inUse.get(id) !== used) return;
        await this.#closeShared(id, new DOMException('the asset was closed', 'AbortError'));
      });
      if (this.#closing === undefined && this.#mode === 'writer') await this.#tidy();
    };
  }

  async #closeShared(id: string, reason: Error): Promise<void> {
    const used = this.#inUse.get(id);
    if (used === undefined) return;
    await used.wholes.close(reason);
    await used.shared.close(reason);
    this.#inUse.delete(id);
    await this.#leases.remove(id);
  }

  /** Removes an asset unless somebody uses it, here or elsewhere. */
  async #removeUnused(id: string): Promise<boolean> {
    return this.#queue.run(id, async () => {
      if (this.#inUse.has(id) || (await this.#leases.isUsedElsewhere(id))) return false;
      // Renamed first: an asset is there or it is not, also when the removal is interrupted.
      await nodeFileSystem.makeDirectory(this.#places.trash);
      const away = join(this.#places.trash, `${id}.${randomBytes(4).toString('hex')}`);
      await rename(this.#directory(id), away);
      await rm(away, { recursive: true, force: true });
      return true;
    });
  }

  async #evictOldest(): Promise<boolean> {
    const candidates: { id: string; usedAtMs: number }[] = [];
    for (const id of await this.#ids()) {
      if (!this.#inUse.has(id)) candidates.push({ id, usedAtMs: await lastUsed(this.#directory(id)) });
    }
    for (const { id } of candidates.sort((a, b) => a.usedAtMs - b.usedAtMs)) {
      const names = await readdir(this.#directory(id)).catch((): string[] => []);
      if (names.includes(PIN_NAME) || !(await this.#removeUnused(id))) continue;
      this.#logger.info({ asset: id }, 'asset evicted');
      return true;
    }
    return false;
  }

  #lostLock(): void {
    this.#mode = 'reader';
    this.#logger.warn({ root: this.root }, 'cache lock lost: continuing without writing');
    const error = new AssetError('assets/locked', `write cache ${this.root}: another process has taken it over`, {
      subject: this.root,
    });
    for (const { shared } of this.#inUse.values()) void shared.failActive(error);
  }

  async #known(idOrUrl: string, operation: string): Promise<string> {
    this.#checkOpen();
    if (this.#mode === 'reader') {
      throw new AssetError(
        'assets/locked',
        `${operation} in cache ${this.root}: another process is writing it; stop that one first`,
        {
          subject: this.root,
        },
      );
    }
    const id = await this.#find(idOrUrl);
    if (id !== undefined) return id;
    throw new AssetError('assets/not-cached', `${operation}: nothing of this is in the cache`, {
      subject: isAssetId(idOrUrl) ? idOrUrl : 'url',
    });
  }

  async #find(idOrUrl: string): Promise<string | undefined> {
    const id = isAssetId(idOrUrl) ? idOrUrl : assetId(idOrUrl);
    return (await this.#ids()).includes(id) ? id : undefined;
  }

  async #ids(): Promise<string[]> {
    const entries = await readdir(this.#places.assets, { withFileTypes: true });
    return entries.filter((entry) => entry.isDirectory() && isAssetId(entry.name)).map((entry) => entry.name);
  }

  #directory(id: string): string {
    return join(this.#places.assets, id);
  }

  #checkOpen(): void {
    if (this.#closing !== undefined)
      throw new AssetError('assets/closed', `use cache ${this.root}: it is closed`, { subject: this.root });
  }
}
