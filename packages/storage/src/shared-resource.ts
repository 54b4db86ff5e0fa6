import type { ByteRange } from './byte-range.ts';
import { ControlBlockWriter, MAX_RANGES } from './control-block.ts';
import { Demand } from './demand.ts';
import { failureRecord } from './failure-record.ts';
import { Listeners } from './listeners.ts';
import { RangeSet } from './range-set.ts';
import { StorageError } from './storage-error.ts';
import type {
  AttachedReader,
  AttachReaderOptions,
  CommittedResource,
  ResourceHandle,
  ResourceOrigin,
  ResourceState,
  StreamingResource,
} from './streaming-resource.ts';

type WaitOutcome = 'ready' | 'partial' | 'end';

/**
 * What every resource is, wherever its bytes are: state, availability, waiting and readers. An implementation puts bytes
 * in their place first and calls `published` after.
 */
export abstract class SharedResource implements StreamingResource {
  readonly label: string;
  protected readonly present = new RangeSet();
  readonly #block = new ControlBlockWriter();
  readonly #demand = new Demand();
  readonly #listeners = new Listeners();
  /** Checks of the waits that go on in this thread, each called after every change. */
  readonly #waits = new Listeners();
  #state: ResourceState = 'active';
  #length: number | undefined;
  #announcedLength: number | undefined;
  #origin: ResourceOrigin | undefined;
  #failure: Error | undefined;

  constructor(label: string) {
    this.label = label;
  }

  abstract writeAt(position: number, bytes: Uint8Array): Promise<void>;
  abstract readAt(position: number, into: Uint8Array): Promise<number>;
  abstract commit(length: number): Promise<CommittedResource>;
  abstract fail(error: Error): Promise<void>;
  abstract abandon(): Promise<void>;
  abstract close(): Promise<void>;
  /** Takes hold of the bytes for one more reader. Throws when they cannot be had any more. */
  protected abstract retainBytes(): ResourceHandle['bytes'];
  protected abstract releaseBytes(): void;

  get state(): ResourceState {
    return this.#state;
  }

  get length(): number | undefined {
    return this.#length;
  }

  get announcedLength(): number | undefined {
    return this.#announcedLength;
  }

  get origin(): ResourceOrigin | undefined {
    return this.#origin;
  }

  get failure(): Error | undefined {
    return this.#failure;
  }

  get presentBytes(): number {
    return this.present.byteCount;
  }

  announce(origin: ResourceOrigin, announcedLength: number | undefined): void {
    this.#origin = origin;
    this.#announcedLength = announcedLength;
    this.#block.setAnnouncedLength(announcedLength);
    this.#changed();
  }

  ranges(): readonly ByteRange[] {
    return this.present.ranges();
  }

  covers(range: ByteRange): boolean {
    return this.present.covers(range);
  }

  missing(range: ByteRange): readonly ByteRange[] {
    return this.present.missing(range);
  }

  async waitRange(range: ByteRange, { signal }: { readonly signal?: AbortSignal } = {}): Promise<WaitOutcome> {
    signal?.throwIfAborted();
    const outcome = this.#outcome(range);
    if (outcome !== undefined) return outcome;
    const entry = this.#demand.add({ want: range });
    const { promise, resolve, reject } = Promise.withResolvers<WaitOutcome>();
    const check = (): void => {
      try {
        const later = this.#outcome(range);
        if (later !== undefined) resolve(later);
      } catch (error) {
        reject(error);
      }
    };
    const onAbort = (): void => reject(signal?.reason);
    signal?.addEventListener('abort', onAbort, { once: true });
    using _ = this.#waits.add(check);
    try {
      check();
      return await promise;
    } finally {
      signal?.removeEventListener('abort', onAbort);
      this.#demand.remove(entry);
    }
  }

  attachReader(options: AttachReaderOptions = {}): AttachedReader {
    const bytes = this.retainBytes();
    const entry = this.#demand.add({ doorbell: options.doorbell });
    let isReleased = false;
    return {
      handle: { block: this.#block.buffer, bytes },
      want: (range) => this.#demand.want(entry, range, (position) => this.#isSettledAt(position)),
      release: () => {
        if (isReleased) return;
        isReleased = true;
        this.#demand.remove(entry);
        this.releaseBytes();
      },
    };
  }

  wants(): readonly ByteRange[] {
    return this.#demand.wants();
  }

  onDemand(listener: () => void): Disposable {
    return this.#demand.onDemand(listener);
  }

  onChange(listener: () => void): Disposable {
    return this.#listeners.add(listener);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Throws unless a write of `range` may be made now. */
  protected checkWritable(range: ByteRange): void {
    if (this.#state !== 'active') throw this.notActive(`write ${this.label} at ${String(range.start)}`);
    this.checkFragments(range);
  }

  /** Throws when `range` could need one entry more than the control block has. */
  protected checkFragments(range: ByteRange): void {
    if (this.present.rangeCount >= MAX_RANGES && !this.present.covers(range)) {
      throw new StorageError('storage/fragmented', `write ${this.label} at ${String(range.start)}: it has too many separate parts`);
    }
  }

  protected notActive(operation: string): StorageError {
    if (this.#failure instanceof StorageError) return this.#failure;
    return new StorageError('storage/not-active', `${operation}: the resource is ${this.#state}`, { cause: this.#failure });
  }

  /** Tells everybody about bytes that are in place. */
  protected published(range: ByteRange): void {
    this.#block.setRanges(this.present, this.present.add(range));
    this.#demand.published(range);
    this.#notify();
  }

  /** Forgets what lies beyond the final length, before the file is cut. */
  protected trim(length: number): void {
    this.present.truncate(length);
    this.#block.setRanges(this.present);
  }

  /** Takes over what an earlier process left, before anybody reads. */
  protected restore(ranges: readonly ByteRange[], origin: ResourceOrigin | undefined, announcedLength: number | undefined): void {
    for (const range of ranges) this.present.add(range);
    this.#block.setRanges(this.present);
    this.#origin = origin;
    this.#announcedLength = announcedLength;
    this.#block.setAnnouncedLength(announcedLength);
  }

  /** Ends `active`. False when it has ended before; nothing changes then. */
  protected becomeCommitted(length: number): boolean {
    if (this.#state !== 'active') return false;
    this.present.truncate(length);
    this.#state = 'committed';
    this.#length = length;
    this.#block.commit(length, this.present);
    this.#changed();
    return true;
  }

  protected becomeFailed(error: Error): boolean {
    if (this.#state !== 'active') return false;
    this.#state = 'failed';
    this.#failure = error;
    this.#block.fail(failureRecord(error));
    this.#changed();
    return true;
  }

  protected becomeCancelled(): boolean {
    if (this.#state !== 'active') return false;
    this.#state = 'cancelled';
    this.#block.cancel();
    this.#changed();
    return true;
  }

  /** Present bytes at `position`, at most `wanted`; 0 only at the proven end; throws `storage/not-present` on a hole. */
  protected readableAt(position: number, wanted: number): number {
    const size = Math.min(this.present.coveredUntil(position) - position, wanted);
    if (size > 0 || (this.#length !== undefined && position >= this.#length)) return size;
    throw new StorageError('storage/not-present', `read ${this.label} at ${String(position)}: the bytes are not there`, {
      cause: this.#failure,
    });
  }

  /** Whether a reader at `position` has nothing to wait for: bytes, the end or a failure are there. */
  #isSettledAt(position: number): boolean {
    return this.#state !== 'active' || this.present.coveredUntil(position) > position;
  }

  #outcome(range: ByteRange): WaitOutcome | undefined {
    if (this.#length !== undefined && range.start >= this.#length) return 'end';
    if (this.present.covers(range)) return 'ready';
    switch (this.#state) {
      case 'active':
        return undefined;
      case 'committed':
        return 'partial';
      case 'failed':
        throw this.#failure ?? new StorageError('storage/failed', `wait for ${this.label}: failed`);
      case 'cancelled':
        throw new StorageError('storage/cancelled', `wait for ${this.label}: it is no longer being written`);
    }
  }

  #changed(): void {
    this.#demand.ringAll();
    this.#notify();
  }

  #notify(): void {
    this.#waits.notify();
    this.#listeners.notify();
  }
}
