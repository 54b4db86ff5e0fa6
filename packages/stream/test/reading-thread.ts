import { Worker } from 'node:worker_threads';
import type { SpanReader } from '../src/index.ts';
import type { ReadingCommand, ReadingReply } from './reading-worker.ts';

/** Main-thread side of `reading-worker.ts`: one command at a time. */
export class ReadingThread implements AsyncDisposable {
  readonly doorbell = new SharedArrayBuffer(4);
  readonly #worker = new Worker(new URL('./reading-worker.ts', import.meta.url), { workerData: { doorbell: this.doorbell } });

  /** Resolves with the length that the source claims. */
  async open({ spec }: SpanReader): Promise<number | undefined> {
    const command: ReadingCommand = { type: 'open', readerModule: String(spec.readerModule), readerData: spec.readerData };
    return (await this.#ask(command, spec.transfer)).length;
  }

  async read(position: number, size: number): Promise<Uint8Array> {
    return bytesOf(await this.#ask({ type: 'read', position, size }));
  }

  async drain(position = 0, size = 64 * 1024): Promise<Uint8Array> {
    return bytesOf(await this.#ask({ type: 'drain', position, size }));
  }

  async close(): Promise<void> {
    await this.#ask({ type: 'close' });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#worker.terminate();
  }

  async #ask(command: ReadingCommand, transfer: SpanReader['spec']['transfer'] = []): Promise<ReadingReply> {
    const { promise, resolve, reject } = Promise.withResolvers<ReadingReply>();
    this.#worker.once('message', resolve);
    this.#worker.once('error', reject);
    this.#worker.postMessage(command, [...transfer]);
    const reply = await promise;
    this.#worker.off('error', reject);
    if (reply.error !== undefined)
      throw Object.assign(new Error(reply.error.message), { name: reply.error.name, code: reply.error.code });
    return reply;
  }
}

function bytesOf({ bytes }: ReadingReply): Uint8Array {
  if (bytes === undefined) throw new Error('the thread sent no bytes');
  return bytes;
}
