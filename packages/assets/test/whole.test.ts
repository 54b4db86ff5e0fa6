import { readFileSync, statSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { cacheDirectories, netError, textOf, whole } from './cache-directory.ts';

const { newRoot, open } = cacheDirectories();
const LIST = 'https://media.example/album/list.m3u8';

describe('a whole resource', () => {
  test('is produced once for all who ask, stored, and read from disk from then on', async () => {
    const root = await newRoot();
    const store = await open(root);
    const asset = await store.asset(LIST);
    const key = asset.key('playlists', LIST);
    let runCount = 0;
    const gate = Promise.withResolvers<void>();
    const produce = async () => {
      runCount += 1;
      await gate.promise;
      return whole('#EXTM3U', `${LIST}?token=hush`);
    };
    const both = Promise.all([asset.whole(key, produce), (await store.asset(LIST)).whole(key, produce)]);
    gate.resolve();
    for (const each of await both) expect(each).toMatchObject({ wasCached: false, finalUrl: `${LIST}?token=hush` });
    expect(runCount).toBe(1);
    await store.close();

    const later = await open(root);
    const stored = await (await later.asset(LIST)).whole(key, undefined);
    expect(stored).toMatchObject({ wasCached: true, finalUrl: LIST, origin: { validator: '"v1"' } });
    expect(textOf(stored.bytes)).toBe('#EXTM3U');
  });

  test('is refreshed when asked, and stands in when the network is gone, but not when it says no', async () => {
    const store = await open(await newRoot());
    const asset = await store.asset(LIST);
    const key = asset.key('playlists', LIST);
    await asset.whole(key, async () => whole('one'));
    expect(textOf((await asset.whole(key, async () => whole('two'))).bytes)).toBe('one');
    expect(textOf((await asset.whole(key, async () => whole('two'), { refresh: true })).bytes)).toBe('two');
    const gone = async () => Promise.reject(netError('net/connect-failed', true));
    const fallback = await asset.whole(key, gone, { refresh: true });
    expect([textOf(fallback.bytes), fallback.wasCached]).toEqual(['two', true]);
    const refused = async () => Promise.reject(netError('net/forbidden', false));
    await expect(asset.whole(key, refused, { refresh: true })).rejects.toMatchObject({ code: 'net/forbidden' });
  });

  test('is not cached, at once, without a producer', async () => {
    const store = await open(await newRoot());
    const asset = await store.asset(LIST);
    await expect(asset.whole(asset.key('playlists', LIST), undefined)).rejects.toMatchObject({ code: 'assets/not-cached' });
  });

  test('is aborted when nobody asks any more, and can be asked for again', async () => {
    const store = await open(await newRoot());
    const asset = await store.asset(LIST);
    const key = asset.key('playlists', LIST);
    const started = Promise.withResolvers<AbortSignal>();
    const produce = async (signal: AbortSignal) => {
      started.resolve(signal);
      await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
      return whole('never');
    };
    const abort = new AbortController();
    const asked = asset.whole(key, produce, { signal: abort.signal });
    const signal = await started.promise;
    abort.abort(new Error('gone'));
    await expect(asked).rejects.toThrow('gone');
    expect(signal.aborted).toBe(true);
    expect(textOf((await asset.whole(key, async () => whole('again'))).bytes)).toBe('again');
  });

  test('is the owner’s alone on disk when it is a secret', async () => {
    const store = await open(await newRoot());
    const asset = await store.asset(LIST);
    const key = asset.key('keys', 'https://media.example/key');
    await asset.whole(key, async () => whole('0123456789abcdef'), { isSecret: true });
    expect(statSync(join(asset.directory, key.relPath)).mode & 0o777).toBe(0o600);
    expect(statSync(join(asset.directory, 'keys')).mode & 0o777).toBe(0o700);
    expect(statSync(asset.directory).mode & 0o777).toBe(0o700);
  });

  test('is not believed when its bytes are not those of its entry', async () => {
    const store = await open(await newRoot());
    const asset = await store.asset(LIST);
    const key = asset.key('keys', 'https://media.example/key');
    await asset.whole(key, async () => whole('0123456789abcdef'));
    await writeFile(join(asset.directory, key.relPath), 'x123456789abcdef');
    await expect(asset.whole(key, undefined)).rejects.toMatchObject({ code: 'assets/not-cached' });
    expect(textOf((await asset.whole(key, async () => whole('0123456789abcdef'))).bytes)).toBe('0123456789abcdef');
    expect(readFileSync(join(asset.directory, key.relPath), 'utf8')).toBe('0123456789abcdef');
  });

  test('without its entry is used offline, and asked for again online', async () => {
    const root = await newRoot();
    const store = await open(root);
    const asset = await store.asset(LIST);
    const key = asset.key('playlists', LIST);
    await asset.whole(key, async () => whole('old'));
    await store.close();
    await writeFile(join(asset.directory, 'manifest.jsonl'), '');
    const later = await open(root);
    const again = await later.asset(LIST);
    expect(await again.whole(key, undefined)).toMatchObject({ wasCached: true, finalUrl: LIST });
    expect(textOf((await again.whole(key, async () => whole('new'))).bytes)).toBe('new');
    expect(again.entry(key)).toMatchObject({ isValidated: true });
  });
});
