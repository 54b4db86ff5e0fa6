import { join } from 'node:path';
import { openDiskResource, openMemoryResource, removeDiskResource, StorageError } from '@tutti/storage';
import type { CommittedResource, FileSystem, ResourceOrigin, StreamingResource } from '@tutti/storage';
import { AssetError, toAssetError } from './asset-error.ts';
import { hashFile, removeEmptyFolders, removeStrays, touch } from './asset-files.ts';
import type { Producer, ResourceEntry, ResourceKey, ResourceLease } from './asset-store.ts';
import { KeyedQueue } from './keyed-queue.ts';
import type { AssetLogger } from './logger.ts';
import { Manifest, MANIFEST_NAME } from './manifest.ts';
import { ResourceFlight } from './resource-flight.ts';
import { isResourcePath } from './resource-key.ts';
import type { SpaceKeeper } from './space-keeper.ts';
import { quarantineResource, type Quarantined } from './verification.ts';

/** Mode of resources: the directories around them are the owner's alone. */
const FILE_MODE = 0o600;
const UNKNOWN_ORIGIN: ResourceOrigin = { validator: '', totalLength: undefined, contentType: undefined, transformId: undefined };

export interface SharedAssetOptions {
  readonly id: string;
  readonly url: string;
  readonly directory: string;
  readonly space: SpaceKeeper;
  readonly isWriter: () => boolean;
  readonly nowMs: () => number;
  readonly logger: AssetLogger;
  readonly fileSystem: FileSystem;
  /** Most bytes of one resource held in memory where the disk may not be written. */
  readonly maxMemoryBytes: number;
}

/**
 * One asset as this process uses it, however many handles are open on it: its manifest, and the flights of its streaming
 * resources. Opening, ending and discarding one resource happen one after the other.
 */
export class SharedAsset {
  readonly id: string;
  readonly url: string;
  readonly directory: string;
  readonly manifest: Manifest;
  readonly isWriter: () => boolean;
  readonly logger: AssetLogger;
  readonly space: SpaceKeeper;
  readonly fileSystem: FileSystem;
  readonly #options: SharedAssetOptions;
  readonly #queue = new KeyedQueue();
  /** Flights that may be joined: one per resource in use. */
  readonly #flights = new Map<string, ResourceFlight>();
  /** All flights with a lease, the failed and discarded ones too. */
  readonly #open = new Set<ResourceFlight>();

  private constructor(options: SharedAssetOptions, manifest: Manifest) {
    this.#options = options;
    this.manifest = manifest;
    ({ id: this.id, url: this.url, directory: this.directory } = options);
    ({ isWriter: this.isWriter, logger: this.logger, space: this.space, fileSystem: this.fileSystem } = options);
  }

  static async open(options: SharedAssetOptions): Promise<SharedAsset> {
    const { directory, url, logger, fileSystem } = options;
    if (options.isWriter()) await removeStrays(directory);
    const manifest = await Manifest.load({
      path: join(directory, MANIFEST_NAME),
      url,
      isReadOnly: !options.isWriter(),
      fileSystem,
      onError: (error) => logger.warn({ err: error, asset: options.id }, 'manifest not written'),
    });
    const asset = new SharedAsset(options, manifest);
    await touch(directory, options.nowMs());
    return asset;
  }

  pathOf(relPath: string): string {
    return join(this.directory, ...relPath.split('/'));
  }

  checkKey(key: ResourceKey): string {
    if (key.assetRoot === this.id && isResourcePath(key.relPath)) return key.relPath;
    throw new AssetError('assets/bad-key', `asset ${this.id}: key ${key.assetRoot}/${key.relPath} was made for another asset`, {
      subject: key.relPath,
    });
  }

  async acquire(key: ResourceKey, producer: Producer | undefined, signal: AbortSignal | undefined): Promise<ResourceLease> {
    signal?.throwIfAborted();
    const relPath = this.checkKey(key);
    try {
      const lease = await this.#queue.run(relPath, () => this.#lease(key, producer, signal));
      if (signal?.aborted) await lease.release();
      signal?.throwIfAborted();
      return lease;
    } catch (error) {
      throw toAssetError(error, relPath);
    }
  }

  /** Ends a resource in use as changed, removes its files and forgets it. */
  async discard(key: ResourceKey): Promise<void> {
    const relPath = this.checkKey(key);
    const flight = this.#flights.get(relPath);
    this.#flights.delete(relPath);
    flight?.markDiscarded();
    await flight?.resource.fail(
      new StorageError('storage/representation-changed', `read ${labelOf(key)}: it changed at its origin`),
    );
    if (!this.isWriter()) return;
    await this.#queue
      .run(relPath, () => this.removeFiles(relPath))
      .catch((error: unknown) => {
        throw toAssetError(error, relPath);
      });
  }

  async removeFiles(relPath: string): Promise<void> {
    await removeDiskResource(this.pathOf(relPath), this.fileSystem);
    await this.manifest.delete(relPath);
  }

  /** Takes a resource out if it is damaged. Whoever has it open keeps the old file; the next `acquire` begins a new one. */
  async quarantine(relPath: string, quarantine: string): Promise<Quarantined> {
    return this.#queue.run(relPath, async () => {
      const found = await quarantineResource({ manifest: this.manifest, directory: this.directory, relPath, quarantine });
      const flight = this.#flights.get(relPath);
      if (found === undefined || flight?.resource.state !== 'committed') return found;
      this.#flights.delete(relPath);
      flight.markDiscarded();
      return found;
    });
  }

  /** Hashes a complete file that the manifest does not know, and takes it in as not validated. */
  async adopt(relPath: string, length: number): Promise<ResourceEntry> {
    const sha256 = await hashFile(this.pathOf(relPath));
    const entry: ResourceEntry = { relPath, length, sha256, origin: UNKNOWN_ORIGIN, finalUrl: undefined, isValidated: false };
    await this.manifest.set(entry);
    this.logger.info({ asset: this.id, relPath, length }, 'file without entry adopted');
    return entry;
  }

  /** Fails every resource that is being written. */
  async failActive(reason: Error): Promise<void> {
    await Promise.all([...this.#open].map((flight) => flight.resource.fail(reason)));
  }

  /** Stops everything that is still going on and leaves the asset in order. */
  async close(reason: Error): Promise<void> {
    const flights = [...this.#open];
    await Promise.all(flights.map((flight) => flight.end(reason)));
    await Promise.all(flights.map((flight) => flight.produced()));
    if (this.isWriter()) {
      await this.manifest
        .compact()
        .catch((error: unknown) => this.logger.warn({ err: error, asset: this.id }, 'manifest not compacted'));
      await removeEmptyFolders(this.directory, this.manifest.entryCount > 0);
    }
    await touch(this.directory, this.#options.nowMs());
  }

  async #lease(key: ResourceKey, producer: Producer | undefined, signal: AbortSignal | undefined): Promise<ResourceLease> {
    const { relPath } = key;
    let flight = this.#flights.get(relPath);
    if (flight !== undefined && !flight.isJoinable) {
      // It has failed: once it has put its partial bytes in order, the next one goes on from them.
      await flight.resource.abandon();
      flight = undefined;
    }
    if (flight === undefined || (producer === undefined && flight.resource.state !== 'committed')) {
      if (producer === undefined && flight !== undefined) throw notCached(key);
      const resource = await this.#openResource(key, producer !== undefined, signal);
      flight = this.#begin(relPath, resource);
    }
    const wasComplete = flight.resource.state === 'committed';
    flight.join(producer);
    return this.#leaseOn(key, flight, wasComplete);
  }

  #begin(relPath: string, resource: StreamingResource): ResourceFlight {
    const isOnDisk = this.isWriter();
    const flight = new ResourceFlight({
      resource,
      onCommitted: async (committed) => {
        if (isOnDisk) await this.#record(relPath, flight, committed).catch((error: unknown) => this.#unrecorded(relPath, error));
      },
    });
    this.#flights.set(relPath, flight);
    this.#open.add(flight);
    return flight;
  }

  #leaseOn(key: ResourceKey, flight: ResourceFlight, wasComplete: boolean): ResourceLease {
    let releasing: Promise<void> | undefined;
    const release = async (): Promise<void> => {
      const wasLast = await this.#queue.run(key.relPath, async () => {
        if (!flight.leave()) return false;
        if (this.#flights.get(key.relPath) === flight) this.#flights.delete(key.relPath);
        await flight.end(new DOMException('the last lease was released', 'AbortError'));
        return true;
      });
      if (!wasLast) return;
      await flight.produced();
      this.#open.delete(flight);
    };
    return {
      key,
      resource: flight.resource,
      wasComplete,
      release: () => {
        releasing ??= release();
        return releasing;
      },
    };
  }

  async #openResource(key: ResourceKey, mayWrite: boolean, signal: AbortSignal | undefined): Promise<StreamingResource> {
    const label = labelOf(key);
    const path = this.pathOf(key.relPath);
    const isReadOnly = !mayWrite || !this.isWriter();
    const options = {
      path,
      label,
      isReadOnly,
      // The root's lock keeps every other process away.
      isSoleWriter: true,
      mode: FILE_MODE,
      fileSystem: this.fileSystem,
      ...(this.space.hasLimits ? { admit: (byteCount: number) => this.space.admit(byteCount) } : {}),
      ...(signal === undefined ? {} : { signal }),
    };
    let resource = await openDiskResource(options).catch(absent);
    if (resource?.state === 'committed' && !(await this.#isTrusted(key.relPath, resource))) {
      await resource.close();
      if (this.isWriter()) await this.removeFiles(key.relPath);
      resource = this.isWriter() ? await openDiskResource(options).catch(absent) : undefined;
    }
    if (resource !== undefined) return this.#withRoom(resource);
    if (!mayWrite) throw notCached(key);
    return openMemoryResource({ label, maxBytes: this.#options.maxMemoryBytes });
  }

  /** Makes room before the first byte, and begins the manifest; what is complete needs neither. */
  async #withRoom(resource: StreamingResource): Promise<StreamingResource> {
    if (resource.state === 'committed') return resource;
    try {
      await this.space.admit(0);
      await this.manifest.begin();
      return resource;
    } catch (error) {
      await resource.close();
      throw error;
    }
  }

  /** A complete file counts when it is as long as its entry says; one without an entry is adopted. */
  async #isTrusted(relPath: string, resource: StreamingResource): Promise<boolean> {
    if (!this.isWriter() && this.manifest.entry(relPath) === undefined) await this.manifest.refresh();
    const entry = this.manifest.entry(relPath) ?? (await this.adopt(relPath, resource.length ?? 0));
    if (entry.length === resource.length) return true;
    this.logger.warn(
      { asset: this.id, relPath, length: resource.length, expected: entry.length },
      'file has another length than its entry',
    );
    return false;
  }

  /** The file is complete and has its name: whoever opens it next adopts it. */
  #unrecorded(relPath: string, error: unknown): void {
    this.logger.warn({ err: error, asset: this.id, relPath }, 'complete file not entered');
  }

  async #record(relPath: string, flight: ResourceFlight, committed: CommittedResource | undefined): Promise<void> {
    // The file of this name, if there is one, is another one by now.
    if (flight.isDiscarded) return;
    const { resource } = flight;
    const length = committed?.length ?? resource.length ?? 0;
    const sha256 = committed?.sha256 ?? (await hashFile(this.pathOf(relPath)));
    await this.manifest.set({
      relPath,
      length,
      sha256,
      origin: resource.origin ?? UNKNOWN_ORIGIN,
      finalUrl: undefined,
      isValidated: resource.origin !== undefined,
    });
  }
}

export function notCached(key: ResourceKey): AssetError {
  return new AssetError('assets/not-cached', `open ${labelOf(key)}: it is not complete in the cache`, { subject: key.relPath });
}

export function labelOf(key: ResourceKey): string {
  return key.url ?? key.relPath;
}

function absent(error: unknown): undefined {
  if (error instanceof StorageError && error.code === 'storage/not-present') return undefined;
  throw error;
}
