import { readSync } from 'node:fs';
import { ControlBlockView, type BlockPicture } from './control-block.ts';
import { readerFailure } from './failure-record.ts';
import { StorageError, toStorageError } from './storage-error.ts';
import type { ResourceHandle, ResourceReader, ResourceState } from './streaming-resource.ts';

/**
 * Opens a reader over a handle from `attachReader`, in any thread. It holds nothing of its own: whoever attached the
 * reader releases it, after the thread has stopped using it.
 */
export function openResourceReader(handle: ResourceHandle): ResourceReader {
  return new SharedReader(handle);
}

class SharedReader implements ResourceReader {
  readonly #view: ControlBlockView;
  readonly #copy: (position: number, into: Uint8Array) => number;

  constructor({ block, bytes }: ResourceHandle) {
    this.#view = new ControlBlockView(block);
    this.#copy = bytes.kind === 'file' ? fileCopier(bytes.fd) : memoryCopier(bytes.chunks);
  }

  get length(): number | undefined {
    return this.#view.picture(0).length;
  }

  get announcedLength(): number | undefined {
    return this.#view.picture(0).announcedLength;
  }

  get state(): ResourceState {
    return this.#view.picture(0).state;
  }

  read(position: number, into: Uint8Array): number | 'end' | 'absent' {
    if (into.length === 0) throw new RangeError('read of 0 bytes: cannot be told apart from the end');
    const picture = this.#view.picture(position);
    const size = Math.min(picture.coveredUntil - position, into.length);
    if (size === 0) return this.#uncovered(position, picture);
    const count = this.#copy(position, size === into.length ? into : into.subarray(0, size));
    if (count > 0) return count;
    // Covered, yet not there: either commit has trimmed the bytes since, or the file was cut short behind our back.
    const later = this.#view.picture(position);
    if (later.coveredUntil === position) return this.#uncovered(position, later);
    throw new StorageError('storage/io', `read at ${String(position)}: the file is shorter than what was written to it`);
  }

  #uncovered(position: number, picture: BlockPicture): 'end' | 'absent' {
    switch (picture.state) {
      case 'active':
        return 'absent';
      case 'committed':
        if (picture.length !== undefined && position >= picture.length) return 'end';
        throw new StorageError('storage/io', `read at ${String(position)}: missing from a committed resource`);
      case 'failed':
        throw readerFailure(`at ${String(position)}`, this.#view.failure());
      case 'cancelled':
        throw new StorageError('storage/cancelled', `read at ${String(position)}: the resource is no longer being written`);
    }
  }
}

function fileCopier(fd: number): (position: number, into: Uint8Array) => number {
  return (position, into) => {
    try {
      return readSync(fd, into, 0, into.length, position);
    } catch (error) {
      throw toStorageError(error, `read at ${String(position)}`);
    }
  };
}

function memoryCopier(memory: SharedArrayBuffer): (position: number, into: Uint8Array) => number {
  const bytes = new Uint8Array(memory);
  return (position, into) => {
    into.set(bytes.subarray(position, position + into.length));
    return into.length;
  };
}
