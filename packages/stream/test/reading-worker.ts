/** A decode worker without a decoder: reads what it is told through a reader module, and blocks like the real one. */
import { parentPort, workerData } from 'node:worker_threads';
import type { ByteSource, CreateByteSource } from '@tutti/decode';

export type ReadingCommand =
  | { readonly type: 'open'; readonly readerModule: string; readonly readerData: unknown }
  | { readonly type: 'read'; readonly position: number; readonly size: number }
  /** Reads from `position` to the end, `size` bytes at a time at most. */
  | { readonly type: 'drain'; readonly position: number; readonly size: number }
  | { readonly type: 'close' };

export interface ReadingReply {
  readonly bytes?: Uint8Array;
  readonly length?: number | undefined;
  readonly error?: { readonly name: string; readonly message: string; readonly code: unknown };
}

/** Longer than any test lasts: a reader that nobody wakes fails instead of hanging. */
const lostWakeMs = 30_000;

const doorbell = new Int32Array((workerData as { doorbell: SharedArrayBuffer }).doorbell);
let source: ByteSource | undefined;

parentPort?.on('message', (command: ReadingCommand) => {
  obey(command).then(
    (reply) => parentPort?.postMessage(reply),
    (error: Error & { code?: unknown }) =>
      parentPort?.postMessage({ error: { name: error.name, message: error.message, code: error.code } } satisfies ReadingReply),
  );
});

async function obey(command: ReadingCommand): Promise<ReadingReply> {
  switch (command.type) {
    case 'open': {
      const { createByteSource } = (await import(command.readerModule)) as { createByteSource: CreateByteSource };
      source = await createByteSource(command.readerData, { doorbell, wait });
      return { length: source.length };
    }
    case 'read': {
      const into = new Uint8Array(command.size);
      return { bytes: into.slice(0, source!.readAt(command.position, into)) };
    }
    case 'drain': {
      const chunks: Uint8Array[] = [];
      const into = new Uint8Array(command.size);
      let { position } = command;
      for (let count = source!.readAt(position, into); count > 0; count = source!.readAt(position, into)) {
        chunks.push(into.slice(0, count));
        position += count;
      }
      return { bytes: new Uint8Array(Buffer.concat(chunks)) };
    }
    case 'close':
      source?.close();
      return {};
  }
}

function wait(seen: number): void {
  if (Atomics.wait(doorbell, 0, seen, lostWakeMs) === 'timed-out') throw new Error('the reader was never woken');
}
