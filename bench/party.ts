/**
 * A party on one machine, with real processes: how long a command takes to sound, how soon a late node plays, how well nodes that only
 * keep time agree, how many can decode at once, and how fast tracks are distributed.
 *
 * `npm run bench -- party [--rounds 20] [--clocks 100] [--seconds 20] [--decoders 4,8,16] [--megabytes 100]`
 *
 * @module
 */
import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { openCache } from '@tutti/player';
import { createSecret, formatInvitation, PartyKeys } from '@tutti/sync/protocol';
import { monotonicUs } from '@tutti/sync/monotonic';
import { fixturePath, PIECE_FRAMES } from '@tutti/fixtures';
import { startHost, type Host } from '../apps/player/src/node/host.ts';
import { TrackLibrary } from '../apps/player/src/node/track-library.ts';
import { observe } from './party/observer.ts';

type Child = ChildProcessByStdio<null, Readable, null>;

const launcher = path.resolve(import.meta.dirname, '../apps/player/bin/tutti.js');
/** The piece again and again: two minutes of FLAC. */
const album = Array.from({ length: 6 }, () => fixturePath('piece.flac'));
const piece = { durationFrames: PIECE_FRAMES, sampleRate: 44_100 };

interface Stage {
  readonly host: Host;
  readonly keys: PartyKeys;
  readonly invitation: string;
  readonly directory: string;
  /** Starts a node process with a cache of its own. */
  readonly join: (name: string) => Child;
  readonly start: (file: string, parameters: readonly string[]) => Child;
}

export async function run(options: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...options],
    options: {
      rounds: { type: 'string', default: '20' },
      clocks: { type: 'string', default: '100' },
      seconds: { type: 'string', default: '20' },
      decoders: { type: 'string', default: '4,8,16' },
      megabytes: { type: 'string', default: '100' },
    },
  });
  await onStage((stage) => commands(stage, Number(values.rounds)));
  await onStage((stage) => lateJoins(stage, Math.ceil(Number(values.rounds) / 4)));
  await onStage((stage) => clocks(stage, Number(values.clocks), Number(values.seconds)));
  for (const count of values.decoders.split(',')) await onStage((stage) => decoders(stage, Number(count), Number(values.seconds)));
  await onStage((stage) => transfer(stage, Number(values.megabytes)));
}

async function onStage(use: (stage: Stage) => Promise<void>): Promise<void> {
  const directory = await mkdtemp(path.join(tmpdir(), 'tutti-bench-'));
  const children: Child[] = [];
  const secret = createSecret();
  await using cache = await openCache({ directory: path.join(directory, 'host') });
  await using library = new TrackLibrary({ cache: async () => cache, variant: 'auto' });
  const host = await startHost({
    name: 'bench',
    secret,
    port: 0,
    clockPort: 0,
    maxNodes: 256,
    onHostGone: 'stop',
    library,
    onEvent: () => undefined,
  });
  const invitation = formatInvitation({ host: '127.0.0.1', port: host.port, secret });
  const start = (file: string, parameters: readonly string[]): Child => {
    const environment = { ...process.env, HOME: directory };
    const child = spawn(process.execPath, [file, ...parameters], {
      stdio: ['ignore', 'pipe', 'ignore'],
      env: environment,
      cwd: directory,
    });
    children.push(child);
    return child;
  };
  try {
    await use({
      host,
      keys: new PartyKeys(secret),
      invitation,
      directory,
      start,
      join: (name) =>
        start(launcher, ['join', invitation, '--name', name, '--output', 'null', '--json', '--cache', path.join(directory, name)]),
    });
  } finally {
    await host.close();
    for (const child of children) child.kill('SIGKILL');
    await rm(directory, { recursive: true, force: true });
  }
}

/** From a command at the host to the instant at which its line begins on every node, tracks prepared and caches warm. */
async function commands({ host, join, keys }: Stage, rounds: number): Promise<void> {
  using observer = await observe({ port: host.port, keys, ...piece });
  const nodes = ['one', 'two'].map((name) => join(name));
  await until(host, () => host.view.members.filter(({ report }) => report?.isClockReady === true).length >= nodes.length);
  await host.add(album, 'bench');
  await until(host, () => host.view.queue[0]?.status === 'ready');
  const times: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const line = observer.nextLine();
    const atUs = monotonicUs();
    await host.command({ kind: 'play' });
    times.push(((await line).t0Us - atUs) / 1000);
    await delay(300);
    const stopped = observer.nextLine();
    await host.command({ kind: 'stop' });
    await stopped;
    await delay(300);
  }
  print('command to sound, two nodes', `p50 ${quantile(times, 0.5).toFixed(0)} ms, p95 ${quantile(times, 0.95).toFixed(0)} ms`);
}

/** From a node's welcome to its first frame in step, its cache warm. */
async function lateJoins({ host, join, keys }: Stage, rounds: number): Promise<void> {
  using _observer = await observe({ port: host.port, keys, ...piece });
  await host.add(album, 'bench');
  await until(host, () => host.view.queue[0]?.status === 'ready');
  await host.command({ kind: 'play' });
  const times: number[] = [];
  for (let round = 0; round <= rounds; round++) {
    const child = join('late');
    const joinedMs = Number((await event(child, 'joined'))['atMs']);
    const playingMs = Number((await event(child, 'playing'))['atMs']);
    // The first one filled the cache.
    if (round > 0) times.push(playingMs - joinedMs);
    child.kill('SIGKILL');
  }
  print('late join to sound, warm', `p50 ${quantile(times, 0.5).toFixed(0)} ms, p95 ${quantile(times, 0.95).toFixed(0)} ms`);
}

/** Processes that only keep time: their error against the clock that they share with the host. */
async function clocks({ host, invitation, start }: Stage, count: number, seconds: number): Promise<void> {
  const file = fileURLToPath(new URL('./party/clock-node.ts', import.meta.url));
  const errors: number[] = [];
  for (let index = 0; index < count; index++) {
    start(file, [invitation]).stdout.on('data', (chunk: Buffer) => {
      for (const line of chunk.toString().split('\n')) if (line !== '') errors.push(Number(line));
    });
  }
  await until(host, () => host.view.members.length === count);
  // The first seconds are those of the starts.
  await delay(seconds * 500);
  errors.length = 0;
  const before = process.cpuUsage();
  await delay(seconds * 1000);
  const { system, user } = process.cpuUsage(before);
  const cpu = (100 * (system + user)) / (seconds * 1e6);
  print(
    `${count} clocks`,
    `map error p50 ${quantile(errors, 0.5)} µs, p95 ${quantile(errors, 0.95)} µs of ${errors.length}; host ${cpu.toFixed(1)} % of a core`,
  );
}

/** Nodes that decode and render: whether any of them is interrupted. */
async function decoders({ host, join }: Stage, count: number, seconds: number): Promise<void> {
  for (let index = 0; index < count; index++) join(`node-${index}`);
  await until(
    host,
    () => host.view.members.length === count && host.view.members.every(({ report }) => report?.isClockReady === true),
  );
  await host.add(album, 'bench');
  await until(host, () => host.view.queue[0]?.status === 'ready');
  await host.command({ kind: 'play' });
  const before = process.cpuUsage();
  await delay(seconds * 1000);
  const { system, user } = process.cpuUsage(before);
  const reports = host.view.members.flatMap(({ report }) => (report === undefined ? [] : [report]));
  const underruns = reports.reduce((sum, report) => sum + report.underruns, 0);
  const aligned = reports.flatMap(({ alignP95Us }) => (alignP95Us === undefined ? [] : [alignP95Us]));
  const cpu = ((100 * (system + user)) / (seconds * 1e6)).toFixed(1);
  print(
    `${count} decoding nodes`,
    `${underruns} underruns, worst alignment p95 ${Math.max(...aligned).toFixed(0)} µs; host ${cpu} % of a core`,
  );
}

/** From adding a track to four nodes having all of it, hashes checked. */
async function transfer({ directory, host, join }: Stage, megabytes: number): Promise<void> {
  const nodes = ['a', 'b', 'c', 'd'];
  for (const name of nodes) join(name);
  await until(host, () => host.view.members.length === nodes.length);
  const file = path.join(directory, 'large.flac');
  await writeFile(file, randomBytes(megabytes * 1e6));
  await host.add([file], 'bench');
  await until(host, () => host.view.queue[0]?.hash !== undefined);
  const startedMs = performance.now();
  await until(host, () => host.view.queue[0]?.status === 'ready');
  const rate = (megabytes * nodes.length) / ((performance.now() - startedMs) / 1000);
  print(`${megabytes} MB to four nodes`, `${rate.toFixed(0)} MB/s together`);
}

async function until(host: Host, isReached: () => boolean): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const check = (): void => void (isReached() && resolve());
  using _change = host.onChange(check);
  check();
  await promise;
}

/** The next JSON event of this name. */
async function event(child: Child, name: string): Promise<Readonly<Record<string, unknown>>> {
  return new Promise((resolve) => {
    let text = '';
    const listen = (chunk: Buffer): void => {
      text += chunk.toString();
      for (const line of text.split('\n').slice(0, -1)) {
        const told = JSON.parse(line) as Readonly<Record<string, unknown>>;
        if (told['event'] !== name) continue;
        child.stdout.off('data', listen);
        resolve(told);
        return;
      }
    };
    child.stdout.on('data', listen);
  });
}

function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
}

function print(what: string, result: string): void {
  process.stdout.write(`${what.padEnd(28)} ${result}\n`);
}
