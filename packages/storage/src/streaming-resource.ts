import type { ByteRange } from './byte-range.ts';

/** Where a resource stands. `active` becomes exactly one of the other three and never changes again. */
export type ResourceState = 'active' | 'committed' | 'failed' | 'cancelled';

/** What the origin said about the bytes of a resource: kept in the sidecar so that a later process can resume. */
export interface ResourceOrigin {
  /** Strong ETag with its quotes, or a Last-Modified date; empty when the origin gives neither. */
  readonly validator: string;
  /** Length on the wire in bytes, where the origin announced one. */
  readonly totalLength: number | undefined;
  /** Content-Type as answered, without parameters. */
  readonly contentType: string | undefined;
  /** Anything else that decides whether stored bytes may be continued (key and IV identity of decrypted bytes). */
  readonly transformId: string | undefined;
}

/**
 * One large resource: random writes, reads that know what is there, and waiting for what is not.
 *
 * One writer (the main thread of the process that opened it), any number of readers, some of them in worker threads
 * through `attachReader`. Readers outlive commit, rename and unlink. Run over the disk and in memory by one test suite.
 */
export interface StreamingResource extends AsyncDisposable {
  /** For messages: the resource's place, without secrets. */
  readonly label: string;
  readonly state: ResourceState;
  /** Final length in bytes once it is proven (committed); `undefined` before. */
  readonly length: number | undefined;
  /** Length that the origin announced, for progress and seeking; not a proof. */
  readonly announcedLength: number | undefined;
  readonly origin: ResourceOrigin | undefined;
  /** Why the resource failed. */
  readonly failure: Error | undefined;
  /** Bytes present. */
  readonly presentBytes: number;

  /** Records what the origin said; `announcedLength` is the *stored* length where it is known beforehand. */
  announce(origin: ResourceOrigin, announcedLength: number | undefined): void;
  /** Present bytes as sorted, disjoint ranges. */
  ranges(): readonly ByteRange[];
  covers(range: ByteRange): boolean;
  /** The parts of `range` that are not there yet, sorted. */
  missing(range: ByteRange): readonly ByteRange[];
  /**
   * Writes `bytes` at `position` and publishes them to every reader. The bytes may be reused once the promise settles.
   * Bytes that are present already stay as they are. A write that the disk refuses fails the resource, for every reader.
   * Rejects with `storage/no-space`, `storage/io`, `storage/fragmented` or `storage/not-active`.
   */
  writeAt(position: number, bytes: Uint8Array): Promise<void>;
  /** Reads present bytes; 0 only at the proven end; rejects with `storage/not-present` on a hole. */
  readAt(position: number, into: Uint8Array): Promise<number>;
  /**
   * Resolves `ready` when every byte of `range` is present, `end` when the resource committed at or before `range.start`,
   * `partial` when it committed inside the range. To wait for the first byte, wait for a range of one byte. Rejects with
   * the failure when the resource fails before, with `storage/cancelled` when it is abandoned. Publishes `range` as wanted
   * while it waits. Abort leaves nothing behind.
   */
  waitRange(range: ByteRange, options?: { readonly signal?: AbortSignal }): Promise<'ready' | 'partial' | 'end'>;
  /** Proves that the resource is whole and `length` bytes long, and gives it its canonical name. */
  commit(length: number): Promise<CommittedResource>;
  /** Ends the resource with an error that every reader gets. Partial bytes stay for a later resume. */
  fail(error: Error): Promise<void>;
  /** Stops writing without failing: partial bytes are checkpointed and stay; readers get `storage/cancelled`. */
  abandon(): Promise<void>;
  /**
   * Lets go of the bytes: abandons an active resource, and closes the file once the last attached reader is released.
   * Reading through the resource itself ends here. Idempotent. Whoever opened the resource calls it.
   */
  close(): Promise<void>;

  /** Registers a reader: its wants join `wants()`, its doorbell is rung after every change. */
  attachReader(options?: AttachReaderOptions): AttachedReader;
  /** Union of what the readers want now, in the order they began to want it. */
  wants(): readonly ByteRange[];
  /** Called whenever a reader's want, or the number of readers, changes. */
  onDemand(listener: () => void): Disposable;
  /** Called after bytes are published and after every change of state. */
  onChange(listener: () => void): Disposable;
}

export interface CommittedResource {
  readonly length: number;
  /** SHA-256 of the stored bytes, lower-case hex. */
  readonly sha256: string;
}

export interface AttachReaderOptions {
  /** A worker's doorbell (one 32-bit word at offset 0), incremented and notified after every publish. */
  readonly doorbell?: SharedArrayBuffer;
}

/** The main thread's side of one reader. */
export interface AttachedReader {
  /** Structured-cloneable handle for `openResourceReader` in a worker. The file stays open until `release`. */
  readonly handle: ResourceHandle;
  /** What this reader waits for now; `undefined` when it waits for nothing. */
  want(range: ByteRange | undefined): void;
  /** Ends the reader. Call only after the worker has closed its side. Idempotent. */
  release(): void;
}

/** Crosses into a worker: the control block, and where the bytes are. */
export interface ResourceHandle {
  readonly block: SharedArrayBuffer;
  readonly bytes: { readonly kind: 'file'; readonly fd: number } | { readonly kind: 'memory'; readonly chunks: SharedArrayBuffer };
}

/** A reader by position over shared state: usable in any thread, never blocks. */
export interface ResourceReader {
  /** Final length when committed. */
  readonly length: number | undefined;
  readonly announcedLength: number | undefined;
  readonly state: ResourceState;
  /**
   * Reads what is present at `position`, up to `into.length`: the number of bytes (≥ 1), `'end'` at the proven end,
   * `'absent'` when the byte is not there yet. What is present can be read in every state; where nothing is, a failed or
   * cancelled resource throws a `StorageError`, whose `cause` carries name, code and message of the original failure.
   */
  read(position: number, into: Uint8Array): number | 'end' | 'absent';
}
