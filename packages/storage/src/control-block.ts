import type { ByteRange } from './byte-range.ts';
import { encodeBounded, FAILURE_MESSAGE_BYTES, FAILURE_WORD_BYTES, type FailureRecord } from './failure-record.ts';
import type { RangeSet } from './range-set.ts';
import type { ResourceState } from './streaming-resource.ts';

/*
 * One growable SharedArrayBuffer per open resource: a header, then the present ranges as a sorted table of exact 64-bit
 * edges. The writing thread brackets every change by two increments of SEQUENCE (odd while it changes: a seqlock), so that
 * any number of readers take a consistent picture without a lock and without ever holding the writer up. Every word is read
 * and written by `Atomics`, because the order of plain accesses around the sequence is not guaranteed.
 *
 * Bytes 0–63 words · 64–591 failure text (name, code, message) · 1024– ranges, 16 bytes each.
 */
const SEQUENCE = 0;
const STATE = 1;
const LENGTH = 2;
const ANNOUNCED = 4;
const RANGE_COUNT = 6;
const FAILURE_NAME_BYTES = 7;
const FAILURE_CODE_BYTES = 8;
const FAILURE_TEXT_BYTES = 9;
const FAILURE_IS_RECOVERABLE = 10;

const FAILURE_OFFSET = 64;
const TABLE_WORD = 256;
const TABLE_OFFSET = TABLE_WORD * 4;
const RANGE_WORDS = 4;
const RANGE_BYTES = RANGE_WORDS * 4;
const INITIAL_RANGES = 64;
/** 2 ** 32: the weight of the high word of an offset. */
const HIGH_WORD = 0x1_0000_0000;
const UNKNOWN = -1;

/** Ranges that one block can hold, 1 MiB of table: a resource more fragmented than that is refused more holes. */
export const MAX_RANGES = 65_536;

const STATES: readonly ResourceState[] = ['active', 'committed', 'failed', 'cancelled'];

/** A consistent picture of a resource at one instant, as far as one position is concerned. */
export interface BlockPicture {
  readonly state: ResourceState;
  /** Final length once committed. */
  readonly length: number | undefined;
  readonly announcedLength: number | undefined;
  /** End of the present bytes that begin at the position; the position itself when that byte is absent. */
  readonly coveredUntil: number;
}

/** The writing thread's side of a control block. Exactly one exists per block. */
export class ControlBlockWriter {
  readonly buffer: SharedArrayBuffer;
  readonly #words: Int32Array<SharedArrayBuffer>;

  constructor() {
    this.buffer = new SharedArrayBuffer(TABLE_OFFSET + INITIAL_RANGES * RANGE_BYTES, {
      maxByteLength: TABLE_OFFSET + MAX_RANGES * RANGE_BYTES,
    });
    this.#words = new Int32Array(this.buffer);
    storeOffset(this.#words, LENGTH, undefined);
    storeOffset(this.#words, ANNOUNCED, undefined);
  }

  setAnnouncedLength(length: number | undefined): void {
    this.#change(() => storeOffset(this.#words, ANNOUNCED, length));
  }

  /** Publishes the table from entry `firstChanged` on. Throws `RangeError` above `MAX_RANGES`. */
  setRanges(ranges: RangeSet, firstChanged = 0): void {
    this.#reserve(ranges.rangeCount);
    this.#change(() => this.#storeRanges(ranges, firstChanged));
  }

  commit(length: number, ranges: RangeSet): void {
    this.#reserve(ranges.rangeCount);
    this.#change(() => {
      this.#storeRanges(ranges, 0);
      storeOffset(this.#words, LENGTH, length);
      this.#storeState('committed');
    });
  }

  fail(failure: FailureRecord): void {
    const parts = [
      encodeBounded(failure.name, FAILURE_WORD_BYTES),
      encodeBounded(failure.code ?? '', FAILURE_WORD_BYTES),
      encodeBounded(failure.message, FAILURE_MESSAGE_BYTES),
    ] as const;
    this.#change(() => {
      const bytes = new Uint8Array(this.buffer);
      let offset = FAILURE_OFFSET;
      for (const part of parts) {
        bytes.set(part, offset);
        offset += part.length;
      }
      Atomics.store(this.#words, FAILURE_NAME_BYTES, parts[0].length);
      Atomics.store(this.#words, FAILURE_CODE_BYTES, parts[1].length);
      Atomics.store(this.#words, FAILURE_TEXT_BYTES, parts[2].length);
      Atomics.store(this.#words, FAILURE_IS_RECOVERABLE, failure.isRecoverable ? 1 : 0);
      this.#storeState('failed');
    });
  }

  cancel(): void {
    this.#change(() => this.#storeState('cancelled'));
  }

  #storeState(state: ResourceState): void {
    Atomics.store(this.#words, STATE, STATES.indexOf(state));
  }

  #storeRanges(ranges: RangeSet, firstChanged: number): void {
    for (let index = firstChanged; index < ranges.rangeCount; index += 1) {
      const word = TABLE_WORD + index * RANGE_WORDS;
      storeOffset(this.#words, word, ranges.startAt(index));
      storeOffset(this.#words, word + 2, ranges.endAt(index));
    }
    Atomics.store(this.#words, RANGE_COUNT, ranges.rangeCount);
  }

  #reserve(rangeCount: number): void {
    if (rangeCount > MAX_RANGES)
      throw new RangeError(`control block holds ${String(MAX_RANGES)} ranges, not ${String(rangeCount)}`);
    let capacity = (this.buffer.byteLength - TABLE_OFFSET) / RANGE_BYTES;
    if (rangeCount <= capacity) return;
    while (capacity < rangeCount) capacity *= 2;
    this.buffer.grow(TABLE_OFFSET + capacity * RANGE_BYTES);
  }

  #change(store: () => void): void {
    Atomics.add(this.#words, SEQUENCE, 1);
    try {
      store();
    } finally {
      Atomics.add(this.#words, SEQUENCE, 1);
    }
  }
}

/** Any thread's view of a control block. */
export class ControlBlockView {
  readonly #buffer: SharedArrayBuffer;
  readonly #words: Int32Array<SharedArrayBuffer>;

  constructor(buffer: SharedArrayBuffer) {
    this.#buffer = buffer;
    this.#words = new Int32Array(buffer);
  }

  /** A consistent picture. Retries while the writer is in the middle of a change, which takes it microseconds. */
  picture(position: number): BlockPicture {
    for (;;) {
      const sequence = Atomics.load(this.#words, SEQUENCE);
      if (sequence % 2 !== 0) continue;
      const state = STATES[Atomics.load(this.#words, STATE)] ?? 'active';
      const length = loadOffset(this.#words, LENGTH);
      const announcedLength = loadOffset(this.#words, ANNOUNCED);
      const coveredUntil = this.#coveredUntil(position);
      if (Atomics.load(this.#words, SEQUENCE) === sequence) return { state, length, announcedLength, coveredUntil };
    }
  }

  /** All present ranges, consistent among themselves. */
  ranges(): ByteRange[] {
    for (;;) {
      const sequence = Atomics.load(this.#words, SEQUENCE);
      if (sequence % 2 !== 0) continue;
      const ranges = Array.from({ length: this.#rangeCount() }, (_, index) => this.#range(index));
      if (Atomics.load(this.#words, SEQUENCE) === sequence) return ranges;
    }
  }

  /** Why the resource failed: meaningful once `picture` gave `failed`, and constant from then on. */
  failure(): FailureRecord {
    const sizes = [FAILURE_NAME_BYTES, FAILURE_CODE_BYTES, FAILURE_TEXT_BYTES].map((word) => Atomics.load(this.#words, word));
    const [nameBytes = 0, codeBytes = 0, textBytes = 0] = sizes;
    const text = new Uint8Array(nameBytes + codeBytes + textBytes);
    text.set(new Uint8Array(this.#buffer, FAILURE_OFFSET, text.length));
    const decode = (start: number, size: number): string => new TextDecoder().decode(text.subarray(start, start + size));
    return {
      name: decode(0, nameBytes),
      code: codeBytes === 0 ? undefined : decode(nameBytes, codeBytes),
      message: decode(nameBytes + codeBytes, textBytes),
      isRecoverable: Atomics.load(this.#words, FAILURE_IS_RECOVERABLE) === 1,
    };
  }

  #coveredUntil(position: number): number {
    let low = 0;
    let high = this.#rangeCount();
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#range(middle).end <= position) low = middle + 1;
      else high = middle;
    }
    if (low >= this.#rangeCount()) return position;
    const found = this.#range(low);
    return found.start <= position ? found.end : position;
  }

  /** Never more than this thread's view of the buffer holds: a torn count is thrown away by the sequence check. */
  #rangeCount(): number {
    const capacity = Math.floor((this.#words.length - TABLE_WORD) / RANGE_WORDS);
    return Math.min(Atomics.load(this.#words, RANGE_COUNT), capacity);
  }

  #range(index: number): ByteRange {
    const word = TABLE_WORD + index * RANGE_WORDS;
    return { start: loadOffset(this.#words, word) ?? 0, end: loadOffset(this.#words, word + 2) ?? 0 };
  }
}

function storeOffset(words: Int32Array<SharedArrayBuffer>, index: number, offset: number | undefined): void {
  Atomics.store(words, index, offset === undefined ? 0 : (offset % HIGH_WORD) | 0);
  Atomics.store(words, index + 1, offset === undefined ? UNKNOWN : Math.floor(offset / HIGH_WORD));
}

function loadOffset(words: Int32Array<SharedArrayBuffer>, index: number): number | undefined {
  const high = Atomics.load(words, index + 1);
  return high === UNKNOWN ? undefined : high * HIGH_WORD + (Atomics.load(words, index) >>> 0);
}
