import { existsSync, readFileSync } from 'node:fs';
import { appendFile, readdir, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { cacheDirectories, DrivenProducer, netError, origin, pattern, producerOf, URL_A } from './cache-directory.ts';

const { newRoot, open } = cacheDirectories();

const fileOf = (directory: string, relPath: string): string => join(directory, relPath);

describe('acquiring a resource', () => {
  test('fetches it once, and opens the complete file from then on, offline too', async () => {
    const root = await newRoot();
    const store = await open(root);
    const asset = await store.asset(URL_A);
    const key = asset.key('media', URL_A);
    const lease = await asset.acquire(key, producerOf(1000));
    expect(lease.wasComplete).toBe(false);
    expect(await lease.resource.waitRange({ start: 0, end: 1000 })).toBe('ready');
    await lease.release();
    await lease.release();
    await asset.close();
    await store.close();

    const later = await open(root);
    const again = await later.asset(`${URL_A}?token=another`);
    const offline = await again.acquire(key, undefined);
    expect(offline).toMatchObject({ wasComplete: true, resource: { state: 'committed', length: 1000 } });
    const into = new Uint8Array(1000);
    await offline.resource.readAt(0, into);
    expect(into).toEqual(pattern(0, 1000));
    expect(again.entry(key)).toMatchObject({ length: 1000, origin, isValidated: true });
    await offline.release();
  });

  test('runs one producer for all who ask, from whichever handle', async () => {
    const store = await open(await newRoot());
    const [first, second] = [await store.asset(URL_A), await store.asset(URL_A)];
    const key = first.key('media', URL_A);
    const producer = new DrivenProducer();
    const leases = await Promise.all([
      first.acquire(key, producer.run),
      second.acquire(key, producer.run),
      first.acquire(key, producer.run),
    ]);
    expect(new Set(leases.map(({ resource }) => resource)).size).toBe(1);
    await producer.started.promise;
    expect(producer.runCount).toBe(1);
  });

  test('goes on while somebody has a lease, and hands over when the first one leaves', async () => {
    const store = await open(await newRoot());
    const asset = await store.asset(URL_A);
    const key = asset.key('media', URL_A);
    const producer = new DrivenProducer();
    const [first, second] = [await asset.acquire(key, producer.run), await asset.acquire(key, producer.run)];
    const resource = await producer.started.promise;
    await first.release();
    await resource.writeAt(0, pattern(0, 10));
    expect(second.resource.state).toBe('active');
    await second.release();
    expect(await producer.aborted.promise).toMatchObject({ name: 'AbortError' });
    expect(resource.state).toBe('cancelled');
  });

  test('keeps partial bytes for the next one, in this process and in a later one', async () => {
    const root = await newRoot();
    const store = await open(root);
    const asset = await store.asset(URL_A);
    const key = asset.key('media', URL_A);
    const producer = new DrivenProducer();
    const lease = await asset.acquire(key, producer.run);
    const resource = await producer.started.promise;
    resource.announce(origin, 1000);
    await resource.writeAt(0, pattern(0, 300));
    await lease.release();
    expect(await store.stat(URL_A)).toMatchObject({
      url: URL_A,
      partialCount: 1,
      partials: [{ relPath: key.relPath, presentBytes: 300, totalLength: 1000 }],
    });
    await store.close();

    const later = await open(root);
    const again = await later.asset(URL_A);
    const fetched: [number, number][] = [];
    const completing = await again.acquire(
      key,
      producerOf(1000, (start, end) => fetched.push([start, end])),
    );
    expect(await completing.resource.waitRange({ start: 0, end: 1001 })).toBe('partial');
    expect(fetched).toEqual([[300, 1000]]);
    await completing.release();
  });

  test('fails the resource with the producer, and lets the next one try again over the same bytes', async () => {
    const store = await open(await newRoot());
    const asset = await store.asset(URL_A);
    const key = asset.key('media', URL_A);
    const producer = new DrivenProducer();
    const lease = await asset.acquire(key, producer.run);
    const resource = await producer.started.promise;
    await resource.writeAt(0, pattern(0, 300));
    const failure = netError('net/reset', true);
    const waiting = expect(lease.resource.waitRange({ start: 300, end: 301 })).rejects.toBe(failure);
    producer.fail(failure);
    await waiting;

    const next = await asset.acquire(key, producerOf(1000));
    expect(next.resource).not.toBe(resource);
    expect(await next.resource.waitRange({ start: 0, end: 1000 })).toBe('ready');
    expect(lease.resource.state).toBe('failed');
    await Promise.all([lease.release(), next.release()]);
    expect(await asset.acquire(key, undefined)).toMatchObject({ wasComplete: true });
  });

  test('fails the resource when its producer stops before the end', async () => {
    const store = await open(await newRoot());
    const asset = await store.asset(URL_A);
    const lease = await asset.acquire(asset.key('media', URL_A), async () => undefined);
    await expect(lease.resource.waitRange({ start: 0, end: 1 })).rejects.toMatchObject({ code: 'storage/failed' });
  });

  test('says at once offline that something is not complete, and leaves no trace of it', async () => {
    const store = await open(await newRoot());
    const asset = await store.asset(URL_A);
    const key = asset.key('media', URL_A);
    await expect(asset.acquire(key, undefined)).rejects.toMatchObject({
      code: 'assets/not-cached',
      message: expect.stringContaining(URL_A),
    });
    const producer = new DrivenProducer();
    const lease = await asset.acquire(key, producer.run);
    await expect(asset.acquire(key, undefined)).rejects.toMatchObject({ code: 'assets/not-cached' });
    await lease.release();
    await asset.close();
    expect(await store.list()).toEqual([]);
    expect(existsSync(asset.directory)).toBe(false);
  });

  test('names a resource whose bytes were all there when its last reader left', async () => {
    const store = await open(await newRoot());
    const asset = await store.asset(URL_A);
    const key = asset.key('media', URL_A);
    const isWritten = Promise.withResolvers<void>();
    const mayCommit = Promise.withResolvers<void>();
    const lease = await asset.acquire(key, async (resource) => {
      resource.announce(origin, 1000);
      await resource.writeAt(0, pattern(0, 1000));
      isWritten.resolve();
      await mayCommit.promise;
      return resource.commit(1000);
    });
    await isWritten.promise;
    const released = lease.release();
    mayCommit.resolve();
    await released;
    const offline = await asset.acquire(key, undefined);
    expect(offline.wasComplete).toBe(true);
    await offline.release();
  });

  test('discards what changed: readers keep the old file, the next one begins a new one', async () => {
    const store = await open(await newRoot());
    const asset = await store.asset(URL_A);
    const key = asset.key('media', URL_A);
    const complete = await asset.acquire(key, producerOf(1000));
    await complete.resource.waitRange({ start: 0, end: 1001 });
    await asset.discard(key);
    expect(asset.entry(key)).toBeUndefined();
    const into = new Uint8Array(1000);
    expect(await complete.resource.readAt(0, into)).toBe(1000);

    const producer = new DrivenProducer();
    const partial = await asset.acquire(key, producer.run);
    const resource = await producer.started.promise;
    await resource.writeAt(0, pattern(5, 100));
    await asset.discard(key);
    await producer.aborted.promise;
    expect(resource.failure).toMatchObject({ code: 'storage/representation-changed' });
    const fetched: [number, number][] = [];
    const fresh = await asset.acquire(
      key,
      producerOf(500, (start, end) => fetched.push([start, end])),
    );
    await fresh.resource.waitRange({ start: 0, end: 501 });
    expect(fetched).toEqual([[0, 500]]);
    await Promise.all([complete.release(), partial.release(), fresh.release()]);
    expect(asset.entry(key)?.length).toBe(500);
  });

  test('lets a producer discard its own resource', async () => {
    const store = await open(await newRoot());
    const asset = await store.asset(URL_A);
    const key = asset.key('media', URL_A);
    const lease = await asset.acquire(key, async (resource) => {
      await resource.writeAt(0, pattern(0, 10));
      await asset.discard(key);
      throw new Error('start again');
    });
    await expect(lease.resource.waitRange({ start: 10, end: 11 })).rejects.toMatchObject({
      code: 'storage/representation-changed',
    });
    await lease.release();
    expect(await readdir(join(asset.directory, 'media'))).toEqual([]);
  });

  test('ends an aborted caller only', async () => {
    const store = await open(await newRoot());
    const asset = await store.asset(URL_A);
    const key = asset.key('media', URL_A);
    await expect(asset.acquire(key, producerOf(10), { signal: AbortSignal.abort(new Error('no')) })).rejects.toThrow('no');
    const abort = new AbortController();
    const producer = new DrivenProducer();
    const patient = asset.acquire(key, producer.run);
    const hasty = asset.acquire(key, producer.run, { signal: abort.signal });
    abort.abort(new Error('enough'));
    await expect(hasty).rejects.toThrow('enough');
    expect((await patient).resource.state).toBe('active');
  });

  test('refuses keys of other assets and made-up ones', async () => {
    const store = await open(await newRoot());
    const asset = await store.asset(URL_A);
    for (const key of [
      { assetRoot: 'elsewhere', relPath: 'media/a.mp3' },
      { assetRoot: asset.id, relPath: '../../../etc/passwd' },
      { assetRoot: asset.id, relPath: 'manifest.jsonl' },
    ]) {
      await expect(asset.acquire(key, producerOf(1))).rejects.toMatchObject({ code: 'assets/bad-key' });
    }
  });

  test('outlives the handle that it was asked through, not the store', async () => {
    const store = await open(await newRoot());
    const asset = await store.asset(URL_A);
    const key = asset.key('media', URL_A);
    const producer = new DrivenProducer();
    const lease = await asset.acquire(key, producer.run);
    await asset.close();
    await expect(asset.acquire(key, undefined)).rejects.toMatchObject({ code: 'assets/closed' });
    const resource = await producer.started.promise;
    await resource.writeAt(0, pattern(0, 10));
    await store.close();
    expect(lease.resource.state).toBe('cancelled');
    await lease.release();
    await expect(store.asset(URL_A)).rejects.toMatchObject({ code: 'assets/closed' });
  });
});

describe('what the manifest does not know, or knows wrongly,', () => {
  test('costs a hash, and is marked as not validated', async () => {
    const root = await newRoot();
    const store = await open(root);
    const asset = await store.asset(URL_A);
    const key = asset.key('media', URL_A);
    const lease = await asset.acquire(key, producerOf(1000));
    await lease.resource.waitRange({ start: 0, end: 1001 });
    await lease.release();
    const known = asset.entry(key);
    await store.close();
    await writeFile(join(asset.directory, 'manifest.jsonl'), '{"type":"resource","relPath":"../../x"}\n\0garbage\n{"type":');

    const later = await open(root);
    const again = await later.asset(URL_A);
    expect(again.entry(key)).toBeUndefined();
    const offline = await again.acquire(key, undefined);
    expect(offline.wasComplete).toBe(true);
    expect(again.entry(key)).toMatchObject({ sha256: known?.sha256, isValidated: false, origin: { validator: '' } });
    await offline.release();
    await later.close();
    // Compacted: only lines that count are left.
    const lines = readFileSync(join(asset.directory, 'manifest.jsonl'), 'utf8').trim().split('\n');
    expect(lines.map((line) => (JSON.parse(line) as { type: string }).type)).toEqual(['asset', 'resource']);
  });

  test('costs a refetch when the file is shorter than its entry', async () => {
    const root = await newRoot();
    const store = await open(root);
    const asset = await store.asset(URL_A);
    const key = asset.key('media', URL_A);
    const lease = await asset.acquire(key, producerOf(1000));
    await lease.resource.waitRange({ start: 0, end: 1001 });
    await lease.release();
    await truncate(fileOf(asset.directory, key.relPath), 10);
    await expect(asset.acquire(key, undefined)).rejects.toMatchObject({ code: 'assets/not-cached' });
    const again = await asset.acquire(key, producerOf(1000));
    expect(again.wasComplete).toBe(false);
    expect(await again.resource.waitRange({ start: 0, end: 1000 })).toBe('ready');
    await again.release();
  });

  test('goes on after a torn last line', async () => {
    const root = await newRoot();
    const store = await open(root);
    const asset = await store.asset(URL_A);
    const key = asset.key('media', URL_A);
    const first = await asset.acquire(key, producerOf(1000));
    await first.resource.waitRange({ start: 0, end: 1001 });
    await first.release();
    await store.close();
    await appendFile(join(asset.directory, 'manifest.jsonl'), '{"type":"resource","relPa');
    const later = await open(root);
    const again = await later.asset(URL_A);
    const other = again.key('media', `${URL_A}?2`);
    const lease = await again.acquire(other, producerOf(500));
    await lease.resource.waitRange({ start: 0, end: 501 });
    await lease.release();
    expect((await later.stat(URL_A))?.resources.map(({ length }) => length).sort()).toEqual([1000, 500]);
  });
});
