import { resolve } from 'node:path';
import { Checkpointer } from './checkpointer.ts';
import { nodeFileSystem, type FileSystem } from './file-system.ts';
import { FrontierHash } from './frontier-hash.ts';
import { PartFile, removeFiles, type PartContents } from './part-file.ts';
import { partPath, readSidecar, sidecarPath } from './part-sidecar.ts';
import { SharedResource } from './shared-resource.ts';
import { StorageError, toStorageError } from './storage-error.ts';
import type { CommittedResource, ResourceHandle, ResourceOrigin, StreamingResource } from './streaming-resource.ts';
import { WriteQueue } from './write-queue.ts';

export interface DiskResourceOptions {
  /** Path that the complete file has, or will have. */
  readonly path: string;
  /** For messages. Default: the path. */
  readonly label?: string;
  /** Mode of a new file. Default: what the umask leaves of 0666. */
  readonly mode?: number;
  /** Only read what is complete: without it reject with `storage/not-present`, and touch nothing. Default false. */
  readonly isReadOnly?: boolean;
  /**
   * The caller's own lock keeps other processes from writing here. Then nothing needs to say who writes, and bytes that are
   * complete before the first checkpoint never get a sidecar. Default false.
   */
  readonly isSoleWriter?: boolean;
  /** Most bytes that a crash may cost: writing waits for the disk rather than putting more at risk. Default 4 MiB. */
  readonly checkpointBytes?: number;
  /** Milliseconds after a write until a checkpoint vouches for it. Default 1000. */
  readonly checkpointMs?: number;
  /**
   * Asked before bytes are written whether there is room for them, and awaited. What it throws fails the resource, for every
   * reader. Default: there is.
   */
  readonly admit?: (byteCount: number) => Promise<void>;
  readonly fileSystem?: FileSystem;
  /** Abort before the file is open leaves nothing open; files that existed stay. */
  readonly signal?: AbortSignal;
}

/** A crash costs at most this much of a download, or this much time of it. */
const CHECKPOINT_BYTES = 4 * 1024 * 1024;
const CHECKPOINT_MS = 1000;

/**
 * Opens the resource at `path`: committed when the file exists, otherwise active, new or resumed from `<path>.part` as far
 * as its sidecar vouches for the bytes. Rejects with `storage/busy` while another live writer holds the part, and with
 * `storage/no-space`, `storage/read-only` or `storage/io`. Close it when done; readers keep the file open on their own.
 */
export async function openDiskResource(options: DiskResourceOptions): Promise<StreamingResource> {
  options.signal?.throwIfAborted();
  const path = resolve(options.path);
  try {
    const resource = (await openComplete(path, options)) ?? (await openPart(path, options)) ?? (await openComplete(path, options));
    if (resource === undefined) throw new StorageError('storage/not-present', `open ${path}: it is not complete`, { path });
    if (options.signal?.aborted) await resource.close();
    options.signal?.throwIfAborted();
    return resource;
  } catch (error) {
    if (options.signal?.aborted) throw error;
    throw toStorageError(error, `open ${path}`, path);
  }
}

/** Removes all files of a resource, complete and partial. Readers keep what they have open. Rejects with `storage/busy`. */
export async function removeDiskResource(path: string, fileSystem: FileSystem = nodeFileSystem): Promise<void> {
  try {
    await removeFiles(fileSystem, resolve(path));
  } catch (error) {
    throw toStorageError(error, `remove ${path}`, path);
  }
}

/** What lies partially on disk, as far as it is vouched for. */
export interface PartialSummary {
  readonly presentBytes: number;
  readonly origin: ResourceOrigin | undefined;
}

/** Looks at the partial bytes of the resource at `path` without opening it; `undefined` when there are none. */
export async function inspectPartial(path: string, fileSystem: FileSystem = nodeFileSystem): Promise<PartialSummary | undefined> {
  try {
    if (!(await fileSystem.exists(partPath(path)))) return undefined;
    const sidecar = await readSidecar(fileSystem, path);
    const presentBytes = (sidecar?.ranges ?? []).reduce((sum, { start, end }) => sum + end - start, 0);
    return { presentBytes, origin: sidecar?.origin };
  } catch (error) {
    throw toStorageError(error, `inspect ${path}`, path);
  }
}

async function openComplete(path: string, options: DiskResourceOptions): Promise<DiskResource | undefined> {
  const { fileSystem = nodeFileSystem, isReadOnly = false } = options;
  if (!(await fileSystem.exists(path))) return undefined;
  const fd = await fileSystem.open(path, 'r');
  try {
    // Left by a process that was killed between the rename and the removal.
    if (!isReadOnly) await fileSystem.remove(sidecarPath(path)).catch(() => undefined);
    return DiskResource.complete(path, options, fd, await fileSystem.size(fd));
  } catch (error) {
    await fileSystem.close(fd);
    throw error;
  }
}

async function openPart(path: string, options: DiskResourceOptions): Promise<DiskResource | undefined> {
  const { fileSystem = nodeFileSystem, isReadOnly = false, isSoleWriter = false, mode } = options;
  if (isReadOnly) return undefined;
  const part = await PartFile.open({ fileSystem, path, mode, isSoleWriter });
  return part === undefined ? undefined : DiskResource.writable(path, options, part);
}

/** What only a resource that is being written has. */
interface WriterSide {
  readonly part: PartFile;
  readonly queue: WriteQueue;
  readonly checkpointer: Checkpointer;
  readonly hash: FrontierHash;
}

class DiskResource extends SharedResource {
  readonly #path: string;
  readonly #fileSystem: FileSystem;
  readonly #fd: number;
  readonly #admit: DiskResourceOptions['admit'];
  #writer: WriterSide | undefined;
  /** Writes that were asked for and have not settled. */
  readonly #writes = new Set<Promise<void>>();
  /** How the writing ends: set once it does. */
  #ending: Promise<void> | undefined;
  #isCommitting = false;
  #isClosed = false;
  /** Readers, and the resource itself until it is closed: the descriptor is closed with the last of them. */
  #holderCount = 1;

  private constructor(path: string, options: DiskResourceOptions, fd: number) {
    super(options.label ?? path);
    this.#path = path;
    this.#fileSystem = options.fileSystem ?? nodeFileSystem;
    this.#fd = fd;
    this.#admit = options.admit;
  }

  static complete(path: string, options: DiskResourceOptions, fd: number, length: number): DiskResource {
    const resource = new DiskResource(path, options, fd);
    resource.restore([{ start: 0, end: length }], undefined, undefined);
    resource.becomeCommitted(length);
    return resource;
  }

  static writable(path: string, options: DiskResourceOptions, part: PartFile): DiskResource {
    const resource = new DiskResource(path, options, part.fd);
    const { ranges, origin, announcedLength } = part.restored;
    resource.restore(ranges, origin, announcedLength);
    const checkpointer = new Checkpointer({
      part,
      contents: () => resource.#contents(),
      label: resource.label,
      onError: (error) => void resource.fail(error),
      everyBytes: options.checkpointBytes ?? CHECKPOINT_BYTES,
      everyMs: options.checkpointMs ?? CHECKPOINT_MS,
    });
    const queue = new WriteQueue((position, buffers) => resource.#write(position, buffers));
    resource.#writer = { part, queue, checkpointer, hash: new FrontierHash() };
    return resource;
  }

  async writeAt(position: number, bytes: Uint8Array): Promise<void> {
    if (this.#writer === undefined || this.#isCommitting) throw this.notActive(`write ${this.label} at ${String(position)}`);
    this.checkWritable({ start: position, end: position + bytes.length });
    if (bytes.length === 0) return;
    const writing = this.#admitAndQueue(this.#writer.queue, position, bytes);
    this.#writes.add(writing);
    try {
      await writing;
    } finally {
      this.#writes.delete(writing);
    }
  }

  async readAt(position: number, into: Uint8Array): Promise<number> {
    if (this.#isClosed) throw new StorageError('storage/not-active', `read ${this.label}: it is closed`);
    const size = this.readableAt(position, into.length);
    if (size === 0) return 0;
    this.#holderCount += 1;
    try {
      const count = await this.#fileSystem.read(this.#fd, into.subarray(0, size), position);
      if (count === 0) throw new StorageError('storage/io', `read ${this.label} at ${String(position)}: the file was cut short`);
      return count;
    } catch (error) {
      throw toStorageError(error, `read ${this.label} at ${String(position)}`, this.#path);
    } finally {
      this.releaseBytes();
    }
  }

  async commit(length: number): Promise<CommittedResource> {
    const writer = this.#writer;
    if (this.state !== 'active' || this.#isCommitting || writer === undefined) throw this.notActive(`commit ${this.label}`);
    this.#isCommitting = true;
    const { promise, resolve: settle } = Promise.withResolvers<void>();
    this.#ending = promise;
    try {
      await Promise.allSettled(this.#writes);
      // A write may have failed the resource meanwhile.
      if (this.state !== 'active') throw this.notActive(`commit ${this.label}`);
      this.#checkWhole(length);
      await writer.checkpointer.stop();
      if (this.state !== 'active') throw this.notActive(`commit ${this.label}`);
      const sha256 = await this.#seal(writer, length);
      return { length, sha256 };
    } finally {
      this.#isCommitting = false;
      if (this.#ending === promise) this.#ending = undefined;
      settle();
    }
  }

  async fail(error: Error): Promise<void> {
    await this.#ending;
    if (this.becomeFailed(error)) this.#ending = this.#leave();
    await this.#ending;
  }

  async abandon(): Promise<void> {
    await this.#ending;
    if (this.becomeCancelled()) this.#ending = this.#leave();
    await this.#ending;
  }

  async close(): Promise<void> {
    await this.abandon();
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.releaseBytes();
  }

  protected retainBytes(): ResourceHandle['bytes'] {
    if (this.#isClosed) throw new StorageError('storage/not-active', `attach a reader to ${this.label}: it is closed`);
    this.#holderCount += 1;
    return { kind: 'file', fd: this.#fd };
  }

  protected releaseBytes(): void {
    this.#holderCount -= 1;
    // Nobody can be told: the bytes are synced where that matters, and the descriptor is gone either way.
    if (this.#holderCount === 0) this.#fileSystem.close(this.#fd).catch(() => undefined);
  }

  async #admitAndQueue(queue: WriteQueue, position: number, bytes: Uint8Array): Promise<void> {
    if (this.#admit !== undefined) await this.#askRoom(this.#admit, position, bytes.length);
    await queue.add(position, bytes);
  }

  async #askRoom(admit: (byteCount: number) => Promise<void>, position: number, length: number): Promise<void> {
    try {
      const missing = this.present.missing({ start: position, end: position + length });
      await admit(missing.reduce((sum, { start, end }) => sum + end - start, 0));
    } catch (cause) {
      const error = cause instanceof Error ? cause : new Error(String(cause));
      this.#failNow(error);
      throw error;
    }
  }

  async #write(position: number, buffers: readonly Uint8Array[]): Promise<void> {
    const writer = this.#writer;
    if (writer === undefined) throw this.notActive(`write ${this.label} at ${String(position)}`);
    const range = { start: position, end: position + buffers.reduce((sum, { length }) => sum + length, 0) };
    try {
      // What is there stays as it is: readers may have read it and the hash may have taken it.
      for (const { hole, parts } of this.#unwritten(range, buffers)) {
        this.checkFragments(hole);
        await writer.checkpointer.room(hole.end - hole.start);
        await writer.part.write(hole.start, parts);
        writer.hash.written(hole.start, parts);
        this.published(hole);
        writer.checkpointer.wrote(hole.end - hole.start);
      }
    } catch (cause) {
      const error = toStorageError(cause, `write ${this.label} at ${String(position)}`, this.#path);
      this.#failNow(error);
      throw error;
    }
  }

  /** Fails from within a write, without waiting for the end of writing: that waits for the write. */
  #failNow(error: Error): void {
    if (this.becomeFailed(error)) this.#ending = this.#leave();
  }

  #unwritten(range: { readonly start: number; readonly end: number }, buffers: readonly Uint8Array[]) {
    if (!this.present.overlaps(range)) return [{ hole: range, parts: buffers }];
    const whole = Buffer.concat(buffers);
    return this.present.missing(range).map((hole) => ({
      hole,
      parts: [whole.subarray(hole.start - range.start, hole.end - range.start)],
    }));
  }

  #checkWhole(length: number): void {
    const [hole] = this.present.missing({ start: 0, end: length });
    if (hole === undefined) return;
    throw new StorageError(
      'storage/not-present',
      `commit ${this.label} at ${String(length)} bytes: those from ${String(hole.start)} to ${String(hole.end)} are not there`,
      { path: this.#path },
    );
  }

  async #seal(writer: WriterSide, length: number): Promise<string> {
    try {
      if (writer.checkpointer.failure !== undefined) throw writer.checkpointer.failure;
      this.trim(length);
      const sha256 = await writer.hash.digest(length, (into, at) => this.#fileSystem.read(this.#fd, into, at));
      await writer.part.seal(length);
      this.#writer = undefined;
      this.becomeCommitted(length);
      return sha256;
    } catch (cause) {
      const error = toStorageError(cause, `commit ${this.label}`, this.#path);
      this.becomeFailed(error);
      await this.#leave();
      throw error;
    }
  }

  /** Ends writing before the end: what is there and can be vouched for stays for a later writer. Never rejects. */
  async #leave(): Promise<void> {
    const writer = this.#writer;
    this.#writer = undefined;
    if (writer === undefined) return;
    await writer.queue.stop(this.notActive(`write ${this.label}`));
    await writer.checkpointer.stop();
    const { failure, vouched } = writer.checkpointer;
    const hasFailed = failure !== undefined;
    const contents = hasFailed ? vouched : this.#contents();
    // The last checkpoint stands when this one cannot be made; the failure that readers get was there first.
    await writer.part.leave(contents, { isSynced: hasFailed }).catch(() => undefined);
  }

  #contents(): PartContents {
    return { origin: this.origin, announcedLength: this.announcedLength, ranges: this.present.ranges() };
  }
}
