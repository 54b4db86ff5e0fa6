import { createHash } from 'node:crypto';
import { readAtomic, StorageError, writeAtomic } from '@tutti/storage';
import { toAssetError } from './asset-error.ts';
import type { ProducedWhole, ResourceKey, WholeResource } from './asset-store.ts';
import { withoutCredentials, withoutSecrets } from './resource-key.ts';
import { labelOf, notCached, type SharedAsset } from './shared-asset.ts';
import { SingleFlight } from './single-flight.ts';
import type { WholeCache } from './whole-cache.ts';

type ProduceWhole = (signal: AbortSignal) => Promise<ProducedWhole>;

export interface WholeOptions {
  readonly refresh?: boolean;
  readonly isSecret?: boolean;
  readonly signal?: AbortSignal;
}

/** Modes of small files: the directories around them are the owner's alone, and keys are so by themselves. */
const SECRET_MODE = 0o600;
const FILE_MODE = 0o644;

/** The small whole resources of one asset: read at once, fetched by one caller for all, written atomically. */
export class WholeResources {
  readonly #asset: SharedAsset;
  readonly #memory: WholeCache;
  readonly #flights = new SingleFlight<WholeResource>();

  constructor(asset: SharedAsset, memory: WholeCache) {
    this.#asset = asset;
    this.#memory = memory;
  }

  async get(key: ResourceKey, produce: ProduceWhole | undefined, options: WholeOptions): Promise<WholeResource> {
    options.signal?.throwIfAborted();
    const relPath = this.#asset.checkKey(key);
    const stored = await this.#read(key);
    if (produce === undefined) {
      if (stored === undefined) throw notCached(key);
      return stored;
    }
    // A file whose entry was lost may be from before a redirect moved: it stands in, but the network is asked.
    const isCurrent = this.#asset.manifest.entry(relPath)?.isValidated !== false;
    if (stored !== undefined && isCurrent && options.refresh !== true) return stored;
    try {
      return await this.#flights.run(
        relPath,
        (signal) => this.#produce(key, () => produce(signal), options.isSecret === true),
        options.signal,
      );
    } catch (error) {
      if (stored !== undefined && isRecoverable(error)) return stored;
      throw toAssetError(error, relPath);
    }
  }

  forget(relPath: string): void {
    this.#memory.delete(this.#memoryKey(relPath));
  }

  async close(reason: Error): Promise<void> {
    await this.#flights.stop(reason);
  }

  async #produce(key: ResourceKey, produce: () => Promise<ProducedWhole>, isSecret: boolean): Promise<WholeResource> {
    const produced = await produce();
    const finalUrl = withoutSecrets(produced.finalUrl);
    if (this.#asset.isWriter()) await this.#store(key, produced, { finalUrl, isSecret });
    else this.#memory.set(this.#memoryKey(key.relPath), { ...produced, finalUrl, wasCached: true });
    // The query stays in memory, for whoever fetches more from there; only what is kept goes without it.
    return { bytes: produced.bytes, origin: produced.origin, finalUrl: withoutCredentials(produced.finalUrl), wasCached: false };
  }

  async #store(
    { relPath }: ResourceKey,
    produced: ProducedWhole,
    how: { readonly finalUrl: string; readonly isSecret: boolean },
  ): Promise<void> {
    await this.#asset.prepare();
    const { manifest, fileSystem } = this.#asset;
    const { bytes, origin } = produced;
    const path = this.#asset.pathOf(relPath);
    const sha256 = digest(bytes);
    const entry = { relPath, length: bytes.length, sha256, origin, finalUrl: how.finalUrl, isValidated: true };
    const onDisk = await readAtomic(path, { fileSystem }).catch(unreadable);
    if (onDisk !== undefined && digest(onDisk) === sha256) {
      await manifest.set(entry);
      return;
    }
    await this.#asset.space.admit(bytes.length);
    const before = manifest.entry(relPath);
    const options = { mode: how.isSecret ? SECRET_MODE : FILE_MODE, fileSystem };
    if (before === undefined) {
      await writeAtomic(path, bytes, options);
      await manifest.set(entry);
      return;
    }
    // The old file stays usable until the new one has its name, wherever this is interrupted.
    await manifest.announce(entry);
    try {
      await writeAtomic(path, bytes, options);
    } catch (error) {
      await manifest.set(before);
      throw error;
    }
    manifest.confirm(relPath);
  }

  async #read(key: ResourceKey): Promise<WholeResource | undefined> {
    const { relPath } = key;
    const inMemory = this.#memory.get(this.#memoryKey(relPath));
    if (inMemory !== undefined) return inMemory;
    const { manifest, fileSystem } = this.#asset;
    const bytes = await readAtomic(this.#asset.pathOf(relPath), { fileSystem }).catch(unreadable);
    if (bytes === undefined) return undefined;
    if (!this.#asset.isWriter()) await manifest.refresh();
    if (manifest.entry(relPath) === undefined) await this.#asset.adopt(relPath, bytes.length);
    const sha256 = digest(bytes);
    const entry = manifest.candidates(relPath).find((each) => each.sha256 === sha256);
    if (entry === undefined) {
      this.#asset.logger.warn({ asset: this.#asset.id, relPath }, 'file is not what its entry says');
      return undefined;
    }
    return { bytes, origin: entry.origin, finalUrl: entry.finalUrl ?? labelOf(key), wasCached: true };
  }

  #memoryKey(relPath: string): string {
    return `${this.#asset.id}/${relPath}`;
  }
}

function digest(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** A file that cannot be read is as good as none: the producer is asked, or the caller learns that it is not cached. */
function unreadable(error: unknown): undefined {
  if (error instanceof StorageError) return undefined;
  throw error;
}

function isRecoverable(error: unknown): boolean {
  return typeof error === 'object' && error !== null && 'isRecoverable' in error && error.isRecoverable === true;
}
