import { createHash } from 'node:crypto';
import { parentPort, workerData } from 'node:worker_threads';
import { openResourceReader, StorageError, type ByteRange, type ResourceHandle } from '../src/index.ts';

export interface ReadingWant {
  readonly type: 'want';
  readonly range: ByteRange;
}

export type ReadingReport =
  | { readonly type: 'done'; readonly byteCount: number; readonly sha256: string }
  | {
      readonly type: 'failed';
      readonly code: string;
      readonly message: string;
      readonly cause: { readonly name: string; readonly code: unknown };
    };

const { handle, doorbell } = workerData as { handle: ResourceHandle; doorbell: SharedArrayBuffer };
const word = new Int32Array(doorbell);
const reader = openResourceReader(handle);
const hash = createHash('sha256');
const into = new Uint8Array(50_000);

function readAll(): ReadingReport {
  let position = 0;
  for (;;) {
    const seen = Atomics.load(word, 0);
    const count = reader.read(position, into);
    if (count === 'end') return { type: 'done', byteCount: position, sha256: hash.digest('hex') };
    if (count === 'absent') {
      parentPort?.postMessage({ type: 'want', range: { start: position, end: position + into.length } } satisfies ReadingWant);
      Atomics.wait(word, 0, seen);
      continue;
    }
    hash.update(into.subarray(0, count));
    position += count;
  }
}

function read(): ReadingReport {
  try {
    return readAll();
  } catch (error) {
    if (!(error instanceof StorageError) || !(error.cause instanceof Error)) throw error;
    const { name } = error.cause;
    return {
      type: 'failed',
      code: error.code,
      message: error.message,
      cause: { name, code: 'code' in error.cause ? error.cause.code : undefined },
    };
  }
}

parentPort?.postMessage(read());
