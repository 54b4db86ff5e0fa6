import type { ByteRange } from './byte-range.ts';
import { Listeners } from './listeners.ts';
import { RangeSet } from './range-set.ts';

/** Bytes that may be published before doorbells are rung, when nobody is known to wait for them. */
const RING_BYTES = 256 * 1024;
/** Longest that such a ring is put off, in milliseconds: shorter than any buffer, longer than a burst of small writes. */
const RING_DELAY_MS = 20;

/** One reader's place in the demand: what it wants, and the bell to ring. */
export interface DemandEntry {
  want: ByteRange | undefined;
  readonly doorbell: Int32Array<SharedArrayBuffer> | undefined;
}

/**
 * Who reads a resource, what they wait for, and their doorbells.
 *
 * A doorbell rings at once when the published bytes overlap what its reader wants, and otherwise once per `RING_BYTES` or
 * `RING_DELAY_MS`. A reader whose want arrives after the bytes did is rung by `want`, so no wake-up depends on the delay.
 */
export class Demand {
  /** In the order in which the entries began to want what they want. */
  readonly #entries = new Set<DemandEntry>();
  readonly #listeners = new Listeners();
  #unrungBytes = 0;
  #timer: NodeJS.Timeout | undefined;

  onDemand(listener: () => void): Disposable {
    return this.#listeners.add(listener);
  }

  add(options: { readonly doorbell?: SharedArrayBuffer | undefined; readonly want?: ByteRange }): DemandEntry {
    const doorbell = options.doorbell === undefined ? undefined : new Int32Array(options.doorbell, 0, 1);
    const entry: DemandEntry = { want: options.want, doorbell };
    this.#entries.add(entry);
    this.#listeners.notify();
    return entry;
  }

  remove(entry: DemandEntry): void {
    if (this.#entries.delete(entry)) this.#listeners.notify();
  }

  want(entry: DemandEntry, range: ByteRange | undefined, isPresent: (position: number) => boolean): void {
    if (!this.#entries.has(entry)) return;
    const isSame = entry.want?.start === range?.start && entry.want?.end === range?.end;
    if (!isSame) {
      entry.want = range;
      this.#entries.delete(entry);
      this.#entries.add(entry);
      this.#listeners.notify();
    }
    // The bytes may have been published while the want was on its way here.
    if (range !== undefined && isPresent(range.start)) ring(entry);
  }

  /** Wanted ranges in order, each without what an earlier one wants already. */
  wants(): ByteRange[] {
    const seen = new RangeSet();
    const wanted: ByteRange[] = [];
    for (const { want } of this.#entries) {
      if (want === undefined) continue;
      wanted.push(...seen.missing(want));
      seen.add(want);
    }
    return wanted;
  }

  /** Rings after bytes were published. */
  published(range: ByteRange): void {
    this.#unrungBytes += range.end - range.start;
    if (this.#unrungBytes >= RING_BYTES) return this.ringAll();
    for (const entry of this.#entries) {
      const { want } = entry;
      if (want !== undefined && want.start < range.end && range.start < want.end) ring(entry);
    }
    this.#timer ??= setTimeout(() => this.ringAll(), RING_DELAY_MS).unref();
  }

  /** Rings every doorbell now: the state changed. */
  ringAll(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#unrungBytes = 0;
    for (const entry of this.#entries) ring(entry);
  }
}

function ring({ doorbell }: DemandEntry): void {
  if (doorbell === undefined) return;
  Atomics.add(doorbell, 0, 1);
  Atomics.notify(doorbell, 0);
}
