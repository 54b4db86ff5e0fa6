// oxlint-disable-next-line typescript/triple-slash-reference -- ambient types of an untyped package must follow whoever imports this file
/// <reference path="./write-file-atomic.d.ts" />
import * as fs from 'node:fs';
import { dirname } from 'node:path';
import { promisify } from 'node:util';
import writeFileAtomic from 'write-file-atomic';

/**
 * The few operations on files that a resource needs, so that a test can make the disk full or faulty at one of them.
 * Descriptors are plain numbers, because worker threads read through them. Errors are those of `node:fs`.
 */
export interface FileSystem {
  /** Opens and returns a descriptor. `flags` as in `fs.open`. */
  readonly open: (path: string, flags: 'r' | 'r+' | 'w+', mode?: number) => Promise<number>;
  readonly close: (fd: number) => Promise<void>;
  /** Reads up to `into.length` bytes at `position`: how many, 0 at the end of the file. */
  readonly read: (fd: number, into: Uint8Array, position: number) => Promise<number>;
  /** Writes the buffers one after the other from `position` on: how many bytes were taken, possibly not all. */
  readonly write: (fd: number, buffers: readonly Uint8Array[], position: number) => Promise<number>;
  /** Size in bytes of an open file. */
  readonly size: (fd: number) => Promise<number>;
  readonly truncate: (fd: number, length: number) => Promise<void>;
  readonly datasync: (fd: number) => Promise<void>;
  readonly rename: (from: string, to: string) => Promise<void>;
  /** Removes a file; one that does not exist is no error. */
  readonly remove: (path: string) => Promise<void>;
  readonly exists: (path: string) => Promise<boolean>;
  /** Reads a whole small file; `undefined` when it does not exist. */
  readonly readWhole: (path: string) => Promise<Uint8Array | undefined>;
  /** Writes a whole small file under another name and renames it; with `isDurable` it is synced before. */
  readonly writeWhole: (
    path: string,
    bytes: string | Uint8Array,
    options: { readonly mode?: number; readonly isDurable: boolean },
  ) => Promise<void>;
  /** Appends to a small file; makes it, with `mode`, when it is missing. Not durable by itself. */
  readonly append: (path: string, text: string, mode: number) => Promise<void>;
  /** Makes a file durable, its name in its directory included. */
  readonly syncFile: (path: string) => Promise<void>;
  /**
   * Makes a directory and those above it, for the owner alone (0700), and makes the new ones durable; one that exists is no
   * error.
   */
  readonly makeDirectory: (path: string) => Promise<void>;
  /** Makes renames and removals in a directory durable, where the platform can. */
  readonly syncDirectory: (path: string) => Promise<void>;
}

const open = promisify(fs.open);
const close = promisify(fs.close);
const read = promisify(fs.read);
const writev = promisify(fs.writev);
const fstat = promisify(fs.fstat);
const ftruncate = promisify(fs.ftruncate);
const fdatasync = promisify(fs.fdatasync);
const fsync = promisify(fs.fsync);

/** Directories that a resource has to create: the owner's alone, as everything in a cache is. */
const DIRECTORY_MODE = 0o700;

/** The real file system. */
export const nodeFileSystem: FileSystem = {
  open: (path, flags, mode) => open(path, flags, mode ?? 0o666),
  close,
  read: async (fd, into, position) => (await read(fd, into, 0, into.length, position)).bytesRead,
  write: async (fd, buffers, position) => (await writev(fd, buffers, position)).bytesWritten,
  size: async (fd) => (await fstat(fd)).size,
  truncate: ftruncate,
  datasync: fdatasync,
  rename: fs.promises.rename,
  remove: (path) => fs.promises.unlink(path).catch(absentAs(undefined)),
  exists: (path) => fs.promises.stat(path).then((stat) => stat.isFile(), absentAs(false)),
  readWhole: (path) => fs.promises.readFile(path).catch(absentAs(undefined)),
  writeWhole: (path, bytes, { mode, isDurable }) =>
    writeFileAtomic(path, bytes, { fsync: isDurable, ...(mode === undefined ? {} : { mode }) }),
  append: (path, text, mode) => fs.promises.appendFile(path, text, { mode }),
  syncFile: async (path) => {
    await syncPath(path, 'r+');
    await syncDirectory(dirname(path));
  },
  makeDirectory,
  syncDirectory,
};

async function syncDirectory(path: string): Promise<void> {
  // Windows can neither open nor sync a directory: the rename is then as durable as the file system makes it.
  if (process.platform !== 'win32') await syncPath(path, 'r');
}

async function syncPath(path: string, flags: 'r' | 'r+'): Promise<void> {
  const fd = await open(path, flags);
  try {
    await fsync(fd);
  } finally {
    await close(fd);
  }
}

/**
 * Not `mkdir` with `recursive`: where a file system answers `ENOENT` although the parent exists (/proc does), Node 24 tries
 * again for ever.
 */
async function makeDirectory(path: string): Promise<void> {
  try {
    await fs.promises.mkdir(path, { mode: DIRECTORY_MODE });
    // What lies in a directory is as durable as the directory's own name.
    await syncDirectory(dirname(path)).catch(() => undefined);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    const parent = dirname(path);
    if (code === 'ENOENT' && parent !== path && !(await isDirectory(parent))) {
      await makeDirectory(parent);
      // Another process may have made it in the meantime.
      await makeDirectory(path);
    } else if (code !== 'EEXIST' || !(await isDirectory(path))) {
      throw error;
    }
  }
}

function isDirectory(path: string): Promise<boolean> {
  return fs.promises.stat(path).then((stat) => stat.isDirectory(), absentAs(false));
}

function absentAs<T>(value: T): (error: unknown) => T {
  return (error) => {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code === 'ENOENT' || code === 'ENOTDIR') return value;
    throw error;
  };
}
