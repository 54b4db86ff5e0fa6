import type { MediaHint } from '@tutti/decode';
import type { AttachedReader, ByteRange, StreamingResource } from '@tutti/storage';
import { MessageChannel } from 'node:worker_threads';
import type { SpanReader } from './media-source.ts';
import { passFailure, type ReaderData, type SegmentCommand, type SegmentPosition } from './reader-messages.ts';
import { readerModule } from './reader-module.ts';

/** A resource that a segmented reader takes over; a `ResourceLease` is one. */
export interface SegmentLease {
  readonly resource: StreamingResource;
  /** Called once, when the worker reads nothing of it any more. */
  release(): Promise<void>;
}

/** Where the worker stands. Parts are counted from the first one appended. */
export interface SegmentDemand {
  /** The part being read; the number of parts appended when the reader waits for another. */
  readonly partIndex: number;
  /** `waiting`: for bytes of that part. `starved`: for another part. `ended`: everything was read. */
  readonly state: 'reading' | 'waiting' | 'starved' | 'ended';
}

export interface SegmentedReaderOptions {
  /** The decode worker's doorbell. */
  readonly doorbell: SharedArrayBuffer;
  readonly label: string;
  readonly hint: MediaHint;
  /** Called whenever the worker moves to another part, begins to wait, or reads on. */
  readonly onDemand?: (demand: SegmentDemand) => void;
}

/**
 * Segments joined into one forward-only stream for a decode worker. Parts are appended while it plays; a read past the
 * last one blocks until another is appended, `finish` says that there is none, or `fail` says why.
 */
export interface SegmentedReader extends SpanReader {
  /**
   * Adds a part: the whole resource, or the bytes of `range` in it. It may still be being written. The reader owns the
   * lease from here on and releases it as soon as the worker is past the part, at the latest in `release`.
   */
  append(lease: SegmentLease, range?: ByteRange): void;
  /** No part follows: the end of the last one is the end of the stream. Idempotent. */
  finish(): void;
  /** The next part cannot be had: the worker throws this error, name, code and message kept, once it has read the parts before. */
  fail(error: Error): void;
  /** Parts appended so far. */
  readonly partCount: number;
}

/** Opens a reader without parts. Call `release` only after the worker has closed the stream. */
export function openSegmentedReader(options: SegmentedReaderOptions): SegmentedReader {
  return new PortSegmentedReader(options);
}

interface HeldPart {
  readonly attached: AttachedReader;
  readonly lease: SegmentLease;
}

class PortSegmentedReader implements SegmentedReader {
  readonly spec: SpanReader['spec'];
  readonly #doorbell: SharedArrayBuffer;
  readonly #channel = new MessageChannel();
  /** Parts that the worker may still read, in order. */
  readonly #held: HeldPart[] = [];
  readonly #releases = new Set<Promise<void>>();
  #releaseFailure: { readonly error: unknown } | undefined;
  #partCount = 0;
  #isReleased = false;

  constructor({ doorbell, hint, label, onDemand }: SegmentedReaderOptions) {
    const { port1, port2 } = this.#channel;
    const readerData: ReaderData = { kind: 'segments', label, port: port2 };
    this.spec = { readerModule, readerData, transfer: [port2], hint };
    this.#doorbell = doorbell;
    port1.on('message', ({ droppedCount, partIndex, state }: SegmentPosition) => {
      this.#releaseUntil(droppedCount);
      if (!this.#isReleased) onDemand?.({ partIndex, state });
    });
    port1.unref();
  }

  get partCount(): number {
    return this.#partCount;
  }

  append(lease: SegmentLease, range?: ByteRange): void {
    const attached = lease.resource.attachReader({ doorbell: this.#doorbell });
    this.#held.push({ attached, lease });
    this.#partCount += 1;
    // All of it will be read, from the front: so the doorbell rings for whatever comes.
    attached.want(range ?? { start: 0, end: Number.MAX_SAFE_INTEGER });
    this.#send({ type: 'append', handle: attached.handle, range });
  }

  finish(): void {
    this.#send({ type: 'finish' });
  }

  fail(error: Error): void {
    this.#send({ type: 'fail', failure: passFailure(error) });
  }

  async release(): Promise<void> {
    if (!this.#isReleased) {
      this.#isReleased = true;
      this.#channel.port2.close();
      this.#channel.port1.close();
      this.#releaseUntil(this.#partCount);
    }
    await Promise.all(this.#releases);
    if (this.#releaseFailure !== undefined) throw this.#releaseFailure.error;
  }

  /** A worker that waits gets no message events: the doorbell makes it look at its port. */
  #send(command: SegmentCommand): void {
    this.#channel.port1.postMessage(command);
    const bell = new Int32Array(this.#doorbell, 0, 1);
    Atomics.add(bell, 0, 1);
    Atomics.notify(bell, 0);
  }

  #releaseUntil(partIndex: number): void {
    while (this.#partCount - this.#held.length < partIndex) {
      const part = this.#held.shift();
      if (part === undefined) return;
      part.attached.release();
      const release = part.lease.release().then(
        () => void this.#releases.delete(release),
        (error: unknown) => void (this.#releaseFailure ??= { error }),
      );
      this.#releases.add(release);
    }
  }
}
