import type { ByteRange } from './byte-range.ts';

/**
 * A set of byte offsets, kept as sorted, disjoint, non-adjacent half-open ranges.
 *
 * Lookups are a binary search; adding or removing costs the number of ranges that lie behind the change.
 */
export class RangeSet {
  readonly #starts: number[] = [];
  readonly #ends: number[] = [];
  #byteCount = 0;

  constructor(ranges: Iterable<ByteRange> = []) {
    for (const range of ranges) this.add(range);
  }

  /** Number of separate ranges. */
  get rangeCount(): number {
    return this.#starts.length;
  }

  /** Bytes in the set. */
  get byteCount(): number {
    return this.#byteCount;
  }

  /** End of the range that begins at offset 0; 0 when offset 0 is absent. */
  get frontier(): number {
    return this.coveredUntil(0);
  }

  startAt(index: number): number {
    return this.#starts[index] ?? Number.NaN;
  }

  endAt(index: number): number {
    return this.#ends[index] ?? Number.NaN;
  }

  /**
   * Adds a range, joining what it touches. Empty ranges change nothing.
   * Returns the index of the first entry that changed: entries before it are as they were.
   */
  add({ start, end }: ByteRange): number {
    checkRange(start, end);
    if (start === end) return this.rangeCount;
    const first = this.#firstEndingAtOrAfter(start);
    let last = first;
    let [joinedStart, joinedEnd, swallowed] = [start, end, 0];
    while (last < this.rangeCount && this.startAt(last) <= end) {
      joinedStart = Math.min(joinedStart, this.startAt(last));
      joinedEnd = Math.max(joinedEnd, this.endAt(last));
      swallowed += this.endAt(last) - this.startAt(last);
      last += 1;
    }
    this.#starts.splice(first, last - first, joinedStart);
    this.#ends.splice(first, last - first, joinedEnd);
    this.#byteCount += joinedEnd - joinedStart - swallowed;
    return first;
  }

  /** Removes every offset at or after `length`. */
  truncate(length: number): void {
    for (let index = this.rangeCount - 1; index >= 0 && this.endAt(index) > length; index -= 1) {
      const start = this.startAt(index);
      this.#byteCount -= this.endAt(index) - Math.max(start, length);
      if (start >= length) {
        this.#starts.pop();
        this.#ends.pop();
      } else {
        this.#ends[index] = length;
      }
    }
  }

  /** End of the present bytes that begin at `position`; `position` itself when that byte is absent. */
  coveredUntil(position: number): number {
    const index = this.#firstEndingAtOrAfter(position + 1);
    return index < this.rangeCount && this.startAt(index) <= position ? this.endAt(index) : position;
  }

  /** Whether every offset of `range` is present; true for an empty range. */
  covers(range: ByteRange): boolean {
    return range.start >= range.end || this.coveredUntil(range.start) >= range.end;
  }

  /** Whether any offset of `range` is present. */
  overlaps(range: ByteRange): boolean {
    if (range.start >= range.end) return false;
    const index = this.#firstEndingAtOrAfter(range.start + 1);
    return index < this.rangeCount && this.startAt(index) < range.end;
  }

  /** The parts of `range` that are absent, sorted. */
  missing(range: ByteRange): ByteRange[] {
    const holes: ByteRange[] = [];
    let position = range.start;
    for (let index = this.#firstEndingAtOrAfter(range.start + 1); position < range.end; index += 1) {
      const start = index < this.rangeCount ? this.startAt(index) : range.end;
      if (start > position) holes.push({ start: position, end: Math.min(start, range.end) });
      if (start >= range.end) break;
      position = this.endAt(index);
    }
    return holes;
  }

  /** All ranges, sorted and disjoint. */
  ranges(): ByteRange[] {
    return this.#starts.map((start, index) => ({ start, end: this.endAt(index) }));
  }

  #firstEndingAtOrAfter(position: number): number {
    let low = 0;
    let high = this.rangeCount;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.endAt(middle) < position) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

function checkRange(start: number, end: number): void {
  if (!Number.isSafeInteger(start) || !Number.isSafeInteger(end) || start < 0 || end < start) {
    throw new RangeError(`byte range ${String(start)}–${String(end)} is not a half-open range of offsets`);
  }
}
