import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { openDiskResource, openResourceReader, StorageError } from '../src/index.ts';
import { parseSidecar } from '../src/part-sidecar.ts';
import { FaultyFileSystem } from './faulty-file-system.ts';
import { pattern, sha256 } from './test-bytes.ts';

let directory: string;
let path: string;
let count = 0;
let fileSystem: FaultyFileSystem;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tutti-'));
});
beforeEach(() => {
  path = join(directory, `song-${String((count += 1))}.mp3`);
  fileSystem = new FaultyFileSystem();
});
afterAll(() => rm(directory, { recursive: true }));

const sidecar = () => parseSidecar(readFileSync(`${path}.part.json`, 'utf8'));

describe('a disk that misbehaves', () => {
  test.each([
    ['ENOSPC', 'storage/no-space'],
    ['EIO', 'storage/io'],
    ['EROFS', 'storage/read-only'],
  ])('answers a write with %s: typed, every waiter woken, what was there kept', async (systemCode, code) => {
    await using resource = await openDiskResource({ path, fileSystem });
    await resource.writeAt(0, pattern(0, 100));
    const doorbell = new SharedArrayBuffer(4);
    const attached = resource.attachReader({ doorbell });
    const reader = openResourceReader(attached.handle);
    const rings = Atomics.load(new Int32Array(doorbell), 0);
    const waiting = expect(resource.waitRange({ start: 100, end: 200 })).rejects.toMatchObject({ code });
    fileSystem.fail('write', systemCode);
    await expect(resource.writeAt(100, pattern(100, 100))).rejects.toMatchObject({ name: 'StorageError', code });
    await waiting;
    expect(Atomics.load(new Int32Array(doorbell), 0)).toBeGreaterThan(rings);
    expect(() => reader.read(100, new Uint8Array(1))).toThrow(expect.objectContaining({ code }));
    expect(reader.read(0, new Uint8Array(200))).toBe(100);
    await expect(resource.writeAt(100, pattern(100, 1))).rejects.toMatchObject({ code });
    attached.release();
    await resource.close();
    fileSystem.fail('write', undefined);
    await using again = await openDiskResource({ path, fileSystem });
    expect(again.ranges()).toEqual([{ start: 0, end: 100 }]);
  });

  test('vouches for bytes only after they are synced', async () => {
    await using resource = await openDiskResource({ path, fileSystem, checkpointBytes: 100 });
    fileSystem.calls.length = 0;
    await resource.writeAt(0, pattern(0, 100));
    await resource.abandon();
    expect(fileSystem.calls.filter((call) => call === 'datasync' || call === 'writeWhole').slice(0, 2)).toEqual([
      'datasync',
      'writeWhole',
    ]);
    expect(sidecar()?.ranges).toEqual([{ start: 0, end: 100 }]);
  });

  test('vouches for nothing new once a sync has failed, though a later one succeeds', async () => {
    const resource = await openDiskResource({ path, fileSystem, checkpointBytes: 100 });
    await resource.writeAt(0, pattern(0, 100));
    await resource.abandon();
    await resource.close();
    const second = await openDiskResource({ path, fileSystem, checkpointBytes: 100 });
    fileSystem.fail('datasync', 'EIO');
    const failed = expect(second.waitRange({ start: 500, end: 501 })).rejects.toMatchObject({ code: 'storage/io' });
    await second.writeAt(100, pattern(100, 100));
    await failed;
    fileSystem.fail('datasync', undefined);
    await second.close();
    expect(sidecar()?.ranges).toEqual([{ start: 0, end: 100 }]);
  });

  test('makes writers wait for a slow sync rather than putting more bytes at risk than a checkpoint', async () => {
    const sync = Promise.withResolvers<void>();
    const isSyncing = Promise.withResolvers<void>();
    const datasync = fileSystem.datasync;
    Object.assign(fileSystem, {
      datasync: async (fd: number) => {
        isSyncing.resolve();
        await sync.promise;
        await datasync(fd);
      },
    });
    await using resource = await openDiskResource({ path, fileSystem, checkpointBytes: 400 });
    await resource.writeAt(0, pattern(0, 200));
    await isSyncing.promise;
    await resource.writeAt(200, pattern(200, 200));
    const tooMuch = resource.writeAt(400, pattern(400, 200));
    // Long enough for a write that does not wait.
    for (let count = 0; count < 20; count += 1) await resource.readAt(0, new Uint8Array(400));
    const { presentBytes } = resource;
    sync.resolve();
    await tooMuch;
    expect(presentBytes).toBe(400);
    expect((await resource.commit(600)).sha256).toBe(sha256(pattern(0, 600)));
  });

  test('refuses to commit what a failed checkpoint may have lost', async () => {
    await using resource = await openDiskResource({ path, fileSystem, checkpointBytes: 100 });
    fileSystem.fail('datasync', 'EIO');
    const writing = resource.writeAt(0, pattern(0, 100));
    const committing = resource.commit(100);
    await writing;
    await expect(committing).rejects.toMatchObject({ code: 'storage/io' });
    expect(resource.state).toBe('failed');
    expect(existsSync(path)).toBe(false);
  });

  test.each(['datasync', 'rename'] as const)('fails the commit when its %s fails, and keeps the bytes', async (operation) => {
    await using resource = await openDiskResource({ path, fileSystem });
    await resource.writeAt(0, pattern(0, 100));
    fileSystem.fail(operation, 'ENOSPC');
    await expect(resource.commit(100)).rejects.toMatchObject({ code: 'storage/no-space' });
    expect(resource.state).toBe('failed');
    expect(existsSync(path)).toBe(false);
    await resource.close();
    fileSystem.fail(operation, undefined);
    await using again = await openDiskResource({ path, fileSystem });
    if (again.presentBytes === 0) await again.writeAt(0, pattern(0, 100));
    expect((await again.commit(100)).sha256).toBe(sha256(pattern(0, 100)));
  });

  test('commits in the order sync, rename, sidecar, directory', async () => {
    await using resource = await openDiskResource({ path, fileSystem });
    await resource.writeAt(0, pattern(0, 100));
    fileSystem.calls.length = 0;
    await resource.commit(100);
    expect(fileSystem.calls).toEqual(['datasync', 'rename', 'remove', 'syncDirectory']);
  });

  test('fails for everybody, typed, when there is no room for more bytes, and loses none', async () => {
    const admitted: number[] = [];
    const full = Object.assign(new Error('the cache is full'), { code: 'assets/no-space' });
    await using resource = await openDiskResource({
      path,
      admit: async (byteCount) => {
        admitted.push(byteCount);
        if (admitted.length > 2) throw full;
      },
    });
    await resource.writeAt(0, pattern(0, 100));
    await resource.writeAt(50, pattern(50, 100));
    const writing = resource.writeAt(150, pattern(150, 100));
    await expect(resource.commit(250)).rejects.toMatchObject({ code: 'storage/not-active' });
    await expect(writing).rejects.toBe(full);
    await expect(resource.waitRange({ start: 150, end: 151 })).rejects.toBe(full);
    expect(admitted).toEqual([100, 50, 100]);
    await resource.close();
    await using again = await openDiskResource({ path });
    expect(again.ranges()).toEqual([{ start: 0, end: 150 }]);
  });

  test('goes on after a short write', async () => {
    const write = fileSystem.write;
    Object.assign(fileSystem, {
      write: (fd: number, buffers: readonly Uint8Array[], position: number) => write(fd, [buffers[0]!.subarray(0, 7)], position),
    });
    await using resource = await openDiskResource({ path, fileSystem });
    await Promise.all([resource.writeAt(0, pattern(0, 20)), resource.writeAt(20, pattern(20, 30))]);
    expect((await resource.commit(50)).sha256).toBe(sha256(pattern(0, 50)));
    expect(new Uint8Array(readFileSync(path))).toEqual(pattern(0, 50));
  });

  test('says at the opening that nothing can be written', async () => {
    fileSystem.fail('open', 'EROFS');
    await expect(openDiskResource({ path, fileSystem })).rejects.toMatchObject({ code: 'storage/read-only' });
    fileSystem.fail('open', undefined);
    fileSystem.fail('writeWhole', 'ENOSPC');
    await expect(openDiskResource({ path, fileSystem })).rejects.toMatchObject({ code: 'storage/no-space' });
    fileSystem.fail('writeWhole', undefined);
    await using resource = await openDiskResource({ path, fileSystem });
    expect(resource.state).toBe('active');
  });

  test('reports a file that was cut short behind its back, and does not call it the end', async () => {
    await using resource = await openDiskResource({ path, fileSystem });
    await resource.writeAt(0, pattern(0, 100));
    const attached = resource.attachReader();
    const reader = openResourceReader(attached.handle);
    if (attached.handle.bytes.kind === 'file') await fileSystem.truncate(attached.handle.bytes.fd, 0);
    expect(() => reader.read(0, new Uint8Array(10))).toThrow(StorageError);
    await expect(resource.readAt(0, new Uint8Array(10))).rejects.toMatchObject({ code: 'storage/io' });
    attached.release();
  });
});
