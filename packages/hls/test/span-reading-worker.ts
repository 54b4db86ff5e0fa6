/** A decode worker without a decoder: reads a span to its end through the reader module and tells what it read. */
import { parentPort } from 'node:worker_threads';
import type { CreateByteSource } from '@tutti/decode';

export interface SpanReadingCommand {
  readonly doorbell: SharedArrayBuffer;
  readonly readerModule: string;
  readonly readerData: unknown;
}

export type SpanReadingMessage =
  | { readonly type: 'bytes'; readonly bytes: Uint8Array }
  | { readonly type: 'end' }
  | { readonly type: 'failed'; readonly name: string; readonly message: string; readonly code: unknown };

/** Longer than any test lasts: a reader that nobody wakes fails instead of hanging. */
const LOST_WAKE_MS = 30_000;

function post(message: SpanReadingMessage): void {
  parentPort?.postMessage(message);
}

async function readAll({ doorbell: shared, readerData, readerModule }: SpanReadingCommand): Promise<void> {
  const doorbell = new Int32Array(shared);
  const { createByteSource } = (await import(readerModule)) as { createByteSource: CreateByteSource };
  const source = await createByteSource(readerData, {
    doorbell,
    wait: (seen) => {
      if (Atomics.wait(doorbell, 0, seen, LOST_WAKE_MS) === 'timed-out') throw new Error('the reader was never woken');
    },
  });
  const into = new Uint8Array(16 * 1024);
  let position = 0;
  for (let count = source.readAt(position, into); count > 0; count = source.readAt(position, into)) {
    post({ type: 'bytes', bytes: into.slice(0, count) });
    position += count;
  }
  source.close();
}

parentPort?.on('message', (command: SpanReadingCommand) => {
  readAll(command).then(
    () => post({ type: 'end' }),
    (error: Error & { code?: unknown }) => post({ type: 'failed', name: error.name, message: error.message, code: error.code }),
  );
});
