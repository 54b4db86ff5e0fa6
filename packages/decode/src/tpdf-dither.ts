/**
 * Triangular noise between −1 and 1 steps of the integer it is added to: it makes the error of rounding independent of the
 * sound, in mean and in power. The same seed gives the same noise.
 * @see Lipshitz, Wannamaker and Vanderkooy, "Quantization and Dither", Journal of the AES 40(5), 1992
 */
export class TpdfDither {
  #state: number;

  /** `seed` is any 32-bit integer. */
  constructor(seed: number) {
    this.#state = seed | 0;
  }

  /** The next value, greater than −1 and less than 1. */
  next(): number {
    return this.#uniform() - this.#uniform();
  }

  /** Mulberry32: 32 bits of state, evenly distributed over 0 ≤ … < 1. */
  #uniform(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }
}
