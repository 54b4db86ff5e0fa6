import { dirname, resolve } from 'node:path';
import type { ByteRange } from './byte-range.ts';
import { DirectorySyncs } from './directory-syncs.ts';
import type { FileSystem } from './file-system.ts';
import { formatSidecar, partPath, readSidecar, sidecarPath, type PartSidecar } from './part-sidecar.ts';
import { isSameProcess, livenessOf, ownIdentity } from './process-identity.ts';
import { RangeSet } from './range-set.ts';
import { StorageError } from './storage-error.ts';

/**
 * Paths that this process is writing. Module state on purpose: two stores in one process know nothing of each other, and
 * the file system cannot tell them apart by pid.
 */
const claimedPaths = new Set<string>();
/** For the same reason: one sync of a directory is enough for all resources that were renamed before it began. */
const directorySyncs = new DirectorySyncs();

/** What a sidecar says, apart from who writes it. */
export type PartContents = Omit<PartSidecar, 'owner'>;

export interface PartFileOptions {
  readonly fileSystem: FileSystem;
  /** Canonical path: the one the file will have when it is complete. */
  readonly path: string;
  readonly mode: number | undefined;
  /** Whether other processes are kept away by a lock of the caller. */
  readonly isSoleWriter: boolean;
}

/**
 * The `.part` file of one resource and its sidecar, held by this process alone until `seal`, `leave` or `giveUp`.
 * Errors are those of the file system; `openPart` also throws `storage/busy`.
 */
export class PartFile {
  readonly fd: number;
  /** What an earlier process left and vouched for. */
  readonly restored: PartContents;
  readonly #options: PartFileOptions;
  readonly #release: () => void;
  /** Whether there may be a sidecar on the disk. */
  #hasSidecar: boolean;
  /** No byte of the file lies at or behind this offset. */
  #end: number;

  private constructor(fd: number, restored: PartContents, options: PartFileOptions, release: () => void) {
    this.fd = fd;
    this.restored = restored;
    this.#options = options;
    this.#release = release;
    // A resumed part comes with its sidecar, and may be longer than that vouches for.
    this.#hasSidecar = restored.ranges.length > 0;
    this.#end = this.#hasSidecar ? Infinity : 0;
  }

  /** Claims and opens the `.part` file, new or resumed; `undefined` when the canonical file exists by now. */
  static async open(options: PartFileOptions): Promise<PartFile | undefined> {
    const { fileSystem, path } = options;
    const release = claim(path);
    try {
      if (await fileSystem.exists(path)) {
        release();
        return undefined;
      }
      const sidecar = await readSidecar(fileSystem, path);
      checkOwner(path, sidecar);
      const { fd, restored } = await openFile(options, sidecar);
      const part = new PartFile(fd, restored, options, release);
      try {
        if (!options.isSoleWriter) await part.#writeSidecar(restored, { isOwned: true, isDurable: false });
      } catch (error) {
        await fileSystem.close(fd);
        throw error;
      }
      return part;
    } catch (error) {
      release();
      throw error;
    }
  }

  /** Writes all of the buffers, one after the other, from `position` on. */
  async write(position: number, buffers: readonly Uint8Array[]): Promise<void> {
    let rest = buffers;
    let offset = position;
    while (rest.length > 0) {
      const count = await this.#options.fileSystem.write(this.fd, rest, offset);
      rest = dropBytes(rest, count);
      offset += count;
      this.#end = Math.max(this.#end, offset);
    }
  }

  /** Makes `contents` what a later process will trust. Its ranges must have been written before the call. */
  async checkpoint(contents: PartContents): Promise<void> {
    await this.#options.fileSystem.datasync(this.fd);
    await this.#writeSidecar(contents, { isOwned: true, isDurable: true });
    await this.#syncNames();
  }

  /** Cuts the file to `length`, makes it durable and gives it its name. */
  async seal(length: number): Promise<void> {
    const { fileSystem, path } = this.#options;
    if (this.#end !== length) await fileSystem.truncate(this.fd, length);
    await fileSystem.datasync(this.fd);
    await fileSystem.rename(partPath(path), path);
    // The bytes are whole and have their name. A sidecar that stays is removed by the next open; a rename that is lost with
    // the power costs another download, never a wrong read.
    if (this.#hasSidecar) await fileSystem.remove(sidecarPath(path)).catch(() => undefined);
    await this.#syncNames();
    this.#release();
  }

  /** Ends writing and leaves `contents` for a later process; nothing stays when there are no bytes. */
  async leave(contents: PartContents, { isSynced }: { readonly isSynced: boolean }): Promise<void> {
    const { fileSystem, path } = this.#options;
    try {
      if (contents.ranges.length === 0) {
        await fileSystem.remove(partPath(path));
        await fileSystem.remove(sidecarPath(path));
      } else {
        if (!isSynced) await fileSystem.datasync(this.fd);
        await this.#writeSidecar(contents, { isOwned: false, isDurable: true });
        await this.#syncNames();
      }
    } finally {
      this.#release();
    }
  }

  async #syncNames(): Promise<void> {
    await syncNames(this.#options.fileSystem, this.#options.path);
  }

  async #writeSidecar(contents: PartContents, how: { readonly isOwned: boolean; readonly isDurable: boolean }): Promise<void> {
    this.#hasSidecar = true;
    const text = formatSidecar({ ...contents, owner: how.isOwned ? ownIdentity() : undefined });
    await this.#options.fileSystem.writeWhole(sidecarPath(this.#options.path), text, { isDurable: how.isDurable, mode: 0o600 });
  }
}

/** Removes a resource's files, complete and partial. Throws `storage/busy` while this process writes it. */
export async function removeFiles(fileSystem: FileSystem, path: string): Promise<void> {
  const release = claim(path);
  try {
    checkOwner(path, await readSidecar(fileSystem, path));
    // The sidecar goes before the bytes, durably: one that came back would vouch for the bytes of the next part.
    await fileSystem.remove(sidecarPath(path));
    await syncNames(fileSystem, path);
    for (const each of [partPath(path), path]) await fileSystem.remove(each);
    await syncNames(fileSystem, path);
  } finally {
    release();
  }
}

/** Makes the names of a resource's files durable, where the file system can. */
async function syncNames(fileSystem: FileSystem, path: string): Promise<void> {
  await directorySyncs.run(fileSystem, dirname(path)).catch(() => undefined);
}

async function openFile(
  { fileSystem, path, mode }: PartFileOptions,
  sidecar: PartSidecar | undefined,
): Promise<{ readonly fd: number; readonly restored: PartContents }> {
  if (sidecar !== undefined && sidecar.ranges.length > 0 && (await fileSystem.exists(partPath(path)))) {
    const fd = await fileSystem.open(partPath(path), 'r+');
    return { fd, restored: { ...sidecar, ranges: clip(sidecar.ranges, await fileSystem.size(fd)) } };
  }
  if (sidecar !== undefined) {
    // It vouches for bytes that are gone: it must not outlive the power and vouch for the new ones.
    await fileSystem.remove(sidecarPath(path));
    await syncNames(fileSystem, path);
  }
  const fd = await openNew(fileSystem, partPath(path), mode);
  return { fd, restored: { origin: undefined, announcedLength: undefined, ranges: [] } };
}

/** Opens an empty file. Its directory is nearly always there, so it is made only when it turns out not to be. */
async function openNew(fileSystem: FileSystem, path: string, mode: number | undefined): Promise<number> {
  try {
    return await fileSystem.open(path, 'w+', mode);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
    await fileSystem.makeDirectory(dirname(path));
    return fileSystem.open(path, 'w+', mode);
  }
}

/** A file shorter than its sidecar says was tampered with: what is gone is not vouched for. */
function clip(ranges: readonly ByteRange[], size: number): ByteRange[] {
  const present = new RangeSet(ranges);
  present.truncate(size);
  return present.ranges();
}

function claim(path: string): () => void {
  const key = resolve(path);
  if (claimedPaths.has(key)) throw busy(path, 'this process is writing it');
  claimedPaths.add(key);
  return () => void claimedPaths.delete(key);
}

/** A part whose writer is dead, or was on another host, is taken over: across hosts the cache's own lock decides. */
function checkOwner(path: string, sidecar: PartSidecar | undefined): void {
  const owner = sidecar?.owner;
  if (owner === undefined || isSameProcess(owner, ownIdentity()) || livenessOf(owner) !== 'alive') return;
  throw busy(path, `process ${String(owner.pid)} is writing it`);
}

function busy(path: string, reason: string): StorageError {
  return new StorageError('storage/busy', `open ${path}: ${reason}`, { path });
}

function dropBytes(buffers: readonly Uint8Array[], count: number): readonly Uint8Array[] {
  let [index, rest] = [0, count];
  for (; index < buffers.length; index += 1) {
    const size = buffers[index]?.length ?? 0;
    if (rest < size) break;
    rest -= size;
  }
  const [first, ...others] = buffers.slice(index);
  return first === undefined ? [] : [first.subarray(rest), ...others];
}
