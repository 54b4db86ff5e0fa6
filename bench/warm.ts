/**
 * `tutti warm` beside other downloaders: 301 encrypted segments from an origin in a process of its own, at several latencies and
 * over a slow link. Everybody is a cold process, and everybody but curl decrypts; ours hashes and makes every file durable, too.
 *
 * Each round runs every contender once, in turn, so that a busy machine is busy for all of them; medians are compared.
 * `--rounds N` (default 3) and `--minutes M` (default 6) bound it: a condition whose share of the time is over has had its rounds.
 *
 * @module
 */
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { startOriginProcess, type OriginProcess } from '@tutti/fixtures';
import { contendersHere, tuttiBy, type Contender, type Job, type TuttiContender } from './downloads/contenders.ts';
import { makeMediaSet, SEGMENT_COUNT, type MediaSet } from './downloads/media-set.ts';
import { versionOf, type ProgramResult } from './downloads/run-program.ts';
import { packCommand } from './first-audio/packed-command.ts';

const MIB = 1024 * 1024;
const LINK_BYTES_PER_SECOND = 4e6;
const CONDITIONS = [
  { name: '0 ms', latencyMs: 0, bytesPerSecond: 0 },
  { name: '20 ms', latencyMs: 20, bytesPerSecond: 0 },
  { name: '50 ms', latencyMs: 50, bytesPerSecond: 0 },
  { name: '4 MB/s', latencyMs: 0, bytesPerSecond: LINK_BYTES_PER_SECOND },
] as const;

/** What `tutti warm --json` says at its end. */
interface DoneEvent {
  readonly event: string;
  readonly complete: number;
  readonly networkBytes: number;
  readonly eventLoopDelayP99Ms: number;
  readonly peakMemoryBytes: number;
}

/** Prints a table for each set, what our own process cost, and the requests that it made. */
export async function run(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({ args: [...args], options: { rounds: { type: 'string' }, minutes: { type: 'string' } } });
  const rounds = Number(values.rounds ?? 3);
  const minutes = Number(values.minutes ?? 6);
  if ((await versionOf('ffmpeg', '-version')) === undefined) {
    process.stdout.write('this bench makes its media with ffmpeg, which is not on this machine\n');
    return;
  }
  const root = await mkdtemp(join(tmpdir(), 'tutti-'));
  try {
    await mkdir(join(root, 'media'));
    await using origin = await startOriginProcess(join(root, 'media'));
    await using packed = await packCommand();
    const ours = tuttiBy(packed.launcher);
    const { absent, present, versions } = await contendersHere();
    process.stdout.write(`${versions.join(', ')}; not installed: ${absent.join(', ') || 'none'}\n`);
    process.stdout.write('tutti is the packed command; medians; each column also as our time to theirs\n\n');
    const sets = [await makeMediaSet(join(root, 'media'), 'TS'), await makeMediaSet(join(root, 'media'), 'fMP4')];
    const shareMs = (minutes * 60_000) / (sets.length * CONDITIONS.length);
    const bench = { root, origin, ours, contenders: [ours, ...present], rounds, shareMs };
    for (const set of sets) await compare(set, bench);
    for (const set of sets) await account(set, bench);
  } finally {
    await rm(root, { recursive: true, force: true });
  }
}

interface Bench {
  readonly root: string;
  readonly origin: OriginProcess;
  readonly ours: TuttiContender;
  /** Ourselves first. */
  readonly contenders: readonly Contender[];
  readonly rounds: number;
  /** Milliseconds that each condition may take. */
  readonly shareMs: number;
}

async function compare(set: MediaSet, bench: Bench): Promise<void> {
  const { contenders, origin, rounds, shareMs } = bench;
  const names = contenders.slice(1).map(({ name }) => name);
  process.stdout.write(`| ${set.name}, ${SEGMENT_COUNT} × ${(set.bytes / SEGMENT_COUNT / 1024).toFixed(0)} KiB | tutti warm `);
  process.stdout.write(`| ${names.join(' | ')} | rounds |\n|${'---|'.repeat(names.length + 3)}\n`);
  for (const { name, bytesPerSecond, latencyMs } of CONDITIONS) {
    await origin.configure({ latencyMs, bytesPerSecond });
    const seconds = contenders.map((): number[] => []);
    const startedAtMs = performance.now();
    let round = 0;
    for (; round < rounds && (round === 0 || performance.now() - startedAtMs < shareMs); round += 1) {
      for (const [index, contender] of contenders.entries()) {
        const result = await download(contender, set.playlist, set, bench);
        if (result.code !== 0) throw new Error(`${contender.name} ended with ${result.code}`);
        seconds[index]?.push(result.seconds);
      }
    }
    const [ours = 0, ...theirs] = seconds.map(median);
    const floor =
      bytesPerSecond === 0
        ? ''
        : ` (link's floor ${(set.bytes / bytesPerSecond).toFixed(2)} s: ${(ours / (set.bytes / bytesPerSecond)).toFixed(2)})`;
    const cells = theirs.map((other) => `${other.toFixed(2)} s: ${(ours / other).toFixed(2)}`);
    process.stdout.write(`| ${name} | ${ours.toFixed(2)} s${floor} | ${cells.join(' | ')} | ${round} |\n`);
  }
  process.stdout.write('\n');
}

/** Downloads into a directory that is empty before and gone after. */
async function download(contender: Contender, playlist: string, set: MediaSet, bench: Bench): Promise<ProgramResult> {
  return inHome(bench, async (home) => contender.download(jobOf(playlist, set, { home, origin: bench.origin })));
}

function jobOf(playlist: string, set: MediaSet, { home, origin }: { readonly home: string; readonly origin: OriginProcess }): Job {
  const url = `${origin.baseUrl}/${playlist}`;
  return { set, home, url, baseUrl: url.slice(0, url.lastIndexOf('/')) };
}

async function inHome<T>({ root }: Bench, use: (home: string) => Promise<T>): Promise<T> {
  const home = await mkdtemp(join(root, 'home-'));
  try {
    return await use(home);
  } finally {
    await rm(home, { recursive: true, force: true });
  }
}

/** What a warm job cost our own process, whether it asked for anything twice, and what a second one costs. */
async function account(set: MediaSet, bench: Bench): Promise<void> {
  const { origin, ours } = bench;
  await origin.configure({ latencyMs: 20, bytesPerSecond: 0 });
  for (const playlist of [set.playlist, set.longPlaylist]) {
    await inHome(bench, async (home) => {
      const job = jobOf(playlist, set, { home, origin });
      await origin.takeTargets();
      const first = await ours.download(job);
      const asked = await origin.takeTargets();
      const second = [await ours.download(job), await ours.download(job), await ours.download(job)];
      const askedAgain = await origin.takeTargets();
      const done = doneEvent(first);
      const wanted = (playlist === set.playlist ? set.files.length : (set.files.length - initCount(set)) * 10 + initCount(set)) + 2;
      const repeated = asked.length - new Set(asked).size;
      const segmentsAgain = askedAgain.filter((target) => !target.includes('.m3u8')).length;
      process.stdout.write(
        `${set.name}, ${wanted - 2} files, 20 ms: ${first.seconds.toFixed(2)} s, peak memory ${(done.peakMemoryBytes / MIB).toFixed(0)} MiB, ` +
          `event loop delay p99 ${done.eventLoopDelayP99Ms.toFixed(1)} ms, ${asked.length} requests of ${wanted} ` +
          `(1 playlist, 1 key, the rest media), ${repeated} twice; again: ${median(second.map(({ seconds }) => seconds)).toFixed(2)} s, ` +
          `${segmentsAgain} requests for media or keys; hashes right: ${await ours.arrived?.(job)}\n`,
      );
    });
  }
}

function initCount({ name }: MediaSet): number {
  return name === 'fMP4' ? 1 : 0;
}

function doneEvent({ code, stdout }: ProgramResult): DoneEvent {
  const events = stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as DoneEvent);
  const done = events.find(({ event }) => event === 'done');
  if (code !== 0 || done?.complete !== 1) throw new Error(`tutti warm ended with ${code}: ${stdout.slice(-500)}`);
  return done;
}

function median(values: readonly number[]): number {
  return values.toSorted((one, other) => one - other)[Math.floor(values.length / 2)] ?? 0;
}
