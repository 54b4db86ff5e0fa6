import type { ByteSource } from './byte-source.ts';

/** Turns bytes read forward into other bytes, piece by piece. */
export interface ByteTransform {
  /** The next piece, valid until the next call; empty when there is nothing yet; `undefined` at the end. */
  pull(): Uint8Array | undefined;
  /** Begins again at the first byte. */
  restart(): void;
  close(): void;
}

/** Output kept behind the read position: a decoder that probes looks back no further than this. */
const LOOK_BACK_BYTES = 256 * 1024;

/**
 * The output of a transform as a byte source of unknown length. Reads go forward; a step back within the last 256 KiB is
 * served from memory, a longer one transforms again from the first byte, if the source underneath can be read again.
 */
export class SequentialSource implements ByteSource {
  readonly length = undefined;
  readonly #transform: ByteTransform;
  #window = new Uint8Array(2 * LOOK_BACK_BYTES);
  /** Output offset of `#window[0]`. */
  #windowStart = 0;
  #windowLength = 0;
  #isEnded = false;

  constructor(transform: ByteTransform) {
    this.#transform = transform;
  }

  readAt(position: number, into: Uint8Array): number {
    if (position < this.#windowStart) this.#restart();
    while (position >= this.#windowStart + this.#windowLength) if (!this.#pull()) return 0;
    const at = position - this.#windowStart;
    const count = Math.min(into.length, this.#windowLength - at);
    into.set(this.#window.subarray(at, at + count));
    return count;
  }

  close(): void {
    this.#transform.close();
  }

  #restart(): void {
    this.#transform.restart();
    this.#windowStart = 0;
    this.#windowLength = 0;
    this.#isEnded = false;
  }

  #pull(): boolean {
    const piece = this.#isEnded ? undefined : this.#transform.pull();
    if (piece === undefined) {
      this.#isEnded = true;
      return false;
    }
    if (this.#windowLength + piece.length > this.#window.length) this.#forget(piece.length);
    this.#window.set(piece, this.#windowLength);
    this.#windowLength += piece.length;
    return true;
  }

  /** Makes room for `incoming` bytes, keeping what may be looked back at. */
  #forget(incoming: number): void {
    const dropped = Math.max(0, this.#windowLength - LOOK_BACK_BYTES);
    const kept = this.#window.subarray(dropped, this.#windowLength);
    const target = kept.length + incoming > this.#window.length ? new Uint8Array(2 * (kept.length + incoming)) : this.#window;
    target.set(kept);
    this.#window = target;
    this.#windowStart += dropped;
    this.#windowLength = kept.length;
  }
}
