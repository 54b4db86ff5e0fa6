import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { inspectPartial, openDiskResource, openResourceReader, ownIdentity, removeDiskResource } from '../src/index.ts';
import { formatSidecar, parseSidecar } from '../src/part-sidecar.ts';
import { FaultyFileSystem } from './faulty-file-system.ts';
import { streamingResourceSuite } from './streaming-resource-suite.ts';
import { pattern, sha256 } from './test-bytes.ts';

let directory: string;
let path: string;
let count = 0;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tutti-'));
});
beforeEach(() => {
  path = join(directory, `case-${String((count += 1))}`, 'song.mp3');
});
afterAll(() => rm(directory, { recursive: true }));

const origin = { validator: '"v1"', totalLength: 500, contentType: 'audio/mpeg', transformId: 'key-7' };
const names = (): string[] => readdirSync(join(path, '..')).sort();

streamingResourceSuite('a disk resource', () => openDiskResource({ path: join(directory, `suite-${String((count += 1))}`) }));

describe('a disk resource', () => {
  test('has its canonical name exactly when it is complete', async () => {
    await using resource = await openDiskResource({ path });
    await resource.writeAt(0, pattern(0, 500));
    expect(names()).toEqual(['song.mp3.part', 'song.mp3.part.json']);
    await resource.commit(500);
    expect(names()).toEqual(['song.mp3']);
    expect(new Uint8Array(readFileSync(path))).toEqual(pattern(0, 500));
  });

  test('opens a complete file as committed', async () => {
    await using resource = await openDiskResource({ path });
    await resource.writeAt(0, pattern(0, 500));
    await resource.commit(500);
    await using again = await openDiskResource({ path, isReadOnly: true });
    expect(again).toMatchObject({ state: 'committed', length: 500 });
    expect(again.ranges()).toEqual([{ start: 0, end: 500 }]);
  });

  test('goes on from what an earlier writer left, with its origin', async () => {
    const first = await openDiskResource({ path });
    first.announce(origin, 490);
    await first.writeAt(0, pattern(0, 100));
    await first.writeAt(300, pattern(300, 50));
    await first.abandon();
    await first.close();
    expect(await inspectPartial(path)).toEqual({ presentBytes: 150, origin });

    await using second = await openDiskResource({ path });
    expect(second).toMatchObject({ state: 'active', origin, announcedLength: 490 });
    expect(second.ranges()).toEqual([
      { start: 0, end: 100 },
      { start: 300, end: 350 },
    ]);
    await second.writeAt(350, pattern(350, 150));
    await second.writeAt(100, pattern(100, 200));
    expect((await second.commit(500)).sha256).toBe(sha256(pattern(0, 500)));
  });

  test('leaves nothing behind when nothing was written', async () => {
    const resource = await openDiskResource({ path });
    await resource.fail(new Error('404'));
    await resource.close();
    expect(names()).toEqual([]);
  });

  test('trusts no part without a sidecar that makes sense', async () => {
    for (const text of [
      undefined,
      '',
      '{"version":1,"ranges":[[5,1]]}',
      '{"version":2,"ranges":[[0,5]]}',
      'null',
      '{"version":1}',
    ]) {
      const resource = await openDiskResource({ path });
      await resource.writeAt(0, pattern(0, 100));
      await resource.close();
      if (text === undefined) await rm(`${path}.part.json`);
      else await writeFile(`${path}.part.json`, text);
      await using again = await openDiskResource({ path });
      expect(again.ranges()).toEqual([]);
    }
  });

  test('believes a sidecar no further than the file is long', async () => {
    const resource = await openDiskResource({ path });
    await resource.writeAt(0, pattern(0, 100));
    await resource.close();
    await writeFile(
      `${path}.part.json`,
      formatSidecar({ origin, announcedLength: 9, ranges: [{ start: 0, end: 5000 }], owner: undefined }),
    );
    await using again = await openDiskResource({ path });
    expect(again.ranges()).toEqual([{ start: 0, end: 100 }]);
  });

  test('has one writer: a second one gets busy, and one after a dead one does not', async () => {
    const resource = await openDiskResource({ path });
    await resource.writeAt(0, pattern(0, 10));
    await expect(openDiskResource({ path })).rejects.toMatchObject({ code: 'storage/busy' });
    await expect(removeDiskResource(path)).rejects.toMatchObject({ code: 'storage/busy' });
    await resource.close();
    const sidecar = parseSidecar(readFileSync(`${path}.part.json`, 'utf8'));
    expect(sidecar).toMatchObject({ owner: undefined, ranges: [{ start: 0, end: 10 }] });

    // The parent runs for certain; the same pid with another start time does not.
    const contents = { origin: undefined, announcedLength: undefined, ranges: [{ start: 0, end: 10 }] };
    const alive = { pid: process.ppid, startTime: '', host: ownIdentity().host };
    await writeFile(`${path}.part.json`, formatSidecar({ ...contents, owner: alive }));
    await expect(openDiskResource({ path })).rejects.toMatchObject({ code: 'storage/busy' });
    await writeFile(`${path}.part.json`, formatSidecar({ ...contents, owner: { ...alive, startTime: 'another boot:1' } }));
    await using taken = await openDiskResource({ path });
    expect(taken.presentBytes).toBe(10);
  });

  test('opens read-only without touching anything', async () => {
    await expect(openDiskResource({ path, isReadOnly: true })).rejects.toMatchObject({ code: 'storage/not-present' });
    expect(existsSync(join(path, '..'))).toBe(false);
  });

  test('is read on through commit, rename and removal, until the last reader is released', async () => {
    const fileSystem = new FaultyFileSystem();
    const resource = await openDiskResource({ path, fileSystem });
    const attached = resource.attachReader();
    const reader = openResourceReader(attached.handle);
    await resource.writeAt(0, pattern(0, 100));
    await resource.commit(100);
    await rename(path, `${path}.elsewhere`);
    await rm(`${path}.elsewhere`);
    await resource.close();
    const into = new Uint8Array(100);
    expect(reader.read(0, into)).toBe(100);
    expect(into).toEqual(pattern(0, 100));
    await expect(resource.readAt(0, into)).rejects.toMatchObject({ code: 'storage/not-active' });
    expect(fileSystem.calls).not.toContain('close');
    attached.release();
    expect(fileSystem.calls).toContain('close');
  });

  test('removes all files of a resource, while readers keep theirs', async () => {
    await using resource = await openDiskResource({ path });
    await resource.writeAt(0, pattern(0, 100));
    await resource.commit(100);
    await removeDiskResource(path);
    expect(names()).toEqual([]);
    expect(await resource.readAt(0, new Uint8Array(10))).toBe(10);
    await using next = await openDiskResource({ path });
    expect(next.state).toBe('active');
  });

  test('gives a new file its mode', async () => {
    await using resource = await openDiskResource({ path, mode: 0o600 });
    await resource.writeAt(0, pattern(0, 1));
    await resource.commit(1);
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  test('writes neighbours of one turn at once and publishes them once', async () => {
    await using resource = await openDiskResource({ path });
    let publishCount = 0;
    using _ = resource.onChange(() => (publishCount += 1));
    await Promise.all(Array.from({ length: 16 }, (_, index) => resource.writeAt(index * 16_384, pattern(index * 16_384, 16_384))));
    expect(publishCount).toBe(1);
    expect(resource.ranges()).toEqual([{ start: 0, end: 16 * 16_384 }]);
  });

  test('settles writes that were queued when it ends', async () => {
    const resource = await openDiskResource({ path });
    const writes = Array.from({ length: 8 }, (_, index) => resource.writeAt(index * 1000, pattern(index * 1000, 10)));
    const outcomes = Promise.allSettled(writes);
    await resource.abandon();
    for (const [index, outcome] of (await outcomes).entries()) {
      const isThere = resource.covers({ start: index * 1000, end: index * 1000 + 10 });
      expect(outcome.status).toBe(isThere ? 'fulfilled' : 'rejected');
    }
    await resource.close();
  });

  test('refuses an abort before it opens anything', async () => {
    await expect(openDiskResource({ path, signal: AbortSignal.abort(new Error('stop')) })).rejects.toThrow('stop');
    expect(existsSync(join(path, '..'))).toBe(false);
  });
});
