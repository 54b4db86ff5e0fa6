import { openMemoryResource, StorageError, type StreamingResource } from '@tutti/storage';
import { startOrigin, type Origin } from '@tutti/fixtures';
import { createHttpClient, type HttpClient } from '@tutti/net';
import { tmpdir } from 'node:os';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { download, type BodyTransform, type DownloadOptions } from '../src/index.ts';
import { difference, provenance } from './source-bench.ts';

const KiB = 1024;
const size = 700 * KiB + 5;
const file = provenance(size);

let origin: Origin;
let client: HttpClient;
let resource: StreamingResource;

beforeEach(async () => {
  origin = await startOrigin({ root: tmpdir() });
  origin.put('/a.ts', file, 'video/mp2t');
  client = createHttpClient();
  resource = openMemoryResource({ label: 'a.ts' });
});

afterEach(async () => {
  await client.close();
  await origin[Symbol.asyncDispose]();
});

const run = (options: Partial<DownloadOptions> = {}) =>
  download({ client, resource, request: { url: origin.url('/a.ts'), kind: 'segment' }, ...options });

async function stored(): Promise<Uint8Array> {
  const parts = resource.ranges().map(async ({ start, end }) => {
    const bytes = new Uint8Array(end - start);
    for (let at = 0; at < bytes.length;) at += await resource.readAt(start + at, bytes.subarray(at));
    return bytes;
  });
  return Buffer.concat(await Promise.all(parts));
}

describe('download', () => {
  it('stores a whole body and says what it was', async () => {
    const result = await run();
    expect(result).toMatchObject({ networkBytes: size, endPosition: size, isWhole: true, contentType: 'video/mp2t' });
    expect(result.representation).toMatchObject({ totalLength: size });
    expect(difference(await stored(), file)).toBeUndefined();
    expect(resource).toMatchObject({ announcedLength: size, state: 'active' });
    expect(resource.origin).toEqual({ ...result.representation, contentType: 'video/mp2t', transformId: undefined });
  });

  it('stores a range where it belongs, and stops at its end', async () => {
    const result = await run({ range: { start: 1000, end: 301_000 } });
    expect(result).toMatchObject({ endPosition: 301_000, isWhole: false });
    expect(resource.ranges()).toEqual([{ start: 1000, end: 301_000 }]);
    expect(difference(await stored(), file.subarray(1000, 301_000))).toBeUndefined();
    expect(await run({ range: { start: 301_000 } })).toMatchObject({ endPosition: size, isWhole: true });
  });

  it('stores a byte range of a larger file as a resource of its own', async () => {
    await run({ range: { start: 5000, end: 9000 }, position: 0, storedLength: 4000 });
    expect(resource.ranges()).toEqual([{ start: 0, end: 4000 }]);
    expect(resource.announcedLength).toBe(4000);
    expect(difference(await stored(), file.subarray(5000, 9000))).toBeUndefined();
  });

  it('cuts the range out of the whole file that a server without ranges sends', async () => {
    origin.configure({ ignoresRanges: true });
    expect(await run({ range: { start: 5000, end: 9000 }, position: 0 })).toMatchObject({
      acceptsRanges: false,
      endPosition: 4000,
    });
    expect(difference(await stored(), file.subarray(5000, 9000))).toBeUndefined();
  });

  it('stores what a transform makes of the body, which may have another length', async () => {
    const transform: BodyTransform = {
      id: 'every-other',
      push: (chunk) => [chunk.map((byte) => byte ^ 0xff), new Uint8Array()],
      flush: () => [Uint8Array.of(1, 2, 3)],
    };
    expect(await run({ transform })).toMatchObject({ networkBytes: size, endPosition: size + 3 });
    const expected = Buffer.concat([file.map((byte) => byte ^ 0xff), Uint8Array.of(1, 2, 3)]);
    expect(difference(await stored(), expected)).toBeUndefined();
    expect(resource.announcedLength).toBeUndefined();
    expect(resource.origin).toMatchObject({ transformId: 'every-other', totalLength: size });
  });

  it('counts every byte that came over the wire', async () => {
    let count = 0;
    await run({ onBytes: (bytes) => (count += bytes) });
    expect(count).toBe(size);
  });

  it('refuses to join bytes of two versions, and leaves those that are there', async () => {
    await run({ range: { start: 0, end: 1000 } });
    origin.configure({ etagSuffix: '-2' });
    await expect(run({ range: { start: 1000 } })).rejects.toMatchObject({ code: 'net/representation-changed' });
    expect(resource.ranges()).toEqual([{ start: 0, end: 1000 }]);
  });

  it('refuses to join bytes that were stored under another transform', async () => {
    await run({ range: { start: 0, end: 1000 } });
    const transform: BodyTransform = { id: 'key-1', push: (chunk) => [chunk], flush: () => [] };
    await expect(run({ range: { start: 1000 }, transform })).rejects.toMatchObject({ code: 'net/representation-changed' });
  });

  it('ends with the reason when it is aborted, and keeps what was received', async () => {
    using gate = origin.gate('/a.ts', 100_000);
    const controller = new AbortController();
    const running = run({ signal: controller.signal });
    await gate.reached();
    await resource.waitRange({ start: 0, end: 100_000 });
    const reason = new Error('enough');
    controller.abort(reason);
    await expect(running).rejects.toBe(reason);
    expect(resource.ranges()).toEqual([{ start: 0, end: 100_000 }]);
    expect(resource.state).toBe('active');
  });

  it('holds the origin up between chunks for as long as it is told to', async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const running = run({ beforeChunk: () => promise });
    await resource.waitRange({ start: 0, end: 1 });
    expect(resource.presentBytes).toBeLessThan(size);
    resolve();
    expect(await running).toMatchObject({ isWhole: true });
  });

  it('fails with the error of a write, and not before the other writes are over', async () => {
    await run({ range: { start: 0, end: 1000 } });
    await resource.fail(new StorageError('storage/no-space', 'write a.ts: no space left on the device'));
    await expect(run({ range: { start: 1000 } })).rejects.toMatchObject({ code: 'storage/no-space' });
  });
});
