import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { makeDirectories, readAtomic, writeAtomic } from '../src/index.ts';
import { FaultyFileSystem } from './faulty-file-system.ts';

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tutti-'));
});
afterAll(() => rm(directory, { recursive: true }));

describe('an atomic resource', () => {
  test('is written whole, in a directory for the owner alone, with its mode', async () => {
    const path = join(directory, 'a', 'key');
    await writeAtomic(path, Uint8Array.of(1, 2, 3), { mode: 0o600 });
    expect(await readAtomic(path)).toEqual(Buffer.from([1, 2, 3]));
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(statSync(join(directory, 'a')).mode & 0o777).toBe(0o700);
    expect(readdirSync(join(directory, 'a'))).toEqual(['key']);
  });

  test('does not bring back the directory of a directory that has vanished', async () => {
    const path = join(directory, 'vanished', 'a', 'key');
    await expect(writeAtomic(path, 'x')).rejects.toMatchObject({ code: 'storage/not-present' });
    expect(existsSync(join(directory, 'vanished'))).toBe(false);
  });

  test('keeps the old bytes when the disk is full', async () => {
    const path = join(directory, 'playlist');
    const fileSystem = new FaultyFileSystem();
    await writeAtomic(path, 'old', { fileSystem });
    fileSystem.fail('writeWhole', 'ENOSPC');
    await expect(writeAtomic(path, 'new', { fileSystem })).rejects.toMatchObject({ code: 'storage/no-space', path });
    expect(readFileSync(path, 'utf8')).toBe('old');
  });

  test('is undefined where there is none', async () => {
    expect(await readAtomic(join(directory, 'none', 'x'))).toBeUndefined();
  });

  test('says at once that a place holds no directory, however the file system puts it', async () => {
    await expect(makeDirectories('/proc/tutti/cache')).rejects.toThrow();
    await writeAtomic(join(directory, 'file'), 'x');
    await expect(writeAtomic(join(directory, 'file', 'below'), 'x')).rejects.toMatchObject({ name: 'StorageError' });
  });
});
