// A decode worker without a decoder: reads ranges through a reader module, blocking like the real one, and counts wrong bytes.
import { parentPort, workerData } from 'node:worker_threads';
import type { ByteSource, CreateByteSource } from '@tutti/decode';
import { countWrong, expectedBytes, type SoakAsset } from './soak-content.ts';

export interface ThreadJob {
  readonly readerModule: string;
  readonly readerData: unknown;
  readonly asset: SoakAsset;
  readonly ranges: readonly { readonly start: number; readonly end: number }[];
}

export type ThreadAnswer =
  | { readonly readBytes: number; readonly wrongBytes: number }
  | { readonly code: string; readonly message: string };

/** A reader that nobody wakes is a bug, not a wait. */
const lostWakeMs = 60_000;
const { doorbell: shared, pool } = workerData as { readonly doorbell: SharedArrayBuffer; readonly pool: Uint8Array };
const doorbell = new Int32Array(shared);

parentPort?.on('message', (job: ThreadJob) => {
  read(job).then(
    (answer) => parentPort?.postMessage(answer),
    (error: unknown) => {
      const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown';
      parentPort?.postMessage({ code, message: String(error) } satisfies ThreadAnswer);
    },
  );
});

async function read({ asset, ranges, readerData, readerModule }: ThreadJob): Promise<ThreadAnswer> {
  const { createByteSource } = (await import(readerModule)) as { createByteSource: CreateByteSource };
  const source = await createByteSource(readerData, { doorbell, wait });
  try {
    return readRanges(source, asset, ranges);
  } finally {
    source.close();
  }
}

function readRanges(source: ByteSource, asset: SoakAsset, ranges: ThreadJob['ranges']): ThreadAnswer {
  const into = new Uint8Array(64 * 1024);
  let [readBytes, wrongBytes] = [0, 0];
  for (const { start, end } of ranges) {
    for (let position = start; position < end;) {
      const size = source.readAt(position, into.subarray(0, Math.min(into.length, end - position)));
      if (size === 0) return { readBytes, wrongBytes: wrongBytes + end - position };
      wrongBytes += countWrong(into.subarray(0, size), expectedBytes(asset, pool, position, position + size));
      position += size;
      readBytes += size;
    }
  }
  return { readBytes, wrongBytes };
}

function wait(seen: number): void {
  if (Atomics.wait(doorbell, 0, seen, lostWakeMs) === 'timed-out') throw new Error('the reader was never woken');
}
