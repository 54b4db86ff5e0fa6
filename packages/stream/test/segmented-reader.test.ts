import { openMemoryResource, type StreamingResource } from '@tutti/storage';
import * as fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openSegmentedReader, type SegmentDemand, type SegmentedReader } from '../src/segmented-reader.ts';
import { ReadingThread } from './reading-thread.ts';

const KiB = 1024;
const file = Uint8Array.from({ length: 2048 * KiB }, (_, index) => (index * 7 + (index >> 8)) % 251);

let thread: ReadingThread;
let reader: SegmentedReader;
let demands: SegmentDemand[];
let released: StreamingResource[];

beforeEach(async () => {
  thread = new ReadingThread();
  released = [];
  await openReader();
});

afterEach(async () => {
  await thread[Symbol.asyncDispose]();
  await reader.release();
});

async function openReader(): Promise<void> {
  demands = [];
  reader = openSegmentedReader({ doorbell: thread.doorbell, label: 'test', hint: {}, onDemand: (demand) => demands.push(demand) });
  await thread.open(reader);
}

function lease(resource: StreamingResource) {
  return { resource, release: async () => void released.push(resource) };
}

async function whole(bytes: Uint8Array): Promise<StreamingResource> {
  const resource = openMemoryResource({ label: 'part' });
  await resource.writeAt(0, bytes);
  await resource.commit(bytes.length);
  return resource;
}

/** Resolves when the worker has reported `state`. */
async function reached(state: SegmentDemand['state']): Promise<SegmentDemand> {
  for (;;) {
    const found = demands.find((demand) => demand.state === state);
    if (found !== undefined) return found;
    await new Promise((resolve) => void setImmediate(resolve));
  }
}

describe('openSegmentedReader', () => {
  it('joins whole parts and byte ranges of parts into one stream', async () => {
    reader.append(lease(await whole(file.subarray(0, 1000))));
    reader.append(lease(await whole(file)), { start: 1000, end: 70_000 });
    reader.append(lease(await whole(file.subarray(70_000, 70_001))));
    reader.finish();
    expect(await thread.drain()).toEqual(file.subarray(0, 70_001));
  });

  it('gives every byte once in order, however the parts are cut and read', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 1, max: 5000 }), { minLength: 1, maxLength: 8 }),
        fc.integer({ min: 1, max: 7000 }),
        async (sizes, step) => {
          await reader.release();
          await openReader();
          let start = 0;
          for (const size of sizes) {
            reader.append(lease(await whole(file.subarray(start, start + size))));
            start += size;
          }
          reader.finish();
          expect(await thread.drain(0, step)).toEqual(file.subarray(0, start));
          await thread.close();
        },
      ),
      { numRuns: 20 },
    );
  });

  it('blocks past the last part until another is appended', async () => {
    reader.append(lease(await whole(file.subarray(0, 10))));
    const drained = thread.drain();
    expect(await reached('starved')).toMatchObject({ partIndex: 1 });
    reader.append(lease(await whole(file.subarray(10, 30))));
    reader.finish();
    expect(await drained).toEqual(file.subarray(0, 30));
  });

  it('ends a stream that waits when it is finished', async () => {
    const drained = thread.drain();
    await reached('starved');
    reader.finish();
    expect(await drained).toHaveLength(0);
    await reached('ended');
  });

  it('reads a part while it is being written', async () => {
    const part = openMemoryResource({ label: 'part' });
    reader.append(lease(part));
    reader.finish();
    const drained = thread.drain();
    expect(await reached('waiting')).toMatchObject({ partIndex: 0 });
    await part.writeAt(0, file.subarray(0, 10));
    await part.writeAt(10, file.subarray(10, 20));
    await part.commit(20);
    expect(await drained).toEqual(file.subarray(0, 20));
  });

  it('throws the failure of the next part after the parts before it, name, code and message kept', async () => {
    reader.append(lease(await whole(file.subarray(0, 10))));
    reader.fail(Object.assign(new Error('segment 2: HTTP 404'), { name: 'NetError', code: 'net/not-found' }));
    expect(await thread.read(0, 100)).toHaveLength(10);
    await expect(thread.read(10, 100)).rejects.toMatchObject({
      name: 'NetError',
      code: 'net/not-found',
      message: 'segment 2: HTTP 404',
    });
  });

  it('throws what made the part that is being read fail', async () => {
    const part = openMemoryResource({ label: 'part' });
    reader.append(lease(part));
    const read = thread.read(0, 10);
    await reached('waiting');
    await part.fail(Object.assign(new Error('reset'), { name: 'NetError', code: 'net/reset' }));
    await expect(read).rejects.toMatchObject({ name: 'NetError', code: 'net/reset' });
  });

  it('releases parts once the reader is far past them, and the others at the end', async () => {
    const parts = await Promise.all([0, 1, 2].map((index) => whole(file.subarray(index * 640 * KiB, (index + 1) * 640 * KiB))));
    for (const part of parts) reader.append(lease(part));
    reader.finish();
    await thread.drain();
    await reached('ended');
    expect(released).toEqual([parts[0]]);
    await expect(thread.read(0, 10)).rejects.toMatchObject({ code: 'stream/unreadable' });
    await thread.close();
    await reader.release();
    expect(released).toEqual(parts);
  });

  it('reports each part as it is begun', async () => {
    for (let index = 0; index < 3; index += 1) reader.append(lease(await whole(file.subarray(0, 100 * KiB))));
    reader.finish();
    await thread.drain();
    await reached('ended');
    expect(demands.filter(({ state }) => state === 'reading').map(({ partIndex }) => partIndex)).toEqual([0, 1, 2]);
  });
});
