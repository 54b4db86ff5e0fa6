import { TimestampIndex } from './timestamp-index.ts';

/** Collects whole audio frames between two pulls of a transform, and the times that belong to them. */
export class FrameOutput {
  readonly timestamps = new TimestampIndex();
  #bytes = new Uint8Array(8 * 1024);
  #length = 0;
  /** Output offset of `#bytes[0]`. */
  #offset = 0;

  /** What was collected since `clear`. Valid until the next frame. */
  get bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  /** Adds one frame that is at `ticks` of 90 kHz. */
  readonly onFrame = (frame: Uint8Array, ticks: number | undefined): void => {
    if (ticks !== undefined) this.timestamps.add(this.#offset + this.#length, ticks);
    if (this.#length + frame.length > this.#bytes.length) {
      const grown = new Uint8Array(2 * (this.#length + frame.length));
      grown.set(this.bytes);
      this.#bytes = grown;
    }
    this.#bytes.set(frame, this.#length);
    this.#length += frame.length;
  };

  clear(): void {
    this.#offset += this.#length;
    this.#length = 0;
  }

  restart(): void {
    this.#offset = 0;
    this.#length = 0;
    this.timestamps.clear();
  }
}
