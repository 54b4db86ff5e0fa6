import { existsSync } from 'node:fs';
import { open as openFile, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { AssetStore, VerifyProgress } from '../src/index.ts';
import { cacheDirectories, fetchAll, pattern, producerOf, textOf, URL_A, whole } from './cache-directory.ts';

const { newRoot, open } = cacheDirectories();
const urlOf = (name: string): string => `https://media.example/${name}.mp3`;

/** The file of the one resource of an asset. */
async function fileOf(store: AssetStore, idOrUrl: string): Promise<string> {
  const found = await store.stat(idOrUrl);
  return join(found!.directory, found!.resources[0]!.relPath);
}

async function flipByte(path: string, position: number): Promise<void> {
  const file = await openFile(path, 'r+');
  const byte = new Uint8Array(1);
  await file.read(byte, 0, 1, position);
  await file.write(Uint8Array.of(byte[0]! ^ 1), 0, 1, position);
  await file.close();
}

describe('verifying a cache', () => {
  test('reads everything, finds nothing wrong, and makes no asset count as used', async () => {
    const root = await newRoot();
    const store = await open(root, { nowMs: () => 1_000_000 });
    await fetchAll(store, urlOf('a'), 5000);
    await fetchAll(store, urlOf('b'), 700);
    const progress: VerifyProgress[] = [];
    const report = await store.verify({ onProgress: (each) => progress.push(each) });
    expect(report).toEqual({ checked: 2, checkedBytes: 5700, damaged: [] });
    expect(progress.map(({ checked }) => checked)).toEqual([0, 1, 2]);
    expect(progress.at(-1)).toEqual({ checked: 2, total: 2, checkedBytes: 5700, totalBytes: 5700 });
    expect((await store.list()).map(({ lastUsedAtMs }) => lastUsedAtMs)).toEqual([1_000_000, 1_000_000]);
    expect(existsSync(join(root, 'quarantine'))).toBe(false);
  });

  test('takes out a file with one bit flipped, a short one and a missing one; they are fetched again', async () => {
    const root = await newRoot();
    const store = await open(root, { nowMs: () => 1_000_000 });
    for (const name of ['good', 'flipped', 'short', 'missing']) await fetchAll(store, urlOf(name), 2000);
    const paths = {
      flipped: await fileOf(store, urlOf('flipped')),
      short: await fileOf(store, urlOf('short')),
      missing: await fileOf(store, urlOf('missing')),
    };
    await flipByte(paths.flipped, 1234);
    const damagedBytes = await readFile(paths.flipped);
    await truncate(paths.short, 1999);
    await rm(paths.missing);
    const report = await store.verify();
    expect(report.checked).toBe(4);
    expect(Object.fromEntries(report.damaged.map(({ url, reason }) => [url, reason]))).toEqual({
      [urlOf('flipped')]: 'hash',
      [urlOf('short')]: 'length',
      [urlOf('missing')]: 'missing',
    });
    for (const { reason, quarantinePath, assetId, relPath } of report.damaged) {
      expect(quarantinePath).toBe(reason === 'missing' ? undefined : join(root, 'quarantine', assetId, relPath));
      if (reason === 'hash') expect(await readFile(quarantinePath!)).toEqual(damagedBytes);
      expect(existsSync(join(root, 'assets', assetId, relPath))).toBe(false);
      expect(await store.stat(assetId)).toMatchObject({ resources: [], lastUsedAtMs: 1_000_000 });
    }
    expect(await store.verify()).toMatchObject({ checked: 1, damaged: [] });
    await using asset = await store.asset(urlOf('flipped'));
    const key = asset.key('media', urlOf('flipped'));
    await expect(asset.acquire(key, undefined)).rejects.toMatchObject({ code: 'assets/not-cached' });
    await fetchAll(store, urlOf('flipped'), 2000);
    expect(new Uint8Array(await readFile(paths.flipped))).toEqual(pattern(0, 2000));
    expect(await store.verify({ only: [urlOf('flipped'), asset.id] })).toMatchObject({ checked: 1, damaged: [] });
  });

  test('checks pinned assets too, and leaves them pinned', async () => {
    const store = await open(await newRoot());
    const id = await fetchAll(store, URL_A, 1000);
    await store.setPinned(id, true);
    await flipByte(await fileOf(store, id), 0);
    expect((await store.verify({ only: [id] })).damaged).toMatchObject([{ assetId: id, url: URL_A, reason: 'hash' }]);
    expect(await store.stat(id)).toMatchObject({ isPinned: true, resourceCount: 0 });
  });

  test('takes a damaged file from under a lease: who has it open keeps it, the next one fetches', async () => {
    const store = await open(await newRoot());
    const id = await fetchAll(store, URL_A, 1000);
    await using asset = await store.asset(URL_A);
    const key = asset.key('media', URL_A);
    const old = await asset.acquire(key, undefined);
    await flipByte(await fileOf(store, id), 500);
    expect((await store.verify()).damaged).toMatchObject([{ assetId: id, reason: 'hash' }]);
    expect(asset.entry(key)).toBeUndefined();
    expect(await old.resource.readAt(0, new Uint8Array(1000))).toBe(1000);
    const fresh = await asset.acquire(key, producerOf(1000));
    expect(fresh.wasComplete).toBe(false);
    await fresh.resource.waitRange({ start: 0, end: 1001 });
    await Promise.all([old.release(), fresh.release()]);
    expect(asset.entry(key)).toMatchObject({ length: 1000 });
    expect(await store.verify()).toMatchObject({ checked: 1, damaged: [] });
  });

  test('is for the writer: a reader learns that the cache is locked', async () => {
    const root = await newRoot();
    const store = await open(root);
    await fetchAll(store, URL_A, 1000);
    const reader = await open(root);
    expect(reader.mode).toBe('reader');
    await expect(reader.verify()).rejects.toMatchObject({ code: 'assets/locked', message: expect.stringContaining(root) });
    await expect(reader.evict({ maxBytes: 0 })).rejects.toMatchObject({ code: 'assets/locked' });
    await expect(store.verify({ only: [urlOf('unknown')] })).rejects.toMatchObject({ code: 'assets/not-cached' });
  });

  test('stops when it is told to', async () => {
    const store = await open(await newRoot());
    for (const name of ['a', 'b', 'c']) await fetchAll(store, urlOf(name), 1000);
    const stop = new AbortController();
    const checked: number[] = [];
    const verifying = store.verify({
      signal: stop.signal,
      onProgress: (progress) => {
        checked.push(progress.checked);
        if (progress.checked === 1) stop.abort(new Error('enough'));
      },
    });
    await expect(verifying).rejects.toThrow('enough');
    expect(checked).toEqual([0, 1]);
    await expect(store.verify({ signal: AbortSignal.abort(new Error('no')) })).rejects.toThrow('no');
  });
});

describe('a whole resource that is being replaced', () => {
  test('is the old one or the new one, wherever the process dies, and verifies as both', async () => {
    const root = await newRoot();
    const store = await open(root);
    const asset = await store.asset(URL_A);
    const key = asset.key('playlists', URL_A);
    await asset.whole(key, async () => whole('#EXTM3U old'));
    const [path, manifestPath] = [join(asset.directory, key.relPath), join(asset.directory, 'manifest.jsonl')];
    const old = await readFile(path);
    await asset.whole(key, async () => whole('#EXTM3U new!'), { refresh: true });
    const journal = await readFile(manifestPath);
    await store.close();
    // As if it had died between the line about the new file and that file's name.
    await writeFile(manifestPath, journal);
    await writeFile(path, old);
    const second = await open(root);
    expect((await second.verify()).damaged).toEqual([]);
    await (await second.asset(URL_A)).close();
    await second.close();

    const third = await open(root);
    const again = await third.asset(URL_A);
    expect(textOf((await again.whole(key, undefined)).bytes)).toBe('#EXTM3U old');
    await again.whole(key, async () => whole('#EXTM3U new!'), { refresh: true });
    expect(textOf((await again.whole(key, undefined)).bytes)).toBe('#EXTM3U new!');
    await again.close();
    // The old one no longer counts.
    await writeFile(path, old);
    expect((await third.verify()).damaged).toMatchObject([{ relPath: key.relPath, reason: 'length' }]);
  });
});
