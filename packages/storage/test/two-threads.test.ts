import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openDiskResource, openMemoryResource, type StreamingResource } from '../src/index.ts';
import type { ReadingReport, ReadingWant } from './reading-worker.ts';
import { pattern, sha256 } from './test-bytes.ts';

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tutti-'));
});
afterAll(() => rm(directory, { recursive: true }));

const LENGTH = 3_000_000;

/** Reads the whole resource in a worker that blocks on its doorbell; the main thread hears its wants as messages. */
async function readInWorker(resource: StreamingResource): Promise<ReadingReport> {
  const doorbell = new SharedArrayBuffer(4);
  const attached = resource.attachReader({ doorbell });
  const worker = new Worker(new URL('reading-worker.ts', import.meta.url), { workerData: { handle: attached.handle, doorbell } });
  try {
    return await new Promise<ReadingReport>((resolve, reject) => {
      worker.on('error', reject);
      worker.on('message', (message: ReadingReport | ReadingWant) => {
        if (message.type === 'want') attached.want(message.range);
        else resolve(message);
      });
    });
  } finally {
    await worker.terminate();
    attached.release();
  }
}

describe.each([
  ['on disk', () => openDiskResource({ path: join(directory, `${randomUUID()}.mp3`) })],
  ['in memory', async () => openMemoryResource({ label: 'memory' })],
] as const)('a worker that reads a resource %s', (_, open) => {
  test('gets every byte right while they arrive out of order and in pieces of all sizes', async () => {
    await using resource = await open();
    const report = readInWorker(resource);
    const bytes = pattern(0, LENGTH);
    const pieces: { start: number; end: number }[] = [];
    let seed = 42;
    for (let start = 0; start < LENGTH;) {
      seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31;
      const end = Math.min(LENGTH, start + 1 + (seed % 60_000));
      pieces.push({ start, end });
      start = end;
    }
    for (let index = 0; index < pieces.length; index += 4) {
      // Backwards within groups of four: holes open and close before the reader's eyes.
      const group = pieces.slice(index, index + 4).toReversed();
      for (const { start, end } of group) await resource.writeAt(start, bytes.subarray(start, end));
    }
    expect((await resource.commit(LENGTH)).sha256).toBe(sha256(bytes));
    expect(await report).toEqual({ type: 'done', byteCount: LENGTH, sha256: sha256(bytes) });
  });

  test('gets the real reason when the resource fails under it', async () => {
    await using resource = await open();
    const report = readInWorker(resource);
    await resource.writeAt(0, pattern(0, 1000));
    await resource.fail(Object.assign(new Error('connection reset by peer'), { name: 'NetError', code: 'net/reset' }));
    expect(await report).toMatchObject({
      type: 'failed',
      code: 'storage/failed',
      message: expect.stringContaining('connection reset by peer') as string,
      cause: { name: 'NetError', code: 'net/reset' },
    });
  });
});
