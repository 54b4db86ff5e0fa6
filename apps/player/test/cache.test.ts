import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { startOrigin } from '@tutti/fixtures';
import { describe, expect, test } from 'vitest';
import { defaultMaxBytes } from '../src/compose.ts';
import { runTutti, temporaryHome } from './run-tutti.ts';

type Event = Readonly<Record<string, unknown>>;
type Home = Awaited<ReturnType<typeof temporaryHome>>;

function commands(home: Home) {
  const run = async (code: number, ...parameters: string[]): Promise<readonly Event[]> => {
    const result = await runTutti([...parameters, '--cache', home.file('cache'), '--json'], { home: home.directory });
    expect(result.code, result.stderr).toBe(code);
    return result.events();
  };
  return { run };
}

const named = (events: readonly Event[], name: string): Event[] => events.filter(({ event }) => event === name);

/** Flips one bit of the one resource of an asset. */
async function damage(stat: Event): Promise<{ file: string; good: Buffer }> {
  const [resource] = stat['resources'] as { relPath: string }[];
  const file = path.join(String(stat['directory']), resource!.relPath);
  const good = await readFile(file);
  const bad = Buffer.from(good);
  bad[1000]! ^= 1;
  await writeFile(file, bad);
  return { file, good };
}

describe('tutti cache verify', () => {
  test('ends with 2 when something is damaged and takes it out; --repair fetches it again and ends with 0', async () => {
    await using home = await temporaryHome();
    await using origin = await startOrigin();
    const { run } = commands(home);
    const url = origin.url('piece.mp3');
    await run(0, 'warm', url, origin.url('piece.flac'));
    expect((await run(0, 'cache', 'verify')).at(-1)).toMatchObject({ event: 'done', checked: 2, damaged: 0 });
    const { file, good } = await damage((await run(0, 'cache', 'stat', url))[0]!);

    const found = await run(2, 'cache', 'verify', url);
    expect(found.at(-1)).toMatchObject({ event: 'done', checked: 1, damaged: 1, repaired: 0 });
    expect(named(found, 'damaged')).toMatchObject([{ url, reason: 'hash' }]);
    expect(existsSync(file)).toBe(false);
    await run(0, 'warm', url);
    expect(await readFile(file)).toEqual(good);

    await damage((await run(0, 'cache', 'stat', url))[0]!);
    const repaired = await run(0, 'cache', 'verify', '--repair');
    expect(named(repaired, 'repaired')).toMatchObject([{ url }]);
    expect(repaired.at(-1)).toMatchObject({ checked: 2, damaged: 1, repaired: 1 });
    expect(await readFile(file)).toEqual(good);

    await damage((await run(0, 'cache', 'stat', url))[0]!);
    await origin.stop();
    const text = await runTutti(['cache', 'verify', '--repair', '--cache', home.file('cache')], { home: home.directory });
    expect(text.code).toBe(2);
    expect(text.stderr).toMatch(/piece\.mp3.*its bytes have changed/);
    expect(text.stdout.toString()).toMatch(/2 files .* checked: 1 damaged and taken out, 0 fetched again/);
  });
});

describe('tutti cache pin, unpin and evict', () => {
  test('evict brings the cache under a limit and keeps what is pinned', async () => {
    await using home = await temporaryHome();
    await using origin = await startOrigin();
    const { run } = commands(home);
    const [kept, other] = [origin.url('piece.mp3'), origin.url('piece.ogg')];
    expect(named(await run(0, 'warm', kept, '--pin'), 'pinned')).toMatchObject([{ url: kept, isPinned: true }]);
    await run(0, 'warm', other);
    expect(named(await run(0, 'cache', 'pin', other), 'pinned')).toMatchObject([{ url: other, isPinned: true }]);
    expect((await run(2, 'cache', 'evict', '--max-bytes', '1k')).at(-1)).toMatchObject({ evicted: 0, isWithinLimit: false });
    expect(named(await run(0, 'cache', 'unpin', other), 'unpinned')).toMatchObject([{ url: other, isPinned: false }]);
    const evicted = await run(2, 'cache', 'evict', '--max-bytes', '1k');
    expect(named(evicted, 'evicted')).toMatchObject([{ url: other }]);
    expect(named(await run(0, 'cache', 'ls'), 'asset')).toMatchObject([{ url: kept, isPinned: true }]);
    await run(0, 'cache', 'unpin', kept);
    expect((await run(0, 'cache', 'evict', '--max-bytes', '1k')).at(-1)).toMatchObject({ evicted: 1, isWithinLimit: true });
    await run(1, 'cache', 'pin', kept);
  });

  test('listing and measuring evict nothing, whatever the limit', async () => {
    await using home = await temporaryHome();
    await using origin = await startOrigin();
    const { run } = commands(home);
    await run(0, 'warm', origin.url('piece.mp3'));
    expect(named(await run(0, 'cache', 'ls', '--max-bytes', '1k'), 'asset')).toHaveLength(1);
    expect(await run(0, 'cache', 'usage', '--max-bytes', '1k')).toMatchObject([
      { assetCount: 1, maxBytes: 1024, isDefaultLimit: false },
    ]);
  });
});

describe('the limit of a cache that was given none', () => {
  test('is 10 GiB or a tenth of the room without the cache, whichever is less', () => {
    expect(defaultMaxBytes({ bytes: 0, freeBytes: 1e12 })).toBe(10 * 1024 ** 3);
    expect(defaultMaxBytes({ bytes: 0, freeBytes: 1e9 })).toBe(1e8);
    expect(defaultMaxBytes({ bytes: 1e8, freeBytes: 9e8 })).toBe(1e8);
  });

  test('is told by cache usage', async () => {
    await using home = await temporaryHome();
    const { run } = commands(home);
    const [usage] = await run(0, 'cache', 'usage');
    expect(usage).toMatchObject({ isDefaultLimit: true });
    const room = Number(usage!['bytes']) + Number(usage!['freeBytes']);
    expect(usage!['maxBytes']).toBe(Math.min(10 * 1024 ** 3, Math.floor(room / 10)));
    const text = await runTutti(['cache', 'usage', '--cache', home.file('cache')], { home: home.directory });
    expect(text.stdout.toString()).toMatch(/limit \d+\.\d [MG]iB by default/);
  });
});

test.each(['verify', 'evict', 'pin', 'unpin'])('cache %s --help has an example', async (name) => {
  await using home = await temporaryHome();
  const help = await runTutti(['cache', name, '--help'], { home: home.directory });
  expect(help.code).toBe(0);
  expect(help.stdout.toString()).toMatch(new RegExp(`Example:\\n  \\$ tutti cache ${name} \\S`));
});
