/** Bytes joined into one write at most: large enough for the disk, small enough to publish soon. */
const BATCH_BYTES = 256 * 1024;
/** Buffers joined into one write at most, well under the 1024 that POSIX lets one `writev` take. */
const BATCH_BUFFERS = 256;

interface QueuedWrite {
  readonly position: number;
  readonly bytes: Uint8Array;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Writes in the order they were asked for, one at a time, neighbours joined. What waits here belongs to callers that
 * await it, so the queue is as long as there are writers.
 */
export class WriteQueue {
  readonly #write: (position: number, buffers: readonly Uint8Array[]) => Promise<void>;
  readonly #queued: QueuedWrite[] = [];
  #running: Promise<void> | undefined;
  #stopReason: Error | undefined;

  constructor(write: (position: number, buffers: readonly Uint8Array[]) => Promise<void>) {
    this.#write = write;
  }

  /** Queues a write; settles with it. The bytes belong to the queue until then. */
  add(position: number, bytes: Uint8Array): Promise<void> {
    if (this.#stopReason !== undefined) return Promise.reject(this.#stopReason);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#queued.push({ position, bytes, resolve, reject });
    this.#running ??= this.#run();
    return promise;
  }

  /** Rejects what is queued and all that comes; settles when the write in progress is over. */
  async stop(reason: Error): Promise<void> {
    this.#stopReason ??= reason;
    for (const { reject } of this.#queued.splice(0)) reject(reason);
    await this.#running;
  }

  async #run(): Promise<void> {
    // Leaves the caller's turn, so that all writes of one turn join.
    await Promise.resolve();
    for (let batch = this.#nextBatch(); batch.length > 0; batch = this.#nextBatch()) {
      const buffers = batch.map(({ bytes }) => bytes);
      try {
        await this.#write(batch[0]?.position ?? 0, buffers);
        for (const { resolve } of batch) resolve();
      } catch (error) {
        for (const { reject } of batch) reject(error);
      }
    }
    this.#running = undefined;
  }

  #nextBatch(): QueuedWrite[] {
    const first = this.#queued[0];
    if (first === undefined) return [];
    let end = first.position + first.bytes.length;
    let count = 1;
    for (; count < this.#queued.length && count < BATCH_BUFFERS; count += 1) {
      const next = this.#queued[count];
      if (next === undefined || next.position !== end || end + next.bytes.length - first.position > BATCH_BYTES) break;
      end += next.bytes.length;
    }
    return this.#queued.splice(0, count);
  }
}
