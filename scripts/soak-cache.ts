/**
 * A cache under load: `npm run soak -- --minutes 5 [--assets 200 --readers 32 --seed 1]`. Many readers read random parts of many
 * assets through a cache that is too small for them, from an origin that keeps failing. Exits 1 when a promise is broken.
 *
 * @module
 */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { openAssetStore } from '@tutti/assets';
import { seededRandom } from '@tutti/fixtures';
import { createHttpClient } from '@tutti/net';
import { openFileSource } from '@tutti/stream';
import { countWrong, expectedBytes, makePool, maxBytes, planAssets, writeAssets, type SoakAsset } from './soak-content.ts';
import { readOn, type Soak, type Tally } from './soak-reader.ts';
import { bytesBelow, takeSample, Watch, type Sample } from './soak-watch.ts';

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '5' },
    assets: { type: 'string', default: '200' },
    readers: { type: 'string', default: '32' },
    seed: { type: 'string', default: '1' },
  },
});
const [minutes, assetCount, readerCount, seed] = [values.minutes, values.assets, values.readers, values.seed].map(Number);
if (minutes === undefined || assetCount === undefined || readerCount === undefined || seed === undefined)
  throw new Error('no settings');
if (![minutes, assetCount, readerCount].every((value) => value > 0)) {
  process.stderr.write('usage: npm run soak -- --minutes 5 [--assets 200 --readers 32 --seed 1]\n');
  process.exit(2);
}

/** After the end, a reader may still finish what it is doing: all retries of one request. */
const graceMs = 30_000;
/** One of this many readers reads in a thread of its own. */
const threadEvery = 8;
/** A write that has been admitted may be on its way for each reader: one piece of a body. */
const inFlightBytes = readerCount * 64 * 1024;
const directory = await mkdtemp(path.join(tmpdir(), 'tutti-soak-'));
try {
  process.exitCode = (await soak()) ? 0 : 1;
} finally {
  await rm(directory, { recursive: true, force: true });
}

async function soak(): Promise<boolean> {
  const assets = planAssets(assetCount ?? 0, seed ?? 0);
  const pool = makePool(assets.length, seed ?? 0);
  const totalBytes = assets.reduce((sum, { length }) => sum + length, 0);
  // Half of everything, but room for whatever the readers may have in use at once.
  const limitBytes = Math.max(Math.floor(totalBytes / 2), ((readerCount ?? 0) * maxBytes) / 4);
  await writeAssets(path.join(directory, 'origin'), assets, pool);
  const { child, baseUrl } = await startOriginProcess(path.join(directory, 'origin'));
  const root = path.join(directory, 'cache');
  const tally: Tally = { opened: 0, readBytes: 0, wrongBytes: 0, networkBytes: 0, hits: 0, failures: new Map(), surprises: [] };
  const random = seededRandom((seed ?? 0) + 3);
  const before = await takeSample(root, 0);
  console.log(
    `${assets.length} assets of ${mib(totalBytes)}, limit ${mib(limitBytes)}, ${readerCount} readers, ${minutes} minutes, seed ${seed}`,
  );

  const store = await openAssetStore({ root, maxBytes: limitBytes });
  const client = createHttpClient({ idleTimeoutMs: 1500, retry: { maxRetries: 4, baseMs: 50, capMs: 500 } });
  const watch = new Watch(root);
  const shared: Soak = {
    store,
    client,
    baseUrl,
    assets,
    pool,
    tally,
    random,
    signal: AbortSignal.timeout((minutes ?? 0) * 60_000),
  };
  let endedCount = 0;
  const readers = Array.from({ length: readerCount ?? 0 }, async (_, index) => {
    await readOn(shared, { inThread: index % threadEvery === 0 });
    endedCount += 1;
  });
  const late = setTimeout(
    () => giveUp(`${readers.length - endedCount} readers wait for something that never comes`),
    (minutes ?? 0) * 60_000 + graceMs,
  );
  await Promise.all(readers);
  clearTimeout(late);
  await watch.stop();
  child.send('stop');
  const [{ answers }] = (await once(child, 'message')) as [{ readonly answers: Readonly<Record<string, number>> }];

  const usage = await store.usage();
  const walkedBytes = await bytesBelow(root);
  await client.close();
  await store.close();
  const stored = await checkStored(root, baseUrl, assets, pool);
  child.disconnect();
  const after = await takeSample(root, 0);

  console.log(`\norigin's answers by status: ${JSON.stringify(answers)}`);
  console.log(`failures that reached a reader: ${JSON.stringify(Object.fromEntries(tally.failures))}`);
  const parts = intoParts(watch.samples, (minutes ?? 0) * 60_000);
  printParts(parts);
  return (
    printChecks([
      ['bytes read and compared', mib(tally.readBytes), tally.readBytes > 0],
      ['assets opened / complete in the cache', `${tally.opened} / ${tally.hits}`, tally.opened > 0],
      ['bytes fetched', mib(tally.networkBytes), tally.networkBytes > limitBytes],
      ['wrong bytes read', String(tally.wrongBytes), tally.wrongBytes === 0],
      [
        'wrong bytes on disk',
        `${stored.wrongBytes} in ${stored.assetCount} assets`,
        stored.wrongBytes === 0 && stored.assetCount > 0,
      ],
      ['failures without an explanation', String(tally.surprises.length), tally.surprises.length === 0],
      ...checksOf(parts, limitBytes),
      ['usage equals a walk', `${usage.bytes} = ${walkedBytes}`, usage.bytes === walkedBytes],
      [
        'descriptors after closing',
        `${before.descriptorCount} → ${after.descriptorCount}`,
        after.descriptorCount <= before.descriptorCount + 2,
      ],
    ]) && tellSurprises(tally.surprises)
  );
}

type Check = readonly [name: string, value: string, isKept: boolean];

/** What is compared between the second part of the run and the last one: minutes, or fifths of a shorter run. */
interface Part {
  readonly usedBytes: number;
  readonly rssBytes: number;
  readonly descriptorCount: number;
  readonly threadCount: number;
}

function intoParts(samples: readonly Sample[], durationMs: number): readonly Part[] {
  const partCount = Math.max(5, Math.round(durationMs / 60_000));
  return Array.from({ length: partCount }, (_, index) => {
    const inside = samples.filter(({ atMs }) => Math.min(partCount - 1, Math.floor((atMs / durationMs) * partCount)) === index);
    const most = (pick: (sample: Sample) => number): number => Math.max(0, ...inside.map(pick));
    return {
      usedBytes: most((sample) => sample.usedBytes),
      rssBytes: inside.reduce((sum, { rssBytes }) => sum + rssBytes, 0) / Math.max(1, inside.length),
      descriptorCount: most((sample) => sample.descriptorCount),
      threadCount: most((sample) => sample.threadCount),
    };
  });
}

function checksOf(parts: readonly Part[], limitBytes: number): readonly Check[] {
  const [, second, last] = [parts[0], parts[1], parts.at(-1)];
  if (second === undefined || last === undefined) return [['parts', 'none', false]];
  const mostUsed = Math.max(...parts.map(({ usedBytes }) => usedBytes));
  const isFlat = (from: number, to: number): boolean => to <= from * 1.1 + 4;
  return [
    [
      'most used, limit and bytes in flight',
      `${mib(mostUsed)}, ${mib(limitBytes)} + ${mib(inFlightBytes)}`,
      mostUsed <= limitBytes + inFlightBytes,
    ],
    [
      'most descriptors',
      `${second.descriptorCount} → ${last.descriptorCount}`,
      isFlat(second.descriptorCount, last.descriptorCount),
    ],
    ['most threads', `${second.threadCount} → ${last.threadCount}`, last.threadCount <= second.threadCount],
    ['mean RSS', `${mib(second.rssBytes)} → ${mib(last.rssBytes)}`, last.rssBytes <= second.rssBytes * 1.1],
  ];
}

function printParts(parts: readonly Part[]): void {
  console.log('\npart  most used  mean RSS  descriptors  threads');
  for (const [index, part] of parts.entries()) {
    const row = [mib(part.usedBytes).padStart(11), mib(part.rssBytes).padStart(10), part.descriptorCount, part.threadCount];
    console.log(
      `${String(index + 1).padStart(4)}${String(row[0])}${String(row[1])}${String(row[2]).padStart(12)}${String(row[3]).padStart(9)}`,
    );
  }
}

function printChecks(checks: readonly Check[]): boolean {
  console.log('');
  for (const [name, value, isKept] of checks) console.log(`${isKept ? 'kept  ' : 'BROKEN'}  ${name.padEnd(40)} ${value}`);
  return checks.every(([, , isKept]) => isKept);
}

/** Nothing that hangs can be closed. */
function giveUp(reason: string): void {
  console.log(`BROKEN  ${reason}`);
  rmSync(directory, { recursive: true, force: true });
  process.exit(1);
}

function tellSurprises(surprises: readonly string[]): boolean {
  for (const surprise of surprises.slice(0, 10)) console.log(`  ${surprise}`);
  return surprises.length === 0;
}

/** Reads everything that is complete on disk, without the network. */
async function checkStored(
  root: string,
  baseUrl: string,
  assets: readonly SoakAsset[],
  pool: Uint8Array,
): Promise<{ readonly assetCount: number; readonly wrongBytes: number }> {
  await using store = await openAssetStore({ root });
  let [assetCount, wrongBytes] = [0, 0];
  for (const asset of assets) {
    const url = `${baseUrl}/${asset.name}`;
    if (((await store.stat(url))?.resources.length ?? 0) === 0) continue;
    await using cached = await store.asset(url);
    await using source = await openFileSource({ url, asset: cached, client: undefined });
    const chunks: Uint8Array[] = [];
    for await (const chunk of source.bytes()) chunks.push(chunk);
    wrongBytes += countWrong(Buffer.concat(chunks), expectedBytes(asset, pool, 0, asset.length));
    assetCount += 1;
  }
  return { assetCount, wrongBytes };
}

async function startOriginProcess(media: string): Promise<{ readonly child: ChildProcess; readonly baseUrl: string }> {
  const child = fork(new URL('soak-origin.ts', import.meta.url), [media, String(seed)]);
  const [{ baseUrl }] = (await once(child, 'message')) as [{ readonly baseUrl: string }];
  return { child, baseUrl };
}

function mib(bytes: number): string {
  return `${(bytes / 1024 ** 2).toFixed(1)} MiB`;
}
