import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { ownIdentity } from '@tutti/storage';
import { cacheDirectories, DrivenProducer, pattern, producerOf, textOf, URL_A, whole } from './cache-directory.ts';
import type { OtherRequest, OtherResponse } from './other-process.ts';

const { newRoot, open } = cacheDirectories();
const children: ChildProcess[] = [];
afterEach(async () => {
  for (const child of children.splice(0)) {
    if (child.exitCode !== null || child.signalCode !== null) continue;
    child.kill('SIGKILL');
    await once(child, 'exit');
  }
});

/** Another process with the cache open. */
async function otherProcess(
  root: string,
): Promise<{ readonly pid: number | undefined; ask(request: OtherRequest): Promise<OtherResponse>; kill(): Promise<void> }> {
  const child = fork(new URL('other-process.ts', import.meta.url), [root], { execArgv: [], stdio: 'inherit' });
  children.push(child);
  await once(child, 'message');
  return {
    pid: child.pid,
    ask: async (request) => {
      child.send(request);
      const [response] = (await once(child, 'message')) as [OtherResponse];
      return response;
    },
    kill: async () => {
      child.kill('SIGKILL');
      await once(child, 'exit');
    },
  };
}

describe('two processes on one cache', () => {
  test('are one writer and one reader, which plays what is complete and keeps the rest in memory', async () => {
    const root = await newRoot();
    const other = await otherProcess(root);
    expect(await other.ask({ type: 'mode' })).toEqual({ mode: 'writer' });
    await other.ask({ type: 'fetch', url: URL_A, length: 1000 });

    const store = await open(root);
    expect(store.mode).toBe('reader');
    expect(await store.otherWriter()).toEqual({ pid: other.pid });
    const asset = await store.asset(URL_A);
    const key = asset.key('media', URL_A);
    const complete = await asset.acquire(key, producerOf(1000));
    expect(complete.wasComplete).toBe(true);
    expect(asset.entry(key)).toMatchObject({ isValidated: true });

    const missing = asset.key('media', `${URL_A}?2`);
    const producer = new DrivenProducer();
    const leases = await Promise.all([asset.acquire(missing, producer.run), asset.acquire(missing, producer.run)]);
    const resource = await producer.started.promise;
    await resource.writeAt(0, pattern(0, 50));
    await resource.commit(50);
    expect(await leases[1].resource.readAt(0, new Uint8Array(100))).toBe(50);
    expect(producer.runCount).toBe(1);
    const list = asset.key('playlists', URL_A);
    await asset.whole(list, async () => whole('#EXTM3U'));
    expect(textOf((await asset.whole(list, undefined)).bytes)).toBe('#EXTM3U');
    await Promise.all(leases.map((lease) => lease.release()));
    await expect(asset.acquire(missing, undefined)).rejects.toMatchObject({ code: 'assets/not-cached' });
    expect(await store.stat(URL_A)).toMatchObject({ resourceCount: 1, partialCount: 0 });
    await expect(store.remove(URL_A)).rejects.toMatchObject({ code: 'assets/locked' });
    await complete.release();
  });

  test('respect each other’s leases', async () => {
    const root = await newRoot();
    const store = await open(root);
    const asset = await store.asset(URL_A);
    const lease = await asset.acquire(asset.key('media', URL_A), producerOf(1000));
    await lease.resource.waitRange({ start: 0, end: 1001 });
    await lease.release();
    await asset.close();
    const other = await otherProcess(root);
    expect(await other.ask({ type: 'hold', url: URL_A })).toEqual({ wasComplete: true });
    await expect(store.remove(URL_A)).rejects.toMatchObject({ code: 'assets/in-use' });
    await other.kill();
    expect(await store.remove(URL_A)).toMatchObject({ url: URL_A });
  });

  test('take over at once from a writer that was killed, with what it had', async () => {
    const root = await newRoot();
    const other = await otherProcess(root);
    await other.ask({ type: 'partly', url: URL_A, length: 400 });
    await other.kill();
    const store = await open(root);
    expect(store.mode).toBe('writer');
    const asset = await store.asset(URL_A);
    const fetched: [number, number][] = [];
    const lease = await asset.acquire(
      asset.key('media', URL_A),
      producerOf(1000, (start, end) => fetched.push([start, end])),
    );
    await lease.resource.waitRange({ start: 0, end: 1001 });
    expect(fetched).toEqual([[400, 1000]]);
    await lease.release();
  });

  test('leave the lock to a live process, one that cannot be seen, and one whose name is not written yet', async () => {
    const root = await newRoot();
    const store = await open(root);
    expect((await open(root)).mode).toBe('reader');
    const holder = join(root, 'writer.json');
    await writeFile(holder, JSON.stringify({ ...ownIdentity(), host: 'another-host' }));
    expect((await open(root)).mode).toBe('reader');
    await rm(holder);
    expect((await open(root)).mode).toBe('reader');
    await store.close();
    expect((await open(root)).mode).toBe('writer');
  });

  test('stop writing when the lock is lost, typed, and leave it to whoever has it', async () => {
    const root = await newRoot();
    const store = await open(root, { lockUpdateMs: 1000 });
    const asset = await store.asset(URL_A);
    const producer = new DrivenProducer();
    const lease = await asset.acquire(asset.key('media', URL_A), producer.run);
    const lost = expect(lease.resource.waitRange({ start: 0, end: 1 })).rejects.toMatchObject({ code: 'assets/locked' });
    await rm(join(root, 'writer.lock'), { recursive: true });
    const next = await open(root);
    expect(next.mode).toBe('writer');
    await lost;
    expect(store.mode).toBe('reader');
    await lease.release();
    await store.close();
    expect((await open(root)).mode).toBe('reader');
  });

  test('give the lock of a dead one to only one of many that want it', async () => {
    const root = await newRoot();
    const other = await otherProcess(root);
    await other.kill();
    const stores = await Promise.all(Array.from({ length: 6 }, () => open(root)));
    expect(stores.filter(({ mode }) => mode === 'writer')).toHaveLength(1);
  });
});
