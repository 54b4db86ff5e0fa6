import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { setImmediate } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { startOrigin, type Origin } from '@tutti/fixtures';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { extinf, mediaPlaylist, noise, putSegments, sha256 } from './hls-noise.ts';
import { runTutti, startTutti, temporaryHome, type RunningTutti, type TuttiResult } from './run-tutti.ts';

const MIB = 1024 * 1024;

let home: Awaited<ReturnType<typeof temporaryHome>>;
let origin: Origin;
beforeEach(async () => {
  home = await temporaryHome();
  origin = await startOrigin({ root: home.directory });
});
afterEach(async () => {
  await origin[Symbol.asyncDispose]();
  await home[Symbol.asyncDispose]();
});

function start(...parameters: readonly string[]): RunningTutti {
  return startTutti(['warm', ...parameters, '--cache', home.file('cache'), '--json'], { home: home.directory });
}

async function warm(code: number, ...parameters: readonly string[]): Promise<TuttiResult> {
  const result = await start(...parameters).result;
  expect(result.code, result.stderr).toBe(code);
  return result;
}

function named(result: TuttiResult, name: string): readonly Readonly<Record<string, unknown>>[] {
  return result.events().filter((event) => event['event'] === name);
}

function asked(pattern: RegExp): readonly string[] {
  return origin.requests.map(({ target }) => target).filter((target) => pattern.test(target));
}

/** SHA-256 of what the cache has of a source, complete resources only. */
async function stored(url: string, folder = 'segments'): Promise<readonly string[]> {
  const result = await runTutti(['cache', 'stat', url, '--cache', home.file('cache'), '--json'], { home: home.directory });
  const { resources } = result.events()[0] as { resources: { relPath: string; sha256: string }[] };
  return resources.filter(({ relPath }) => relPath.startsWith(`${folder}/`)).map((resource) => resource.sha256);
}

describe('many sources', () => {
  test('are fetched once each, however often they are named, and one that fails stops no other', async () => {
    putSegments(origin, 'a', { count: 3, length: 5000 });
    origin.put('/b.mp3', noise('b', 100_000));
    const [a, b] = [origin.url('/a/list.m3u8'), origin.url('/b.mp3')];
    await writeFile(home.file('list'), `#EXTM3U\n${b}\n${a}#there\nhttp://:bad/\n${origin.url('/gone.mp3')}\n${b}\n`);
    const result = await warm(2, a, '--from', home.file('list'));
    expect(named(result, 'warmed').map(({ isComplete, source }) => [source, isComplete])).toEqual(
      expect.arrayContaining([
        [a, true],
        [b, true],
        [origin.url('/gone.mp3'), false],
        ['http://:bad/', false],
      ]),
    );
    expect(named(result, 'warmed')).toHaveLength(4);
    expect(named(result, 'done')).toMatchObject([{ complete: 2, failed: 2, networkBytes: 115_000 }]);
    expect(asked(/^\/a\/s/).toSorted((one, other) => one.localeCompare(other))).toEqual(['/a/s0.ts', '/a/s1.ts', '/a/s2.ts']);
    expect(named(result, 'progress').at(-1)).toMatchObject({ doneSources: 3, totalSources: 3, doneBytes: 115_000 });
  });

  test('a dry run asks for playlists only, and tells what is cached and what there is to fetch', async () => {
    putSegments(origin, 'a', { count: 3, length: 5000 });
    origin.put('/main.m3u8', '#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=10000,CODECS="mp4a.40.2"\na/list.m3u8\n');
    origin.put('/b.mp3', noise('b', 100_000));
    const [main, b] = [origin.url('/main.m3u8'), origin.url('/b.mp3')];
    const before = await warm(0, main, b, '--dry-run');
    expect(named(before, 'planned')).toMatchObject([
      { source: main, totalResources: 3, cachedResources: 0, missingBytes: 15_000 },
      { source: b, totalResources: 1, cachedResources: 0 },
    ]);
    expect(asked(/./)).toEqual(['/main.m3u8', '/a/list.m3u8']);
    await warm(0, main, b);
    origin.resetLog();
    const after = await warm(0, main, b, '--dry-run');
    expect(named(after, 'planned')).toMatchObject([
      { cachedResources: 3, cachedBytes: 15_000, missingBytes: 0 },
      { cachedResources: 1, cachedBytes: 100_000, missingBytes: 0 },
    ]);
    expect(asked(/./)).toEqual(['/main.m3u8', '/a/list.m3u8']);
  });
});

describe('HLS', () => {
  test('--variants all fetches every variant, highest only that one', async () => {
    putSegments(origin, 'low', { count: 2, length: 1000 });
    putSegments(origin, 'high', { count: 2, length: 2000 });
    const variant = (folder: string, bandwidth: number): string =>
      `#EXT-X-STREAM-INF:BANDWIDTH=${bandwidth},CODECS="mp4a.40.2"\n${folder}/list.m3u8\n`;
    origin.put('/main.m3u8', `#EXTM3U\n${variant('low', 10_000)}${variant('high', 20_000)}`);
    await warm(0, origin.url('/main.m3u8'), '--variants', 'highest');
    expect(asked(/\.ts$/)).toHaveLength(2);
    expect(asked(/low/)).toEqual([]);
    await warm(0, origin.url('/main.m3u8'), '--variants', 'all');
    expect(await stored(origin.url('/main.m3u8'))).toHaveLength(4);
    expect(asked(/\.ts$/)).toHaveLength(4);
  });

  test('byte ranges of one file come with one request for 4 MiB', async () => {
    const file = noise('all', 6 * MIB);
    origin.put('/all.ts', file);
    const ranges = Array.from({ length: 24 }, (_, index) => [
      '#EXTINF:4,',
      `#EXT-X-BYTERANGE:${MIB / 4}@${(index * MIB) / 4}`,
      'all.ts',
    ]);
    origin.put('/list.m3u8', mediaPlaylist(ranges.flat()));
    const result = await warm(0, origin.url('/list.m3u8'));
    expect(named(result, 'warmed')).toMatchObject([{ doneResources: 24, requestCount: 3, networkBytes: file.length }]);
    expect(asked(/all\.ts/)).toHaveLength(2);
  });

  test('a live stream is refused with a way out, and kept up to now with --until-now', async () => {
    const segments = putSegments(origin, 'a', { count: 2, length: 1000 });
    origin.put('/a/live.m3u8', mediaPlaylist(extinf(['s0.ts', 's1.ts']), { isLive: true }));
    const live = origin.url('/a/live.m3u8');
    const refused = await runTutti(['warm', live, '--cache', home.file('cache')], { home: home.directory });
    expect(refused.code).toBe(1);
    expect(refused.stderr).toMatch(/^✗ .*live\.m3u8: .* live stream that has not ended.*--until-now/m);
    await warm(0, live, '--until-now');
    expect(new Set(await stored(live))).toEqual(new Set(segments.map(sha256)));
  });

  test('a segment that is gone for good is named, the rest is kept, and the exit code is 1', async () => {
    const segments = putSegments(origin, 'a', { count: 6, length: 1000 });
    const names = segments.map((_, index) => (index === 4 ? 'gone.ts?token=secret' : `s${index}.ts`));
    origin.put('/a/list.m3u8', mediaPlaylist(extinf(names)));
    const result = await warm(1, origin.url('/a/list.m3u8'));
    const [report] = named(result, 'warmed');
    expect(report).toMatchObject({ isComplete: false, doneResources: 5 });
    expect(report!['missing']).toEqual([`segment 4 (${origin.url('/a/gone.ts')}) does not exist at the origin: it answered 404`]);
    expect(new Set(await stored(origin.url('/a/list.m3u8')))).toEqual(
      new Set(segments.filter((_, index) => index !== 4).map(sha256)),
    );
  });

  test.each([
    ['503', { fault: 'status', faultStatus: 503 }],
    ['404 once', { fault: 'status', faultStatus: 404 }],
    ['a reset', { fault: 'reset' }],
    ['a cut-off body', { fault: 'truncate' }],
    ['a stall', { fault: 'stall', stallMs: 100 }],
  ] as const)('%s on every seventh request costs nothing but time', async (_, fault) => {
    const segments = putSegments(origin, 'a', { count: 50, length: 20_000 });
    origin.configure({ faultPath: '.ts', faultEvery: 7, ...fault });
    await warm(0, origin.url('/a/list.m3u8'));
    expect(new Set(await stored(origin.url('/a/list.m3u8')))).toEqual(new Set(segments.map(sha256)));
  });
});

describe('--max-bytes', () => {
  const usedBytes = async (): Promise<number> => {
    const result = await runTutti(['cache', 'usage', '--cache', home.file('cache'), '--json'], { home: home.directory });
    return Number(result.events()[0]!['bytes']);
  };

  test('is never exceeded: the first source is finished first, what the second lacks is named, and more room completes it', async () => {
    putSegments(origin, 'a', { count: 10, length: 100_000 });
    putSegments(origin, 'b', { count: 10, length: 100_000 });
    const [a, b] = ['a', 'b'].map((name) => {
      // 25 kB a second for four seconds.
      origin.put(`/${name}.m3u8`, `#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=200000\n${name}/list.m3u8\n`);
      return origin.url(`/${name}.m3u8`);
    }) as [string, string];
    const limit = ['--max-bytes', '1500000'];
    const planned = await warm(2, a, b, ...limit, '--dry-run');
    const result = await warm(2, a, b, ...limit);
    expect(await usedBytes()).toBeLessThanOrEqual(1_500_000);
    // The dry run that comes after it and the one before it say what the job did.
    expect(named(planned, 'planned').map(({ isOutOfRoom }) => isOutOfRoom)).toEqual([false, true]);
    expect(named(await warm(2, a, b, ...limit, '--dry-run'), 'planned')).toMatchObject([
      { isOutOfRoom: false, missingBytes: 0 },
      { isOutOfRoom: true },
    ]);
    const [first, second] = named(result, 'warmed');
    expect(first).toMatchObject({ source: a, isComplete: true, isOutOfRoom: false, missing: [] });
    expect(second).toMatchObject({ source: b, isComplete: false, isOutOfRoom: true, code: 'assets/no-space' });
    expect(second!['missing']).toHaveLength(10 - Number(second!['doneResources']));
    const [done] = named(await warm(0, a, b), 'done');
    expect(done).toMatchObject({ complete: 2 });
    // What was begun is kept, too.
    expect(done!['networkBytes']).toBeLessThanOrEqual(1_000_000 - Number(second!['doneBytes']));
  });

  test('six files that come at once and cannot all stay: the first ones stay whole, and of each other one it is told what is missing', async () => {
    const urls = Array.from({ length: 6 }, (_, index) => {
      origin.put(`/${index}.mp3`, noise(`${index}`, MIB));
      return origin.url(`/${index}.mp3`);
    });
    // Nobody is done before all have begun.
    using gate = origin.gate('.mp3', MIB / 2);
    const running = start(...urls, '--max-bytes', '4000000');
    while (asked(/mp3$/).length < 6) await setImmediate();
    gate.release();
    const result = await running.result;
    expect(result.code, result.stderr).toBe(2);
    const reports = named(result, 'warmed');
    expect(reports.map(({ isComplete, source }) => [source, isComplete])).toEqual(urls.map((url, index) => [url, index < 3]));
    expect(await usedBytes()).toBeLessThanOrEqual(4_000_000);
    expect(reports[3]).toMatchObject({ isOutOfRoom: true, code: 'assets/no-space', totalBytes: MIB });
    expect(reports[3]!['missing']).toEqual([`${urls[3]}: ${MIB - Number(reports[3]!['doneBytes'])} of ${MIB} bytes`]);
    for (const index of [4, 5]) {
      expect(reports[index]).toMatchObject({ isOutOfRoom: true, missing: [`${urls[index]}: all of it`], doneBytes: 0 });
    }
    expect(named(result, 'progress').at(-1)).toMatchObject({ doneSources: 6, totalSources: 6 });
  });

  test('a later source that was whole before stays so', async () => {
    putSegments(origin, 'a', { count: 10, length: 100_000 });
    putSegments(origin, 'c', { count: 5, length: 100_000 });
    const [a, c] = [origin.url('/a/list.m3u8'), origin.url('/c/list.m3u8')];
    await warm(0, c);
    const [first, second] = named(await warm(2, a, c, '--max-bytes', '1000000'), 'warmed');
    expect(first).toMatchObject({ source: a, isComplete: false, isOutOfRoom: true });
    expect(second).toMatchObject({ source: c, isComplete: true, networkBytes: 0 });
  });
});

describe('a job that is interrupted', () => {
  test('by Ctrl-C ends with 130, and goes on where it was', async () => {
    putSegments(origin, 'a', { count: 20, length: 10_000 });
    using gate = origin.gate('/a/s12.ts', 1000);
    const running = start(origin.url('/a/list.m3u8'), '--concurrency', '1');
    await gate.reached();
    running.child.kill('SIGINT');
    const result = await running.result;
    expect(result.code).toBe(130);
    expect(asked(/\.ts$/)).toHaveLength(13);
    gate.release();
    origin.resetLog();
    await warm(0, origin.url('/a/list.m3u8'));
    expect(asked(/\.ts$/).length).toBeLessThanOrEqual(20 - 12);
  });

  test('by SIGKILL fetches again at most what a checkpoint covers', async () => {
    const file = noise('big', 24 * MIB);
    origin.put('/big.mp3', file);
    // Slow enough for checkpoints to come while it goes on.
    origin.configure({ bytesPerSecond: 8 * MIB });
    const running = start(origin.url('/big.mp3'));
    await running.said(/"doneBytes":1[2-9]\d{6}/);
    running.child.kill('SIGKILL');
    const killed = await running.result;
    const doneBytes = Number(named(killed, 'progress').at(-1)!['doneBytes']);
    origin.configure({ bytesPerSecond: 0 });
    origin.resetLog();
    const [report] = named(await warm(0, origin.url('/big.mp3')), 'warmed');
    expect(Number(report!['networkBytes'])).toBeLessThanOrEqual(file.length - doneBytes + 4 * MIB);
    expect(await stored(origin.url('/big.mp3'), 'media')).toEqual([sha256(file)]);
  });
});

test('what plays through the same cache goes before a warm job', async () => {
  putSegments(origin, 'w', { count: 40, length: 5000 });
  putSegments(origin, 'p', { count: 3, length: 5000 });
  const gates = new Map(Array.from({ length: 40 }, (_, index) => `/w/s${index}.ts`).map((path) => [path, origin.gate(path, 100)]));
  const program = fileURLToPath(new URL('./warm-and-play.ts', import.meta.url));
  const child = spawn(process.execPath, [program, home.file('cache'), origin.baseUrl], { stdio: ['ignore', 'ignore', 'pipe'] });
  const ended = once(child, 'close');
  const said = createInterface({ input: child.stderr })[Symbol.asyncIterator]();
  for (let line = await said.next(); line.value !== 'asked for /p/list.m3u8'; line = await said.next()) {
    if (line.done === true) throw new Error('the program ended early');
  }
  // All six connections carry bodies of the warm job, and as many of its requests again are waiting.
  while (asked(/^\/w\/s/).length < 6) await setImmediate();
  // One connection by itself: who is served next on two at once, the origin may see in either order.
  gates.get(asked(/^\/w\/s/)[0]!)!.release();
  while (asked(/^\/(w\/s|p\/)/).length < 7) await setImmediate();
  for (const gate of gates.values()) gate.release();
  expect((await ended)[0]).toBe(0);
  const order = asked(/^\/(w\/s|p\/)/);
  expect(order).toHaveLength(40 + 1);
  expect(order[6]).toBe('/p/list.m3u8');
});
