import { createHash } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import { SharedResource } from './shared-resource.ts';
import { StorageError } from './storage-error.ts';
import type { CommittedResource, ResourceHandle, StreamingResource } from './streaming-resource.ts';

export interface MemoryResourceOptions {
  /** For messages: the resource's name, without secrets. */
  readonly label: string;
  /** Most bytes that may be held; a write beyond them rejects with `storage/no-space`. Default 256 MiB. */
  readonly maxBytes?: number;
}

/** Address space reserved per resource by default; memory is used only as far as bytes are written. */
const DEFAULT_MAX_BYTES = 256 * 1024 * 1024;
/** The buffer grows by this much at a time: often enough to be tight, seldom enough to cost nothing. */
const GROWTH_BYTES = 1024 * 1024;
/** Bytes hashed before other work gets its turn. */
const HASH_SLICE_BYTES = 1024 * 1024;

/** A resource whose bytes live in shared memory and end with it: for a cache that this process may not write. */
export function openMemoryResource(options: MemoryResourceOptions): StreamingResource {
  return new MemoryResource(options);
}

class MemoryResource extends SharedResource {
  readonly #memory: SharedArrayBuffer;
  readonly #bytes: Uint8Array<SharedArrayBuffer>;
  #isCommitting = false;

  constructor({ label, maxBytes = DEFAULT_MAX_BYTES }: MemoryResourceOptions) {
    super(label);
    this.#memory = new SharedArrayBuffer(0, { maxByteLength: maxBytes });
    this.#bytes = new Uint8Array(this.#memory);
  }

  async writeAt(position: number, bytes: Uint8Array): Promise<void> {
    const range = { start: position, end: position + bytes.length };
    if (this.#isCommitting) throw this.notActive(`write ${this.label} at ${String(position)}`);
    this.checkWritable(range);
    if (bytes.length === 0) return;
    this.#reserve(range.end);
    for (const hole of this.present.missing(range)) {
      this.#bytes.set(bytes.subarray(hole.start - position, hole.end - position), hole.start);
    }
    this.published(range);
  }

  async readAt(position: number, into: Uint8Array): Promise<number> {
    const size = this.readableAt(position, into.length);
    into.set(this.#bytes.subarray(position, position + size));
    return size;
  }

  async commit(length: number): Promise<CommittedResource> {
    if (this.state !== 'active' || this.#isCommitting) throw this.notActive(`commit ${this.label}`);
    const [hole] = this.present.missing({ start: 0, end: length });
    if (hole !== undefined) {
      throw new StorageError('storage/not-present', `commit ${this.label}: bytes from ${String(hole.start)} are not there`);
    }
    this.#isCommitting = true;
    const hash = createHash('sha256');
    for (let start = 0; start < length; start += HASH_SLICE_BYTES) {
      hash.update(this.#bytes.subarray(start, Math.min(start + HASH_SLICE_BYTES, length)));
      await setImmediate();
    }
    if (!this.becomeCommitted(length)) throw this.notActive(`commit ${this.label}`);
    return { length, sha256: hash.digest('hex') };
  }

  async fail(error: Error): Promise<void> {
    this.becomeFailed(error);
  }

  async abandon(): Promise<void> {
    this.becomeCancelled();
  }

  async close(): Promise<void> {
    this.becomeCancelled();
  }

  protected retainBytes(): ResourceHandle['bytes'] {
    return { kind: 'memory', chunks: this.#memory };
  }

  protected releaseBytes(): void {
    // Shared memory is freed when nobody refers to it.
  }

  #reserve(end: number): void {
    if (end <= this.#memory.byteLength) return;
    const { maxByteLength } = this.#memory;
    if (end > maxByteLength) {
      const error = new StorageError(
        'storage/no-space',
        `write ${this.label}: ${String(end)} bytes are more than the ${String(maxByteLength)} that may be held in memory`,
      );
      this.becomeFailed(error);
      throw error;
    }
    try {
      this.#memory.grow(Math.min(Math.ceil(end / GROWTH_BYTES) * GROWTH_BYTES, maxByteLength));
    } catch (cause) {
      throw new StorageError('storage/no-space', `write ${this.label}: out of memory at ${String(end)} bytes`, { cause });
    }
  }
}
