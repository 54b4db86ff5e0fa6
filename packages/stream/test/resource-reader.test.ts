import { openMemoryResource, StorageError, type StreamingResource } from '@tutti/storage';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { SpanReader } from '../src/index.ts';
import type { ReaderPosition } from '../src/reader-messages.ts';
import { openResourceSpanReader } from '../src/resource-span-reader.ts';
import { ReadingThread } from './reading-thread.ts';

const KiB = 1024;
const size = 300 * KiB;
const file = Uint8Array.from({ length: size }, (_, index) => (index * 7 + (index >> 8)) % 251);

let thread: ReadingThread;
let resource: StreamingResource;
let reader: SpanReader | undefined;
let positions: ReaderPosition[];

beforeEach(() => {
  thread = new ReadingThread();
  resource = openMemoryResource({ label: 'test' });
  positions = [];
});

afterEach(async () => {
  await thread[Symbol.asyncDispose]();
  await reader?.release();
});

async function open(length: number | undefined = size): Promise<void> {
  resource.announce({ validator: '"1"', totalLength: size, contentType: undefined, transformId: undefined }, size);
  const onPosition = (position: ReaderPosition): void => void positions.push(position);
  reader = openResourceSpanReader({
    resource,
    doorbell: thread.doorbell,
    label: 'test',
    hint: {},
    length,
    lookAheadBytes: 1024 * KiB,
    onPosition,
  });
  await thread.open(reader);
}

/** Resolves when a reader wants something that is not there. */
async function wanted(): Promise<{ readonly start: number; readonly end: number }> {
  for (;;) {
    const want = resource.wants().find((range) => !resource.covers({ start: range.start, end: range.start + 1 }));
    if (want !== undefined) return want;
    const { promise, resolve } = Promise.withResolvers<void>();
    using _ = resource.onDemand(resolve);
    await promise;
  }
}

it('blocks until the bytes are there, and tells main which', async () => {
  await open();
  const read = thread.read(100 * KiB, 1000);
  expect(await wanted()).toMatchObject({ start: 100 * KiB });
  expect(positions).toEqual([{ position: 100 * KiB, neededEnd: 100 * KiB + 1000, isAtEnd: false }]);
  await resource.writeAt(100 * KiB, file.subarray(100 * KiB, 101 * KiB));
  expect(await read).toEqual(file.subarray(100 * KiB, 100 * KiB + 1000));
});

it('gives what is present without waiting for the rest', async () => {
  await open();
  await resource.writeAt(0, file.subarray(0, 10));
  expect(await thread.read(0, 1000)).toEqual(file.subarray(0, 10));
});

it('reads 0 only behind the last byte of a committed file', async () => {
  await open();
  await resource.writeAt(0, file);
  await resource.commit(size);
  expect(await thread.drain()).toEqual(file);
  expect(await thread.read(size, 10)).toHaveLength(0);
  expect(await thread.read(size + 5, 10)).toHaveLength(0);
});

it('takes the last announced byte as proof of the end, holes before it notwithstanding', async () => {
  await open();
  const read = thread.read(size, 1000);
  expect(await wanted()).toMatchObject({ start: size - 1 });
  await resource.writeAt(size - 10, file.subarray(size - 10));
  expect(await read).toHaveLength(0);
  expect(resource.state).toBe('active');
});

it('throws what made the resource fail, with its name, code and message, but reads what is there', async () => {
  await open();
  await resource.writeAt(0, file.subarray(0, 10));
  const read = thread.read(10, 10);
  await wanted();
  await resource.fail(Object.assign(new Error('fetch a.flac: HTTP 503'), { name: 'NetError', code: 'net/status' }));
  await expect(read).rejects.toMatchObject({ name: 'NetError', code: 'net/status', message: 'fetch a.flac: HTTP 503' });
  expect(await thread.read(0, 10)).toEqual(file.subarray(0, 10));
});

it('keeps the code of a storage failure', async () => {
  await open();
  const read = thread.read(0, 10);
  await wanted();
  await resource.fail(new StorageError('storage/no-space', 'write a.flac: no space left on the device'));
  await expect(read).rejects.toMatchObject({ name: 'StorageError', code: 'storage/no-space' });
});

it('is told of abandoned writing by a typed error, not by an end', async () => {
  await open();
  const read = thread.read(0, 10);
  await wanted();
  await resource.abandon();
  await expect(read).rejects.toMatchObject({ code: 'storage/cancelled' });
});

it('lets go of its want when it is released', async () => {
  await open();
  await resource.writeAt(0, file);
  await thread.read(0, 10);
  await thread.read(size - 20, 10);
  await thread.close();
  await reader!.release();
  await reader!.release();
  expect(resource.wants()).toEqual([]);
});

it('reports going on after it was blocked, and the end', async () => {
  await open();
  const read = thread.drain(size - 100);
  await wanted();
  await resource.writeAt(size - 100, file.subarray(size - 100));
  expect(await read).toHaveLength(100);
  // Positions come through a port of their own, which may be slower than the answer.
  const told = () => positions.map(({ isAtEnd, neededEnd }) => (isAtEnd ? 'end' : neededEnd === undefined ? 'reading' : 'blocked'));
  await expect.poll(told).toEqual(['blocked', 'reading', 'end']);
});
