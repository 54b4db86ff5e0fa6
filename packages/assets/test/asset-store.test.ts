import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import {
  cacheDirectories,
  DrivenProducer,
  fetchAll,
  filesBelow,
  pattern,
  producerOf,
  sum,
  URL_A,
  whole,
} from './cache-directory.ts';

const { newRoot, open } = cacheDirectories();
const urlOf = (name: string): string => `https://media.example/${name}.mp3`;

describe('a cache directory', () => {
  test('uses exactly as many bytes as a walk over it finds', async () => {
    const root = await newRoot();
    const store = await open(root);
    await fetchAll(store, urlOf('a'), 5000);
    const asset = await store.asset(urlOf('b'));
    const producer = new DrivenProducer();
    await asset.acquire(asset.key('media', urlOf('b')), producer.run);
    await (await producer.started.promise).writeAt(0, pattern(0, 700));
    await asset.whole(asset.key('playlists', urlOf('c')), async () => whole('#EXTM3U'));
    const walked = await filesBelow(root);
    expect(await store.usage()).toMatchObject({ bytes: sum(walked.values()), fileCount: walked.size, assetCount: 2 });
    for (const summary of await store.list()) {
      expect(summary.bytes).toBe(sum((await filesBelow(summary.directory)).values()));
    }
    expect(await store.stat(asset.id)).toMatchObject({ url: urlOf('b'), resourceCount: 1, partialCount: 1 });
  });

  test('holds no secret: not in a name, not in a file of its own', async () => {
    const root = await newRoot();
    const store = await open(root);
    const url = 'https://user:hush@media.example/a.mp3?token=hush#hush';
    const asset = await store.asset(url);
    const lease = await asset.acquire(asset.key('media', url), producerOf(100));
    await asset.whole(asset.key('playlists', url), async () => whole('#EXTM3U', url));
    await lease.resource.waitRange({ start: 0, end: 101 });
    const check = async (): Promise<void> => {
      for (const name of (await filesBelow(root)).keys()) {
        expect(name).not.toContain('hush');
        expect((await readFile(join(root, name))).includes('hush')).toBe(false);
      }
    };
    await check();
    await lease.release();
    await store.close();
    await check();
    expect(JSON.stringify(await (await open(root)).list())).not.toContain('hush');
  });

  test('removes an asset by id or URL, unless it is in use or unknown', async () => {
    const store = await open(await newRoot());
    const id = await fetchAll(store, URL_A, 1000);
    const asset = await store.asset(URL_A);
    await expect(store.remove(id)).rejects.toMatchObject({ code: 'assets/in-use' });
    await asset.close();
    expect(await store.remove(`${URL_A}?token=1`)).toMatchObject({ id, url: URL_A, resourceCount: 1 });
    expect(existsSync(asset.directory)).toBe(false);
    await expect(store.remove(id)).rejects.toMatchObject({ code: 'assets/not-cached' });
    await expect(store.remove('nonsense')).rejects.toMatchObject({ code: 'assets/bad-key' });
    expect(await store.stat(URL_A)).toBeUndefined();
  });

  test('keeps itself under its limit by giving up what was used longest ago', async () => {
    let nowMs = 1_000_000;
    const root = await newRoot();
    const store = await open(root, { maxBytes: 40_000, nowMs: () => (nowMs += 1000) });
    await fetchAll(store, urlOf('a'), 10_000);
    await fetchAll(store, urlOf('b'), 10_000);
    await fetchAll(store, urlOf('c'), 10_000);
    await using _ = await store.asset(urlOf('d'));
    await (await store.asset(urlOf('a'))).close();
    await fetchAll(store, urlOf('e'), 12_000);
    expect((await store.list()).map(({ url }) => url).sort()).toEqual([urlOf('a'), urlOf('c'), urlOf('e')]);
    expect((await store.usage()).bytes).toBeLessThanOrEqual(40_000);
  });

  test('never gives up what is pinned or in use, and says so when nothing else is left', async () => {
    let nowMs = 1_000_000;
    const store = await open(await newRoot(), { maxBytes: 40_000, nowMs: () => (nowMs += 1000) });
    const pinned = await fetchAll(store, urlOf('pinned'), 15_000);
    expect(await store.setPinned(pinned, true)).toMatchObject({ isPinned: true });
    await fetchAll(store, urlOf('used'), 15_000);
    await using used = await store.asset(urlOf('used'));
    await expect(fetchAll(store, urlOf('new'), 20_000)).rejects.toMatchObject({ code: 'assets/no-space' });
    expect((await store.list()).map(({ url }) => url)).toEqual(expect.arrayContaining([urlOf('pinned'), urlOf('used')]));
    expect(await used.acquire(used.key('media', urlOf('used')), undefined)).toMatchObject({ wasComplete: true });
    await store.setPinned(pinned, false);
    await fetchAll(store, urlOf('new'), 20_000);
    expect(await store.stat(pinned)).toBeUndefined();
  });

  test('is brought under its limit when it is opened', async () => {
    const root = await newRoot();
    const store = await open(root);
    for (const name of ['a', 'b', 'c']) await fetchAll(store, urlOf(name), 10_000);
    await store.close();
    const smaller = await open(root, { maxBytes: 15_000 });
    expect((await smaller.usage()).bytes).toBeLessThanOrEqual(15_000);
  });

  test('refuses to grow on a disk that has less room than must be kept', async () => {
    const store = await open(await newRoot(), { minFreeBytes: Number.MAX_SAFE_INTEGER });
    await expect(fetchAll(store, URL_A, 1000)).rejects.toMatchObject({ code: 'assets/no-space' });
    expect(await store.list()).toEqual([]);
  });

  test('is refused where it cannot be, in a sentence with the path and what to do', async () => {
    const root = await newRoot();
    await mkdir(root);
    await writeFile(join(root, 'file'), '');
    for (const place of [join(root, 'file'), join(root, 'file', 'below'), '/proc/tutti/cache']) {
      await expect(open(place)).rejects.toMatchObject({
        name: 'AssetError',
        code: 'assets/bad-root',
        message: expect.stringMatching(new RegExp(`${place}.*choose another`)),
      });
    }
  });

  test('is not made of somebody else’s directory, a damaged one or one of a later version', async () => {
    const root = await newRoot();
    await mkdir(join(root, 'assets'), { recursive: true });
    await expect(open(root)).rejects.toMatchObject({ code: 'assets/bad-root' });
    await writeFile(join(root, 'tutti-cache.json'), '{');
    await expect(open(root)).rejects.toMatchObject({ code: 'assets/bad-root' });
    await writeFile(join(root, 'tutti-cache.json'), '{"layoutVersion":2}');
    await expect(open(root)).rejects.toMatchObject({ code: 'assets/unsupported-layout' });
  });

  test('clears away what killed processes left half done', async () => {
    const root = await newRoot();
    const store = await open(root);
    const id = await fetchAll(store, URL_A, 1000);
    await store.close();
    const directory = join(root, 'assets', id);
    const [name = ''] = await readdir(join(directory, 'media'));
    await writeFile(join(directory, 'media', `${name}.1234567`), 'half');
    await mkdir(join(root, 'trash', 'x'), { recursive: true });
    await writeFile(join(root, 'trash', 'x', 'y'), 'half');
    const later = await open(root);
    await (await later.asset(URL_A)).close();
    expect(await readdir(join(directory, 'media'))).toEqual([name]);
    expect(existsSync(join(root, 'trash'))).toBe(false);
  });
});
