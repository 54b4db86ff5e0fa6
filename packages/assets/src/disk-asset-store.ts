import { randomBytes } from 'node:crypto';
import { readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { nodeFileSystem, type FileSystem } from '@tutti/storage';
import { AssetError } from './asset-error.ts';
import { describeAsset, lastUsed, PIN_NAME } from './asset-files.ts';
import type {
  Asset,
  AssetDetails,
  AssetStore,
  AssetSummary,
  CacheUsage,
  EvictOptions,
  EvictReport,
  VerifyOptions,
  VerifyReport,
} from './asset-store.ts';
import { emptyTrash, toRootError, type CacheRoot } from './cache-root.ts';
import { measure } from './directory-walk.ts';
import { KeyedQueue } from './keyed-queue.ts';
import { silentLogger, type AssetLogger } from './logger.ts';
import { OpenAsset } from './open-asset.ts';
import { ProcessLeases } from './process-leases.ts';
import { assetId, isAssetId, withoutSecrets } from './resource-key.ts';
import { RootLock } from './root-lock.ts';
import { SharedAsset } from './shared-asset.ts';
import { SpaceKeeper } from './space-keeper.ts';
import { forgetUsage, leaveUsage } from './usage-record.ts';
import { quarantineUnused, verifyAssets, type Quarantined } from './verification.ts';
import { WholeCache } from './whole-cache.ts';
import { WholeResources } from './whole-resources.ts';

export interface AssetStoreOptions {
  /** The cache directory; made with mode 0700 when it is missing. */
  readonly root: string;
  /** Most bytes that all files below the root may have, or a function that tells it at the opening. Default: no limit. */
  readonly maxBytes?: number | ((found: Pick<CacheUsage, 'bytes' | 'freeBytes'>) => number);
  /** Fewest bytes that the disk must have left. Default: no limit. */
  readonly minFreeBytes?: number;
  /** Most bytes of one resource that a `reader` holds in memory. Default 512 MiB. */
  readonly maxMemoryBytes?: number;
  /** Milliseconds between two signs of life of the writer's lock, 1000 at least. Default 5000. */
  readonly lockUpdateMs?: number;
  /** Wall clock, in milliseconds since 1970: tells which asset was used last. Default: the system's. */
  readonly nowMs?: () => number;
  readonly logger?: AssetLogger;
  /** What the bytes and their entries are written through: for tests that cut the power. Default: the real one. */
  readonly fileSystem?: FileSystem;
  /** Abort leaves no lock behind. */
  readonly signal?: AbortSignal;
}

const MAX_MEMORY_BYTES = 512 * 1024 * 1024;
/** Playlists and keys of some hundred presentations. */
const MAX_WHOLE_MEMORY_BYTES = 32 * 1024 * 1024;

/** What is known of the space below the root before it is opened. */
export interface FoundSpace {
  readonly maxBytes: number | undefined;
  /** `undefined`: it has to be counted. */
  readonly usedBytes: number | undefined;
}

interface AssetInUse {
  readonly shared: SharedAsset;
  readonly wholes: WholeResources;
  userCount: number;
}

/** The cache of one directory. `begin` comes first. */
export class DiskAssetStore implements AssetStore {
  readonly root: string;
  readonly #places: CacheRoot;
  readonly #options: AssetStoreOptions;
  readonly #maxBytes: number | undefined;
  readonly #logger: AssetLogger;
  readonly #leases: ProcessLeases;
  readonly #space: SpaceKeeper;
  readonly #memory = new WholeCache(MAX_WHOLE_MEMORY_BYTES);
  /** Opening, closing and removing one asset happen one after the other. */
  readonly #queue = new KeyedQueue();
  readonly #inUse = new Map<string, AssetInUse>();
  #lock: RootLock | undefined;
  #mode: 'writer' | 'reader' = 'reader';
  #obstacle: AssetError | undefined;
  #closing: Promise<void> | undefined;

  constructor(places: CacheRoot, found: FoundSpace, options: AssetStoreOptions) {
    const { maxBytes, usedBytes } = found;
    this.root = places.root;
    this.#places = places;
    this.#obstacle = places.obstacle;
    this.#options = options;
    this.#maxBytes = maxBytes;
    this.#logger = options.logger ?? silentLogger;
    this.#leases = new ProcessLeases(places.leases);
    const limits = { root: this.root, maxBytes, usedBytes, minFreeBytes: options.minFreeBytes };
    this.#space = new SpaceKeeper({ ...limits, evictOldest: () => this.#evictOldest() });
  }

  get mode(): 'writer' | 'reader' {
    return this.#mode;
  }

  get obstacle(): AssetError | undefined {
    return this.#obstacle;
  }

  async otherWriter(): Promise<{ readonly pid: number | undefined } | undefined> {
    if (this.#mode === 'writer' || this.#obstacle !== undefined) return undefined;
    return { pid: (await RootLock.holder(this.root))?.pid };
  }

  /** Takes the lock if it is free, and brings the cache inside its limits. */
  async begin(): Promise<void> {
    if (this.#obstacle !== undefined) return;
    try {
      this.#lock = await RootLock.take({ root: this.root, updateMs: this.#options.lockUpdateMs, onLost: () => this.#lostLock() });
      if (this.#lock === undefined) return;
      this.#mode = 'writer';
      await forgetUsage(this.root);
      await emptyTrash(this.#places);
    } catch (error) {
      await this.#lock?.release();
      this.#lock = undefined;
      this.#mode = 'reader';
      const failure = toRootError(error, this.root);
      if (failure.code !== 'assets/no-space') throw failure;
      // Not even a lock fits on the disk: what is there can be read all the same.
      this.#obstacle = failure;
      return;
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
    return { root: this.root, bytes, assetCount, fileCount, maxBytes: this.#maxBytes, freeBytes };
  }

  async remove(idOrUrl: string): Promise<AssetSummary> {
    await this.#checkRemover('remove');
    const id = await this.#known(idOrUrl, 'remove');
    const summary = await describeAsset(id, this.#directory(id));
    if (!(await this.#removeUnused(id))) {
      throw new AssetError('assets/in-use', `remove ${summary.url || id}: it is being played or fetched; stop that first`, {
        subject: id,
      });
    }
    this.#space.forget();
    return summary;
  }

  async setPinned(idOrUrl: string, isPinned: boolean): Promise<AssetSummary> {
    const operation = isPinned ? 'pin' : 'unpin';
    this.#checkWriter(operation);
    const id = await this.#known(idOrUrl, operation);
    const directory = this.#directory(id);
    if (isPinned) await writeFile(join(directory, PIN_NAME), '', { mode: 0o600 });
    else await rm(join(directory, PIN_NAME), { force: true });
    return describeAsset(id, directory);
  }

  async verify(options: VerifyOptions = {}): Promise<VerifyReport> {
    this.#checkWriter('verify');
    options.signal?.throwIfAborted();
    const ids = options.only === undefined ? await this.#ids() : [];
    for (const each of options.only ?? []) ids.push(await this.#known(each, 'verify'));
    const assets = [...new Set(ids)].map((id) => ({
      id,
      directory: this.#directory(id),
      quarantine: (relPath: string) => this.#quarantine(id, relPath),
    }));
    return verifyAssets(assets, options);
  }

  async evict(options: EvictOptions = {}): Promise<EvictReport> {
    await this.#checkRemover('evict');
    options.signal?.throwIfAborted();
    const maxBytes = options.maxBytes ?? this.#maxBytes;
    const evicted: AssetSummary[] = [];
    const evict = (): Promise<boolean> => this.#evictOldest((summary) => evicted.push(summary));
    const { bytesBefore, bytes } = await this.#space.shrink(maxBytes ?? Infinity, evict, options.signal);
    return {
      evicted,
      freedBytes: bytesBefore - bytes,
      bytes,
      maxBytes,
      isWithinLimit: maxBytes === undefined || bytes <= maxBytes,
    };
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
    const { countedBytes } = this.#space;
    if (this.#mode === 'writer' && countedBytes !== undefined) await leaveUsage(this.root, countedBytes);
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
      fileSystem: this.#options.fileSystem ?? nodeFileSystem,
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
      await rm(await this.#moveAway(id), { recursive: true, force: true });
      return true;
    });
  }

  /** Renames an asset before it is removed: it is there or it is not, also when the removal is interrupted. */
  async #moveAway(id: string): Promise<string> {
    const directory = this.#directory(id);
    const away = join(this.#places.trash, `${id}.${randomBytes(4).toString('hex')}`);
    try {
      await nodeFileSystem.makeDirectory(this.#places.trash);
      await rename(directory, away);
      return away;
    } catch (error) {
      // A new directory needs room, too; an asset of which files are missing fetches them again.
      if (toRootError(error, this.root).code === 'assets/no-space') return directory;
      throw error;
    }
  }

  async #quarantine(id: string, relPath: string): Promise<Quarantined> {
    const quarantine = join(this.#places.quarantine, id);
    const found = await this.#queue.run(id, () => {
      const shared = this.#inUse.get(id)?.shared;
      return shared?.quarantine(relPath, quarantine) ?? quarantineUnused(this.#directory(id), relPath, quarantine);
    });
    if (found !== undefined) this.#logger.warn({ asset: id, relPath, reason: found.reason }, 'damaged file quarantined');
    return found;
  }

  /** Gives up the quarantine, or the asset that may go and was used longest ago. False when there is neither. */
  async #evictOldest(onEvicted?: (summary: AssetSummary) => void): Promise<boolean> {
    if ((await measure(this.#places.quarantine)).fileCount > 0) {
      await rm(this.#places.quarantine, { recursive: true, force: true });
      return true;
    }
    const candidates: { id: string; usedAtMs: number }[] = [];
    for (const id of await this.#ids()) {
      if (!this.#inUse.has(id)) candidates.push({ id, usedAtMs: await lastUsed(this.#directory(id)) });
    }
    for (const { id } of candidates.sort((a, b) => a.usedAtMs - b.usedAtMs)) {
      const names = await readdir(this.#directory(id)).catch((): string[] => []);
      if (names.includes(PIN_NAME)) continue;
      const summary = onEvicted === undefined ? undefined : await describeAsset(id, this.#directory(id));
      // Being opened or closed since: closing may wait for a write that waits for the room to be made here.
      if (this.#queue.isBusy(id) || !(await this.#removeUnused(id))) continue;
      if (summary !== undefined) onEvicted?.(summary);
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

  #checkWriter(operation: string): void {
    this.#checkOpen();
    if (this.#mode === 'writer') return;
    if (this.#obstacle !== undefined) throw this.#obstacle;
    throw new AssetError(
      'assets/locked',
      `${operation} in cache ${this.root}: another process is writing it; stop that one first`,
      {
        subject: this.root,
      },
    );
  }

  /** On a full disk, where not even a lock fits, what nobody uses can still go: that is what makes room. */
  async #checkRemover(operation: string): Promise<void> {
    const isFull = this.#obstacle?.code === 'assets/no-space';
    if (!isFull || !(await RootLock.isFree(this.root))) this.#checkWriter(operation);
    this.#checkOpen();
  }

  async #known(idOrUrl: string, operation: string): Promise<string> {
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
    if (this.#closing === undefined) return;
    throw new AssetError('assets/closed', `use cache ${this.root}: it is closed`, { subject: this.root });
  }
}
