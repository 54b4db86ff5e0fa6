import { dirname } from 'node:path';
import { nodeFileSystem, type FileSystem } from './file-system.ts';
import { toStorageError } from './storage-error.ts';

export interface AtomicOptions {
  /** Mode of the file. Default: what the process's umask leaves of 0666. Secrets pass 0600. */
  readonly mode?: number;
  readonly fileSystem?: FileSystem;
  readonly signal?: AbortSignal;
}

/** Reads a small whole file; `undefined` when there is none. Throws `StorageError`. Abort before the read leaves nothing. */
export async function readAtomic(path: string, options: AtomicOptions = {}): Promise<Uint8Array | undefined> {
  options.signal?.throwIfAborted();
  try {
    return await (options.fileSystem ?? nodeFileSystem).readWhole(path);
  } catch (error) {
    throw toStorageError(error, `read ${path}`, path);
  }
}

/**
 * Writes a small whole file so that its name always holds either the old or the new bytes, also after a power cut:
 * written beside, synced, renamed, directory synced. Its directory is made, with mode 0700, when it is
 * missing; those above it must exist. Throws `StorageError`;
 * an abort counts only before the write begins.
 */
export async function writeAtomic(path: string, bytes: string | Uint8Array, options: AtomicOptions = {}): Promise<void> {
  options.signal?.throwIfAborted();
  const fileSystem = options.fileSystem ?? nodeFileSystem;
  try {
    await fileSystem.makeDirectory(dirname(path));
    await fileSystem.writeWhole(path, bytes, { isDurable: true, ...(options.mode === undefined ? {} : { mode: options.mode }) });
    await fileSystem.syncDirectory(dirname(path));
  } catch (error) {
    throw toStorageError(error, `write ${path}`, path);
  }
}
