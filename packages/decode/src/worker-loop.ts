import { receiveMessageOnPort } from 'node:worker_threads';
import type { WorkerCommand, WorkerReply, WorkerSetup } from './worker-protocol.ts';
import { WorkerStream, type StreamHost } from './worker-stream.ts';

/** Decoders alive at once: the one that plays and the one after the boundary. */
const MAX_OPEN_STREAMS = 2;

/**
 * Runs streams in the order in which they were opened. A stream is opened once every stream before it was decoded to its
 * end, while their rings may still be draining; at most two are open. Waits on the doorbell and on nothing else.
 */
export class DecodeLoop implements StreamHost {
  readonly doorbell: Int32Array<SharedArrayBuffer>;
  readonly #port: WorkerSetup['port'];
  readonly #streams = new Map<number, WorkerStream>();
  #isStopping = false;

  constructor(setup: WorkerSetup) {
    this.doorbell = new Int32Array(setup.doorbell);
    this.#port = setup.port;
    // Without it the thread would end while a reader module's promise has nothing else to keep it alive.
    this.#port.ref();
  }

  /** Resolves when `stop` was received and every stream is closed. */
  async run(): Promise<void> {
    while (!this.#isStopping) {
      const seen = Atomics.load(this.doorbell, 0);
      this.drain();
      if (this.#isStopping) break;
      const next = this.#nextToOpen();
      if (next !== undefined) await this.#open(next);
      else if (!this.#step() && this.#isIdle()) Atomics.wait(this.doorbell, 0, seen);
    }
    this.#port.close();
  }

  drain(): void {
    for (let received = receiveMessageOnPort(this.#port); received !== undefined; received = receiveMessageOnPort(this.#port)) {
      this.#obey(received.message as WorkerCommand);
    }
  }

  post(reply: WorkerReply): void {
    this.#port.postMessage(reply);
  }

  async settle<T>(work: Promise<T>, isPointless: () => boolean): Promise<T | undefined> {
    const settled = work.then(
      () => true,
      () => true,
    );
    for (;;) {
      const seen = Atomics.load(this.doorbell, 0);
      this.drain();
      if (isPointless()) return undefined;
      const rung = Atomics.waitAsync(this.doorbell, 0, seen);
      if (!rung.async) continue;
      if ((await Promise.race([settled, rung.value])) !== true) continue;
      // Nobody waits any more: let the pending wait go, or each open would leave one behind.
      Atomics.notify(this.doorbell, 0);
      return work;
    }
  }

  #obey(command: WorkerCommand): void {
    switch (command.type) {
      case 'open':
        this.#streams.set(command.streamId, new WorkerStream(command, this));
        return;
      case 'seek':
        this.#streams.get(command.streamId)?.requestSeek(command);
        return;
      case 'close':
        this.#close(command.streamId);
        return;
      case 'stop':
        this.#isStopping = true;
        for (const streamId of this.#streams.keys()) this.#close(streamId);
    }
  }

  /** Also answers for a stream that is gone, so that closing twice cannot hang. */
  #close(streamId: number): void {
    const stream = this.#streams.get(streamId);
    this.#streams.delete(streamId);
    if (stream === undefined) this.post({ type: 'closed', streamId });
    else stream.requestClose();
  }

  async #open(stream: WorkerStream): Promise<void> {
    await stream.open();
    // Nobody has a handle to close it with.
    if (stream.phase === 'failed') this.#streams.delete(stream.streamId);
  }

  #nextToOpen(): WorkerStream | undefined {
    let openCount = 0;
    for (const stream of this.#streams.values()) {
      if (stream.phase === 'decoding') return undefined;
      if (stream.phase === 'queued') return openCount < MAX_OPEN_STREAMS ? stream : undefined;
      if (stream.isOpen) openCount += 1;
    }
    return undefined;
  }

  /** One step of the first stream that has something to do. */
  #step(): boolean {
    for (const stream of this.#streams.values()) if (stream.step()) return true;
    return false;
  }

  #isIdle(): boolean {
    for (const stream of this.#streams.values()) if (!stream.isBlockedOnRing()) return false;
    return true;
  }
}
