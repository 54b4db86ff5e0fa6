import { execFileSync } from 'node:child_process';
import { mkdir, open as openFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import type { AssetStoreOptions } from '../src/index.ts';
import { assetId } from '../src/resource-key.ts';
import { cacheDirectories, fetchAll, whole } from './cache-directory.ts';

const { newRoot, open } = cacheDirectories();
const urlOf = (name: string): string => `https://media.example/${name}.mp3`;

async function storeWith(names: readonly string[], options: Partial<AssetStoreOptions> = {}) {
  let nowMs = 1_000_000;
  const store = await open(await newRoot(), { nowMs: () => (nowMs += 1000), ...options });
  for (const name of names) await fetchAll(store, urlOf(name), 10_000);
  return store;
}

describe('evicting now', () => {
  test('gives up what was used longest ago until the limit holds, and tells what went', async () => {
    const store = await storeWith(['a', 'b', 'c', 'd']);
    const before = (await store.usage()).bytes;
    const report = await store.evict({ maxBytes: 25_000 });
    expect(report.evicted.map(({ url }) => url)).toEqual([urlOf('a'), urlOf('b')]);
    expect(report).toMatchObject({ isWithinLimit: true, maxBytes: 25_000, bytes: (await store.usage()).bytes });
    expect(report.freedBytes).toBe(before - report.bytes);
    expect((await store.list()).map(({ url }) => url).sort()).toEqual([urlOf('c'), urlOf('d')]);
    expect(await store.evict({ maxBytes: 25_000 })).toMatchObject({ evicted: [], freedBytes: 0 });
  });

  test('keeps what is pinned or leased, and says that the limit does not hold', async () => {
    const store = await storeWith(['pinned', 'leased', 'free']);
    await store.setPinned(urlOf('pinned'), true);
    await using asset = await store.asset(urlOf('leased'));
    const report = await store.evict({ maxBytes: 0 });
    expect(report.evicted.map(({ url }) => url)).toEqual([urlOf('free')]);
    expect(report.isWithinLimit).toBe(false);
    expect((await store.list()).map(({ id }) => id)).toContain(asset.id);
  });

  test('takes the limit of the cache when none is given, and does nothing without one', async () => {
    const store = await storeWith(['a', 'b']);
    expect(await store.evict()).toMatchObject({ evicted: [], maxBytes: undefined, isWithinLimit: true });
    const limited = await storeWith(['a', 'b'], { maxBytes: 40_000 });
    await writeFile(join(limited.root, 'assets', 'foreign'), Buffer.alloc(25_000));
    const report = await limited.evict();
    expect(report).toMatchObject({ maxBytes: 40_000, isWithinLimit: true });
    expect(report.evicted.map(({ url }) => url)).toEqual([urlOf('a')]);
  });

  test('gives up the quarantine before anything that is of use', async () => {
    const store = await storeWith(['a', 'b']);
    const found = (await store.stat(urlOf('a')))!;
    await writeFile(join(found.directory, found.resources[0]!.relPath), Buffer.alloc(10_000));
    expect((await store.verify()).damaged).toHaveLength(1);
    const report = await store.evict({ maxBytes: 15_000 });
    expect(report).toMatchObject({ evicted: [], isWithinLimit: true });
    expect(report.freedBytes).toBe(10_000);
  });

  test('stops between two assets when it is told to', async () => {
    const store = await storeWith(['a', 'b']);
    await expect(store.evict({ maxBytes: 0, signal: AbortSignal.abort(new Error('no')) })).rejects.toThrow('no');
    expect(await store.list()).toHaveLength(2);
  });

  test('takes a limit from what it finds at the opening', async () => {
    const store = await storeWith(['a', 'b']);
    await store.close();
    const { bytes } = await store.usage();
    let told: unknown;
    const later = await open(store.root, {
      maxBytes: (found) => {
        told = found;
        return 12_000;
      },
    });
    expect(told).toEqual({ bytes, freeBytes: expect.any(Number) });
    expect(await later.usage()).toMatchObject({ maxBytes: 12_000, assetCount: 1 });
  });

  test('believes what its last writer has counted, and nobody who may have been killed while writing', async () => {
    const first = await storeWith(['a', 'b'], { maxBytes: 1_000_000 });
    const { bytes } = await first.usage();
    await first.close();
    await writeFile(join(first.root, 'assets', 'foreign'), Buffer.alloc(5000));
    const told: number[] = [];
    const maxBytes = (found: { readonly bytes: number }): number => told.push(found.bytes) * 1_000_000;
    // Not closed before the next one opens, as if it had been killed.
    await open(first.root, { maxBytes });
    await open(first.root, { maxBytes });
    expect(told[0]).toBeLessThanOrEqual(bytes);
    expect(told[1]).toBeGreaterThan(bytes);
  });

  test('counts anew after an asset was removed', async () => {
    const store = await storeWith(['a', 'b'], { maxBytes: 1_000_000 });
    await store.remove(urlOf('a'));
    await store.close();
    let told = 0;
    await open(store.root, { maxBytes: (found) => (told = found.bytes) + 1_000_000 });
    expect(told).toBeLessThan(20_000);
  });
});

describe.skipIf(process.platform === 'win32')('making room while assets come and go', () => {
  test('an asset that is closed while its last write waits for room does not hold up the eviction that makes it', async () => {
    const store = await storeWith(['first', 'next'], { maxBytes: 35_000 });
    // Whoever asks whether the first one may go waits for an answer; the next one is a candidate by then.
    const leases = join(store.root, 'leases', assetId(urlOf('first')));
    const question = join(leases, 'elsewhere.json');
    await mkdir(leases, { recursive: true });
    execFileSync('mkfifo', [question]);
    const growing = fetchAll(store, urlOf('new'), 20_000);
    const answer = await openFile(question, 'w');
    const next = await store.asset(urlOf('next'));
    const writing = next.whole(next.key('media', urlOf('list')), async () => whole('#EXTM3U'));
    // Far enough to have asked for room.
    for (let turn = 0; turn < 50; turn += 1) await setImmediate();
    const closing = next.close();
    await answer.writeFile('in use by somebody');
    await answer.close();
    await Promise.allSettled([growing, writing]);
    await closing;
    expect((await store.list()).map(({ url }) => url)).toContain(urlOf('first'));
  });
});
