import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { seededRandom } from '@tutti/fixtures';
import type { Asset, Producer } from '../src/index.ts';
import { cacheDirectories, textOf, URL_A, whole } from './cache-directory.ts';
import { PowerLossFileSystem } from './power-loss-file-system.ts';

const { newRoot, open } = cacheDirectories();

/** Points at which the power goes. */
const POINTS = 100;
const FILES = ['a.mp3', 'b.mp3', 'c.mp3'].map((name) => `https://media.example/${name}`);
const LENGTH = 3000;

/** What a file was in its first, second … version at the origin. */
function versionBytes(url: string, version: number): Uint8Array {
  const shift = FILES.indexOf(url) * 50 + version * 7 + 1;
  return Uint8Array.from({ length: LENGTH }, (_, index) => (index * 31 + shift) & 0xff);
}

/** What happened before the power went: by URL, the version that was called complete, and the newest that was begun. */
interface History {
  readonly complete: Map<string, number>;
  readonly begun: Map<string, number>;
  wrongReads: number;
}

/** Fetches as the real one does: bytes of another version are never added to. Stops at `until`. */
function producerOf(url: string, version: number, until: number, history: History): Producer {
  return async (resource) => {
    const validator = `"${String(version)}"`;
    const held = resource.origin?.validator;
    if (held !== undefined && held !== validator) throw Object.assign(new Error('changed'), { name: 'Changed' });
    const bytes = versionBytes(url, version);
    for (const { start, end } of resource.ranges()) {
      const present = new Uint8Array(end - start);
      await resource.readAt(start, present);
      if (Buffer.compare(present, bytes.subarray(start, end)) !== 0) history.wrongReads += 1;
    }
    resource.announce({ validator, totalLength: LENGTH, contentType: undefined, transformId: undefined }, LENGTH);
    for (const { start, end } of resource.missing({ start: 0, end: until })) {
      for (let at = start; at < end; at += 500) await resource.writeAt(at, bytes.subarray(at, Math.min(end, at + 500)));
    }
    return until === LENGTH ? resource.commit(LENGTH) : undefined;
  };
}

async function fetchFile(asset: Asset, url: string, version: number, until: number, history: History): Promise<void> {
  const key = asset.key('media', url);
  history.begun.set(url, Math.max(version, history.begun.get(url) ?? 0));
  for (let isFirst = true; ; isFirst = false) {
    const lease = await asset.acquire(key, producerOf(url, version, until, history));
    try {
      await lease.resource.waitRange({ start: 0, end: until === LENGTH ? LENGTH + 1 : until });
      break;
    } catch (error) {
      if (!isFirst || (error as Error).name !== 'Changed') throw error;
      await asset.discard(key);
    } finally {
      await lease.release();
    }
  }
}

/** Fetches, resumes, replaces and refreshes until it is through or the power goes. */
async function work(root: string, fileSystem: PowerLossFileSystem, history: History, round: number): Promise<void> {
  const store = await open(root, { fileSystem });
  try {
    for (let version = round * 2; version < round * 2 + 2; version += 1) {
      const album = await store.asset(URL_A);
      const list = album.key('playlists', URL_A);
      history.begun.set(URL_A, version);
      await album.whole(list, async () => whole(`#EXTM3U ${'x'.repeat(version)}`), { refresh: true });
      if (fileSystem.isCut) return;
      history.complete.set(URL_A, version);
      for (const [index, url] of FILES.entries()) {
        const asset = await store.asset(url);
        const key = asset.key('media', url);
        const held = await asset.acquire(key, undefined).catch(() => undefined);
        await held?.release();
        // Of another version, or adopted: asked again, and it has changed.
        if (held !== undefined && asset.entry(key)?.origin.validator !== `"${String(version)}"`) {
          history.complete.delete(url);
          await asset.discard(key);
        }
        await fetchFile(asset, url, version, 1000, history);
        const isWhole = index !== 2 || version % 2 === 1;
        if (isWhole) await fetchFile(asset, url, version, LENGTH, history);
        await asset.close();
        if (fileSystem.isCut) return;
        if (isWhole) history.complete.set(url, version);
      }
      await album.close();
    }
  } catch (error) {
    if (!fileSystem.isCut) throw error;
  } finally {
    await store.close();
  }
}

/** Opens what is left and reads all of it, offline. */
async function check(root: string, history: History): Promise<string[]> {
  const problems: string[] = [];
  const store = await open(root);
  await using album = await store.asset(URL_A);
  const list = await album.whole(album.key('playlists', URL_A), undefined).catch(() => undefined);
  const [oldest, newest] = [history.complete.get(URL_A), history.begun.get(URL_A) ?? -1];
  const listVersion = list === undefined ? undefined : textOf(list.bytes).length - '#EXTM3U '.length;
  if (oldest !== undefined && (listVersion === undefined || listVersion < oldest || listVersion > newest)) {
    problems.push(`playlist of version ${String(listVersion)} instead of ${String(oldest)} to ${String(newest)}`);
  }
  for (const url of FILES) {
    await using asset = await store.asset(url);
    const key = asset.key('media', url);
    const lease = await asset.acquire(key, undefined).catch(() => undefined);
    if (lease === undefined) {
      if (history.complete.has(url)) problems.push(`lost ${url}`);
      continue;
    }
    const bytes = new Uint8Array(LENGTH);
    await lease.resource.readAt(0, bytes);
    const known = Array.from({ length: (history.begun.get(url) ?? -1) + 1 }, (_, version) => versionBytes(url, version));
    const version = known.findIndex((each) => Buffer.compare(each, bytes) === 0);
    if (lease.resource.length !== LENGTH || version < 0) problems.push(`wrong bytes in ${url}`);
    if (version < (history.complete.get(url) ?? 0)) problems.push(`old bytes in ${url}`);
    await lease.release();
  }
  // An entry whose file is missing is what an interrupted discard leaves: what must not be missing was looked for above.
  for (const { relPath, reason } of (await store.verify()).damaged)
    if (reason !== 'missing') problems.push(`${reason} of ${relPath}`);
  await store.close();
  return problems;
}

/** Lets the power go once, or twice in a row. Gives what is wrong then. */
async function losePower(seed: number, changeCount: number): Promise<string[]> {
  const random = seededRandom(seed);
  const history: History = { complete: new Map(), begun: new Map(), wrongReads: 0 };
  let place = await newRoot();
  for (let round = 0; round <= seed % 2; round += 1) {
    const system = await PowerLossFileSystem.boot(place);
    system.cutAt = 1 + Math.floor(random() * changeCount);
    await work(place, system, history, round);
    const after = await newRoot();
    await system.crash(after, random() < 0.3 ? 'nothing' : 'anything', random);
    await keepMarker(place, after);
    place = after;
  }
  const problems = await check(place, history);
  if (history.wrongReads > 0) problems.push(`${String(history.wrongReads)} wrong ranges in partial files`);
  return problems.map((problem) => `point ${String(seed)}: ${problem}`);
}

describe('a cache whose power goes', () => {
  test(`holds no wrong byte and loses nothing that was complete, at ${String(POINTS)} points`, async () => {
    const root = await newRoot();
    const uncut = await PowerLossFileSystem.boot(root);
    const history: History = { complete: new Map(), begun: new Map(), wrongReads: 0 };
    await work(root, uncut, history, 0);
    expect(history.complete.size).toBe(FILES.length + 1);
    expect(uncut.changeCount).toBeGreaterThan(100);
    const found: string[] = [];
    for (let seed = 0; seed < POINTS; seed += 10) {
      const batch = Array.from({ length: 10 }, (_, index) => losePower(seed + index, uncut.changeCount));
      found.push(...(await Promise.all(batch)).flat());
    }
    expect(found).toEqual([]);
  });
});

/** The mark of a cache is made, durably, before anything else. */
async function keepMarker(from: string, to: string): Promise<void> {
  await mkdir(dirname(join(to, 'x')), { recursive: true });
  await writeFile(join(to, 'tutti-cache.json'), await readFile(join(from, 'tutti-cache.json')));
}
