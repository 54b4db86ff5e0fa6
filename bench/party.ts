/**
 * A party on one machine, with real processes: how long a command takes to sound, how soon a late node plays, how well nodes that only
 * keep time agree, how many can decode at once, and how fast tracks are distributed.
 *
 * `npm run bench -- party [--parts commands,late,clocks,decoders,transfer] [--rounds 20] [--clocks 100] [--seconds 20]
 * [--decoders 3,4,8,16] [--megabytes 100]`
 *
 * @module
 */
import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import type { SessionView } from '@tutti/sync/protocol';
import { monotonicUs } from '@tutti/sync/monotonic';
import { fixturePath, PIECE_FRAMES } from '@tutti/fixtures';
import { observe } from './party/observer.ts';
import { onStage, type Stage } from './party/stage.ts';

/** The piece again and again: two minutes of FLAC. */
const album = Array.from({ length: 6 }, () => fixturePath('piece.flac'));
const piece = { durationFrames: PIECE_FRAMES, sampleRate: 44_100 };
/** Processes that start together. */
const startsAtOnce = 5;
/** Between two commands: what a line takes to begin. */
const pauseMs = 300;

export async function run(options: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...options],
    options: {
      parts: { type: 'string', default: 'commands,late,clocks,decoders,transfer' },
      rounds: { type: 'string', default: '20' },
      clocks: { type: 'string', default: '100' },
      seconds: { type: 'string', default: '20' },
      decoders: { type: 'string', default: '3,4,8,16' },
      megabytes: { type: 'string', default: '100' },
    },
  });
  const [rounds, seconds] = [Number(values.rounds), Number(values.seconds)];
  const parts: Readonly<Record<string, () => Promise<void>>> = {
    commands: () => onStage((stage) => commands(stage, rounds)),
    late: () => onStage((stage) => lateJoins(stage, rounds)),
    clocks: () => onStage((stage) => clocks(stage, Number(values.clocks), seconds)),
    async decoders() {
      for (const count of values.decoders.split(',')) await onStage((stage) => decoders(stage, Number(count), seconds));
    },
    transfer: () => onStage((stage) => transfer(stage, Number(values.megabytes))),
  };
  for (const name of values.parts.split(',')) {
    const part = parts[name];
    if (part === undefined) throw new Error(`there is no part ${name}: choose of ${Object.keys(parts).join(', ')}`);
    await part();
  }
}

/** From a command at the host to the instant at which its line begins on every node, tracks prepared and caches warm. */
async function commands({ host, join, keys, until, within }: Stage, rounds: number): Promise<void> {
  using observer = await observe({ port: host.port, keys, ...piece });
  for (const name of ['one', 'two']) join(name);
  await until('the clocks of two nodes', clocksAreReady(2));
  await host.add(album, 'bench');
  await until('the first track', isFirstReady);
  const times: number[] = [];
  for (let round = 0; round <= rounds; round++) {
    const line = observer.nextLine();
    const atUs = monotonicUs();
    await host.command({ kind: 'play' });
    const { t0Us } = await within('a line', line);
    // The first time the nodes opened the track, which they do as soon as they have it.
    if (round > 0) times.push((t0Us - atUs) / 1000);
    await delay(pauseMs);
    const stopped = observer.nextLine();
    await host.command({ kind: 'stop' });
    await within('the end', stopped);
    await delay(pauseMs);
  }
  print('command to sound, two nodes', inMs(times));
}

/** From a node's welcome to its first frame in step, its cache warm. */
async function lateJoins({ host, join, keys, until, within }: Stage, rounds: number): Promise<void> {
  using _observer = await observe({ port: host.port, keys, ...piece });
  await host.add(album, 'bench');
  await until('the first track', isFirstReady);
  await host.command({ kind: 'play' });
  const times: number[] = [];
  for (let round = 0; round <= rounds; round++) {
    // As long as the track plays on, its successor is not what a late node waits for.
    if (host.view.queue.every(({ status }) => status !== 'ready')) await host.add(album, 'bench');
    const node = join('late');
    const [joined, playing] = await within('a late node', Promise.all([node.event('joined'), node.event('playing')]));
    // The first one filled the cache.
    if (round > 0) times.push(Number(playing['atMs']) - Number(joined['atMs']));
    await node.kill();
  }
  print('late join to sound, warm', inMs(times));
}

/** Processes that only keep time: their error against the clock that they share with the host. */
async function clocks({ invitation, start, within }: Stage, count: number, seconds: number): Promise<void> {
  const file = fileURLToPath(new URL('./party/clock-node.ts', import.meta.url));
  const errors: number[] = [];
  const begin = (): Promise<void> => {
    const { promise, resolve } = Promise.withResolvers<void>();
    start(file, [invitation]).onLine((line) => {
      errors.push(Number(line));
      resolve();
    });
    return promise;
  };
  // Each would have a machine of its own to start on; this one is given a few at a time.
  for (let begun = 0; begun < count; begun += startsAtOnce) {
    const batch = Array.from({ length: Math.min(startsAtOnce, count - begun) }, begin);
    await within(`${count} clocks`, Promise.all(batch));
  }
  errors.length = 0;
  const cpu = await cpuOf(() => delay(seconds * 1000));
  print(
    `${count} clocks`,
    `map error p50 ${quantile(errors, 0.5)} µs, p95 ${quantile(errors, 0.95)} µs of ${errors.length}; ${cpu}`,
  );
}

/** Nodes that decode and render: whether any of them is interrupted. */
async function decoders({ host, join, until }: Stage, count: number, seconds: number): Promise<void> {
  for (let index = 0; index < count; index++) join(`node-${index}`);
  await until(`the clocks of ${count} nodes`, clocksAreReady(count));
  await host.add(album, 'bench');
  await until('the first track', isFirstReady);
  await host.command({ kind: 'play' });
  await until('sound everywhere', ({ members }) => members.every(({ report }) => report?.alignP95Us !== undefined));
  const cpu = await cpuOf(() => delay(seconds * 1000));
  const reports = host.view.members.flatMap(({ report }) => (report === undefined ? [] : [report]));
  const underruns = reports.reduce((sum, report) => sum + report.underruns, 0);
  const worstUs = Math.max(...reports.map(({ alignP95Us }) => alignP95Us ?? Number.NaN));
  print(`${count} decoding nodes`, `${underruns} underruns, worst alignment p95 ${worstUs.toFixed(0)} µs; ${cpu}`);
}

/** From adding a track to four nodes having all of it, hashes checked. */
async function transfer({ directory, host, join, until }: Stage, megabytes: number): Promise<void> {
  const names = ['a', 'b', 'c', 'd'];
  for (const name of names) join(name);
  await until('four nodes', ({ members }) => members.length === names.length);
  const file = path.join(directory, 'large.flac');
  await writeFile(file, randomBytes(megabytes * 1e6));
  await host.add([file], 'bench');
  await until('its hash', ({ queue }) => queue[0]?.hash !== undefined);
  const startedMs = performance.now();
  const cpu = await cpuOf(() => until('the transfer', isFirstReady));
  const rate = (megabytes * names.length) / ((performance.now() - startedMs) / 1000);
  print(`${megabytes} MB to four nodes`, `${rate.toFixed(0)} MB/s together; ${cpu}`);
}

function clocksAreReady(count: number): (view: SessionView) => boolean {
  return ({ members }) => members.filter(({ report }) => report?.isClockReady === true).length >= count;
}

function isFirstReady({ queue }: SessionView): boolean {
  return queue[0]?.status === 'ready';
}

/** What this process, the host, spends meanwhile. */
async function cpuOf(use: () => Promise<unknown>): Promise<string> {
  const before = process.cpuUsage();
  const startedMs = performance.now();
  await use();
  const { system, user } = process.cpuUsage(before);
  return `host ${((system + user) / 10 / (performance.now() - startedMs)).toFixed(1)} % of a core`;
}

function inMs(times: readonly number[]): string {
  return `p50 ${quantile(times, 0.5).toFixed(0)} ms, p95 ${quantile(times, 0.95).toFixed(0)} ms of ${times.length}`;
}

/** The value that this share of all does not exceed. */
function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN;
}

function print(what: string, result: string): void {
  process.stdout.write(`${what.padEnd(28)} ${result}\n`);
}
