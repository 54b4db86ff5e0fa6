import { DecodeError } from './decode-error.ts';
import { PcmRingConsumer, type PcmRead } from './pcm-ring.ts';
import type { TrackInfo } from './track-info.ts';
import { rebuildError } from './worker-error.ts';
import type { WorkerCommand, WorkerReply } from './worker-protocol.ts';

/** PCM of one track, decoded in a worker thread. Positions are frames of the track. */
export interface DecodeStream extends AsyncDisposable {
  readonly info: TrackInfo;
  /**
   * Copies up to `into.length / channelCount` interleaved frames without blocking; one read never crosses a jump of
   * position. When decoding failed it throws that error once every frame before it was read: a `DecodeError`, or what
   * the byte source threw, with its `code`. Throws `decode/closed` after `close`.
   */
  read(into: Float32Array): PcmRead;
  /** Resolves when `read` has something else than `empty` to give, a failure included. Abort leaves nothing behind. */
  waitReadable(options?: { readonly signal?: AbortSignal }): Promise<void>;
  /** Frames that `read` can give now. */
  readonly bufferedFrames: number;
  /** Damaged packets that were skipped so far. */
  readonly lostPackets: number;
  /**
   * Moves to `frame` and resolves with the frame that comes next. What was decoded before is dropped at once, also in a
   * stream that had ended. Rejects with `decode/not-seekable`, leaving the stream as it was; with `decode/interrupted`
   * when a later seek took its place; with the error of the stream when it fails. Abort stops the waiting only: the
   * stream lands all the same.
   */
  seek(frame: number, options?: { readonly signal?: AbortSignal }): Promise<number>;
  /** Resolves when the worker reads nothing of this stream any more: only then may its files be closed. Idempotent. */
  close(): Promise<void>;
}

/** What a stream needs of the worker that runs it. */
export interface StreamLink {
  readonly doorbell: SharedArrayBuffer;
  send(command: WorkerCommand): void;
  /** Keeps the process alive until disposed: something is being waited for. */
  hold(): Disposable;
}

interface PendingSeek {
  readonly frame: number;
  readonly generation: number;
  readonly landed: PromiseWithResolvers<number>;
}

/** Main-thread side of one stream. Made by `DecodeWorker.open`. */
export class WorkerDecodeStream implements DecodeStream {
  readonly info: TrackInfo;
  readonly #streamId: number;
  readonly #link: StreamLink;
  readonly #ring: PcmRingConsumer;
  readonly #closed = Promise.withResolvers<void>();
  #generation = 0;
  #pendingSeek: PendingSeek | undefined;
  #failure: Error | undefined;
  #isClosing = false;

  constructor(opened: Extract<WorkerReply, { type: 'opened' }>, link: StreamLink) {
    this.info = opened.info;
    this.#streamId = opened.streamId;
    this.#link = link;
    this.#ring = new PcmRingConsumer(opened.ring, link.doorbell);
  }

  get bufferedFrames(): number {
    return this.#isClosing ? 0 : this.#ring.bufferedFrames;
  }

  get lostPackets(): number {
    return this.#ring.lostPackets;
  }

  read(into: Float32Array): PcmRead {
    this.#throwIfClosing('read');
    const read = this.#ring.read(into);
    if (read.kind === 'empty' && this.#failure !== undefined && this.#ring.bufferedFrames === 0) throw this.#failure;
    return read;
  }

  async waitReadable(options: { readonly signal?: AbortSignal } = {}): Promise<void> {
    const { signal } = options;
    signal?.throwIfAborted();
    using _hold = this.#link.hold();
    // The only way to end a wait on shared memory is to notify it.
    const wake = (): void => this.#ring.wake();
    signal?.addEventListener('abort', wake);
    try {
      for (;;) {
        const seen = this.#ring.published;
        signal?.throwIfAborted();
        this.#throwIfClosing('wait');
        if (this.#failure !== undefined || this.#ring.isReadable) return;
        await this.#ring.waitPublished(seen);
      }
    } finally {
      signal?.removeEventListener('abort', wake);
    }
  }

  async seek(frame: number, options: { readonly signal?: AbortSignal } = {}): Promise<number> {
    const { signal } = options;
    signal?.throwIfAborted();
    this.#throwIfClosing('seek');
    if (!Number.isSafeInteger(frame) || frame < 0) throw new RangeError(`seek: ${frame} is not a frame index`);
    if (this.#failure !== undefined) throw this.#failure;
    if (!this.info.isSeekable)
      throw new DecodeError('decode/not-seekable', `seek to frame ${frame}: the byte source is read forward only`);
    this.#rejectSeek(new DecodeError('decode/interrupted', `seek: a seek to frame ${frame} took its place`));
    this.#generation += 1;
    const seek: PendingSeek = { frame, generation: this.#generation, landed: Promise.withResolvers<number>() };
    this.#pendingSeek = seek;
    this.#ring.expectGeneration(seek.generation);
    this.#link.send({ type: 'seek', streamId: this.#streamId, frame, generation: seek.generation });
    using _hold = this.#link.hold();
    const abort = (): void => seek.landed.reject(signal?.reason);
    signal?.addEventListener('abort', abort);
    try {
      return await seek.landed.promise;
    } finally {
      signal?.removeEventListener('abort', abort);
    }
  }

  async close(): Promise<void> {
    if (!this.#isClosing) {
      this.#isClosing = true;
      this.#link.send({ type: 'close', streamId: this.#streamId });
      this.#rejectSeek(this.#closedError('seek'));
      this.#ring.wake();
    }
    using _hold = this.#link.hold();
    await this.#closed.promise;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** Takes what the worker says about this stream. */
  receive(reply: WorkerReply): void {
    switch (reply.type) {
      case 'sought':
        this.#settleSeek(reply.generation, (seek) => seek.landed.resolve(reply.landedFrame));
        return;
      case 'seek-failed':
        this.#settleSeek(reply.generation, (seek) => seek.landed.reject(rebuildError(reply.error)));
        return;
      case 'failed':
        this.#fail(rebuildError(reply.error));
        return;
      case 'closed':
        this.acknowledgeClose();
        return;
      case 'opened':
      case 'open-failed':
    }
  }

  /** The thread is gone: nothing follows but `error`, and nothing holds the byte source any more. */
  abandon(error: Error): void {
    this.#fail(error);
    this.#closed.resolve();
  }

  /** The worker reads nothing of this stream any more. */
  acknowledgeClose(): void {
    this.#isClosing = true;
    this.#rejectSeek(this.#closedError('seek'));
    this.#ring.wake();
    this.#closed.resolve();
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    this.#rejectSeek(this.#failure);
    this.#ring.wake();
  }

  #settleSeek(generation: number, settle: (seek: PendingSeek) => void): void {
    // Drops what the old position left in the ring, so that a full ring cannot hold up the new one.
    this.#ring.expectGeneration(this.#generation);
    const seek = this.#pendingSeek;
    if (seek?.generation !== generation) return;
    this.#pendingSeek = undefined;
    settle(seek);
  }

  #rejectSeek(error: Error): void {
    this.#pendingSeek?.landed.reject(error);
    this.#pendingSeek = undefined;
  }

  #throwIfClosing(operation: string): void {
    if (this.#isClosing) throw this.#closedError(operation);
  }

  #closedError(operation: string): DecodeError {
    return new DecodeError('decode/closed', `${operation}: the stream was closed`);
  }
}
