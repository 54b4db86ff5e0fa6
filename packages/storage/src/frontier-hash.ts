import { createHash, type Hash } from 'node:crypto';

/** Bytes read back at a time: bounds memory, and the time for which hashing keeps the thread. */
const READ_BYTES = 512 * 1024;

/**
 * SHA-256 of a resource, computed while it is written as far as the bytes come in order; the rest is read back once, at
 * the end.
 */
export class FrontierHash {
  #hash: Hash = createHash('sha256');
  #hashedUntil = 0;

  /** Takes bytes that were just written at `position`, if they continue what is hashed. */
  written(position: number, buffers: readonly Uint8Array[]): void {
    if (position !== this.#hashedUntil) return;
    for (const buffer of buffers) {
      this.#hash.update(buffer);
      this.#hashedUntil += buffer.length;
    }
  }

  /** Digest of the first `length` bytes, lower-case hex. `read` gives bytes of the file, 0 at its end. To be called once. */
  async digest(length: number, read: (into: Uint8Array, position: number) => Promise<number>): Promise<string> {
    if (this.#hashedUntil > length) {
      this.#hash = createHash('sha256');
      this.#hashedUntil = 0;
    }
    const buffer = new Uint8Array(Math.min(READ_BYTES, length - this.#hashedUntil));
    while (this.#hashedUntil < length) {
      const into = buffer.subarray(0, Math.min(buffer.length, length - this.#hashedUntil));
      const count = await read(into, this.#hashedUntil);
      if (count === 0) throw new Error(`the file ends at ${String(this.#hashedUntil)} of ${String(length)} bytes`);
      this.#hash.update(into.subarray(0, count));
      this.#hashedUntil += count;
    }
    return this.#hash.digest('hex');
  }
}
