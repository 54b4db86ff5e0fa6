/** Measurements that are kept: the last minute at ten a second. */
const capacity = 600;

/** The latest alignment errors, and how large they are. */
export class AlignmentLog {
  readonly #errorsUs: number[] = [];

  add(errorUs: number): void {
    this.#errorsUs.push(errorUs);
    if (this.#errorsUs.length > capacity) this.#errorsUs.shift();
  }

  /** What was measured before says nothing about what comes. */
  clear(): void {
    this.#errorsUs.length = 0;
  }

  /** The magnitude that a `share` (0 to 1) of the errors does not exceed, in microseconds; `undefined` while there are none. */
  magnitudeUs(share: number): number | undefined {
    const sorted = this.#errorsUs.map(Math.abs).sort((a, b) => a - b);
    return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)];
  }
}
