import { createHash } from 'node:crypto';
import { SharedTransferLimit } from '@tutti/stream';
import type { FillProgress } from '@tutti/stream';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { encrypt, HlsBench, noise, putClear, readAll, vod } from './hls-bench.ts';

const MIB = 1024 * 1024;
const KEY = createHash('md5').update('key').digest();

let bench: HlsBench;
beforeEach(async () => {
  bench = await HlsBench.start();
});
afterEach(async () => {
  await bench[Symbol.asyncDispose]();
});

/** One file of byte ranges at `/all.ts`, and its playlist; gives the file. */
function putRanges(lengths: readonly number[], { key }: { readonly key?: Uint8Array } = {}): Buffer {
  const parts = lengths.map((length, index) => {
    const plain = partOf(index, length);
    return key === undefined ? plain : encrypt(plain, key, sequenceIv(index));
  });
  let start = 0;
  const lines = parts.flatMap((part) => {
    const line = `#EXT-X-BYTERANGE:${part.length}@${start}`;
    start += part.length;
    return ['#EXTINF:4,', line, 'all.ts'];
  });
  bench.origin.put('/all.ts', Buffer.concat(parts));
  bench.origin.put('/key.bin', key ?? '');
  bench.origin.put('/list.m3u8', vod(lines, key === undefined ? [] : ['#EXT-X-KEY:METHOD=AES-128,URI="key.bin"']));
  return Buffer.concat(lengths.map((length, index) => partOf(index, length)));
}

function partOf(index: number, length: number): Buffer {
  return Buffer.alloc(length, noise(`part ${index}`, 997));
}

function sequenceIv(mediaSequence: number): Buffer {
  const iv = Buffer.alloc(16);
  iv.writeUInt32BE(mediaSequence, 12);
  return iv;
}

function rangesAsked(): readonly (string | undefined)[] {
  return bench.origin.requests.filter(({ target }) => target === '/all.ts').map(({ range }) => range);
}

describe('byte ranges of one file', () => {
  it('are fetched together, up to 4 MiB with a request, and stored each for itself', async () => {
    const file = putRanges([2.5 * MIB, MIB, 0.5 * MIB, 1 * MIB, 100]);
    const source = await bench.open('/list.m3u8');
    expect(await source.fill()).toMatchObject({ isComplete: true, doneResources: 5, doneBytes: file.length });
    const [first, second] = [4 * MIB, 5 * MIB + 100];
    expect(new Set(rangesAsked())).toEqual(new Set([`bytes=0-${first - 1}`, `bytes=${first}-${second - 1}`]));
    expect(rangesAsked()).toHaveLength(2);
    expect(source.counters).toMatchObject({ requestCount: 3, networkBytes: file.length });
    await bench.origin.stop();
    expect((await readAll(await bench.openOffline('/list.m3u8'))).equals(file)).toBe(true);
  });

  it('come together when they are encrypted, too, and only those that are missing', async () => {
    const file = putRanges([5000, 6000, 7001, 8000, 9000], { key: KEY });
    const source = await bench.open('/list.m3u8');
    await source.fill();
    expect(rangesAsked()).toEqual(['bytes=0-35055']);
    const asset = await bench.store.asset(bench.origin.url('/list.m3u8'));
    await asset.discard(asset.key('segments', bench.origin.url('/all.ts'), { range: rangeOf(2, [5008, 6016, 7008]) }));
    await asset.close();
    bench.origin.resetLog();
    expect(await (await bench.open('/list.m3u8')).fill()).toMatchObject({ isComplete: true, doneResources: 5 });
    expect(rangesAsked()).toEqual([`bytes=${5008 + 6016}-${5008 + 6016 + 7008 - 1}`]);
    await bench.origin.stop();
    expect((await readAll(await bench.openOffline('/list.m3u8'))).equals(file)).toBe(true);
  });

  it('go on where a connection broke', async () => {
    putRanges([50_000, 60_000, 70_000]);
    bench.origin.configure({ fault: 'reset', faultPath: '/all.ts', faultEvery: 1, faultTimes: 1, faultAfterBytes: 80_000 });
    expect(await (await bench.open('/list.m3u8')).fill()).toMatchObject({ isComplete: true });
    expect(rangesAsked()).toEqual(['bytes=0-179999', 'bytes=80000-179999']);
  });

  it('are asked for one by one when their common request fails for good', async () => {
    const file = putRanges([50_000, 60_000, 70_000]);
    bench.origin.configure({ fault: 'status', faultStatus: 404, faultPath: '/all.ts', faultEvery: 1, faultTimes: 1 });
    expect(await (await bench.open('/list.m3u8')).fill()).toMatchObject({ isComplete: true, doneBytes: file.length });
    const alone = ['bytes=0-49999', 'bytes=50000-109999', 'bytes=110000-179999'];
    expect(rangesAsked()[0]).toBe('bytes=0-179999');
    expect(rangesAsked()).toHaveLength(4);
    expect(new Set(rangesAsked().slice(1))).toEqual(new Set(alone));
  });
});

function rangeOf(index: number, lengths: readonly number[]): { readonly start: number; readonly end: number } {
  const start = lengths.slice(0, index).reduce((sum, length) => sum + length, 0);
  return { start, end: start + (lengths[index] ?? 0) };
}

describe('what cannot be had', () => {
  it('is asked for again at the end, as long as that brings anything', async () => {
    putClear(bench.origin, 'a', 40);
    bench.origin.configure({ fault: 'status', faultStatus: 404, faultPath: '.ts', faultEvery: 3 });
    const report = await (await bench.open('/a/list.m3u8')).fill();
    expect(report).toMatchObject({ isComplete: true, missing: [], doneResources: 40 });
  });

  it('is asked for twice and named when it is gone for good, and the rest is kept', async () => {
    const segments = putClear(bench.origin, 'a', 4);
    const lines = segments.flatMap((_, index) => ['#EXTINF:4,', index === 1 ? 'gone.ts' : `s${index}.ts`]);
    bench.origin.put('/a/list.m3u8', vod(lines));
    const report = await (await bench.open('/a/list.m3u8')).fill();
    expect(report.missing).toEqual([expect.stringMatching(/^segment 1 \(.*\/a\/gone\.ts\) does not exist/u)]);
    expect(bench.paths.filter((path) => path === '/a/gone.ts')).toHaveLength(2);
  });

  it('is given up at once when the origin has gone', async () => {
    const segments = putClear(bench.origin, 'a', 30);
    const source = await bench.open('/a/list.m3u8');
    await bench.origin.stop();
    const report = await source.fill({ limit: new SharedTransferLimit(1).ranked(0) });
    expect(report.missing).toHaveLength(segments.length);
    expect(report.missing[0]).toMatch(/^segment 0 \(.*\): GET .*/u);
    expect(report.missing[29]).toMatch(/^segment 29 \(.*\): not tried$/u);
  }, 60_000);
});

describe('a fill', () => {
  it('never has more transfers under way than its limit, and gets every key while it keeps to it', async () => {
    const plain = Array.from({ length: 9 }, (_, index) => noise(`s${index}`));
    for (const [index, bytes] of plain.entries()) {
      bench.origin.put(`/s${index}.ts`, encrypt(bytes, KEY, sequenceIv(index)));
      bench.origin.put(`/key${index}.bin`, KEY);
    }
    const lines = plain.flatMap((_, index) => [`#EXT-X-KEY:METHOD=AES-128,URI="key${index}.bin"`, '#EXTINF:4,', `s${index}.ts`]);
    bench.origin.put('/list.m3u8', vod(lines));
    using gate = bench.origin.gate('.ts', 10);
    const source = await bench.open('/list.m3u8');
    const filling = source.fill({ limit: new SharedTransferLimit(2).ranked(0) });
    await gate.reached();
    while (bench.paths.filter((path) => path.endsWith('.ts')).length < 2) await new Promise((resolve) => setImmediate(resolve));
    expect(new Set(bench.paths.filter((path) => path.endsWith('.ts')))).toEqual(new Set(['/s0.ts', '/s1.ts']));
    gate.release();
    expect(await filling).toMatchObject({ isComplete: true, doneResources: 9 });
    expect(bench.paths).toHaveLength(1 + 9 + 9);
  });

  it('plans from playlists and the cache alone', async () => {
    const segments = putClear(bench.origin, 'a', 5);
    bench.origin.put('/main.m3u8', '#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=8000,CODECS="mp4a.40.2"\na/list.m3u8\n');
    const source = await bench.open('/main.m3u8');
    expect(await source.plan()).toEqual({
      totalResources: 5,
      cachedResources: 0,
      cachedBytes: 0,
      missingBytes: 20_000,
      missing: [],
    });
    expect(bench.paths).toEqual(['/main.m3u8', '/a/list.m3u8']);
    const seen: FillProgress[] = [];
    await source.fill({ onProgress: (progress) => seen.push(progress) });
    expect(seen.at(-1)).toMatchObject({ doneResources: 5, totalResources: 5 });
    const cachedBytes = segments.reduce((sum, { length }) => sum + length, 0);
    expect(await source.plan()).toMatchObject({ cachedResources: 5, cachedBytes, missingBytes: 0 });

    putRanges([1000, 2000]);
    expect(await (await bench.open('/list.m3u8')).plan()).toMatchObject({ totalResources: 2, missingBytes: 3000 });
    expect(await (await bench.open('/a/list.m3u8')).plan()).toMatchObject({ totalResources: 5, missingBytes: undefined });
  });

  it('takes a live playlist as it stands when asked to, which then plays offline', async () => {
    const segments = putClear(bench.origin, 'a', 3);
    const live = ['#EXTM3U', '#EXT-X-TARGETDURATION:4', ...segments.flatMap((_, index) => ['#EXTINF:4,', `s${index}.ts`]), ''];
    bench.origin.put('/a/live.m3u8', live.join('\n'));
    await expect(bench.open('/a/live.m3u8')).rejects.toMatchObject({ code: 'hls/live' });
    const source = await bench.open('/a/live.m3u8', { allowsUnfinished: true });
    expect(await source.fill()).toMatchObject({ isComplete: true, doneResources: 3 });
    expect(await readAll(await bench.openOffline('/a/live.m3u8'))).toEqual(Buffer.concat(segments));
  });
});
