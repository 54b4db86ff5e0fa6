/**
 * A party under load: `npm run soak -- party [--minutes 30 --seed 1]`. A host and two nodes, three processes with caches of their own,
 * while somebody seeks, pauses, skips and adds at random and one node is killed every minute and starts again. Exits 1 when a promise
 * is broken.
 *
 * @module
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { fixturePath, seededRandom } from '@tutti/fixtures';
import type { SessionView } from '@tutti/sync/protocol';
import { ctl, nodesOf, PartyProcess, type CommandOutcome } from './soak-party-processes.ts';

const { values } = parseArgs({ options: { minutes: { type: 'string', default: '30' }, seed: { type: 'string', default: '1' } } });
const [minutes, seed] = [Number(values.minutes), Number(values.seed)];
if (!(minutes > 0) || !Number.isInteger(seed)) {
  process.stderr.write('usage: npm run soak -- party [--minutes 30 --seed 1]\n');
  process.exit(2);
}

/** Of every minute: disturbances, then silence of who commands, then the looks that count. */
const disturbedMs = 42_000;
const settlingMs = 5000;
const lookEveryMs = 2000;
const maxAlignmentUs = 1000;
/** Memory may differ so much between two quarters of the run. */
const memorySlack = 1.1;
/** Every sort of track: lossless, lossy, other rates and channels, and one whose length nobody knows beforehand. */
const tracks = ['piece.flac', 'piece.m4a', 'piece.mp3', 'mono-48k.flac', 'piece.aac', 'piece.ogg'].map(fixturePath);
/** No track of those is longer, in seconds. */
const longestSeconds = 20;
/** What may be refused: nothing plays, what was asked for is not there yet, or a track ended between looking at the queue and changing it. */
const explained = new Set(['party/nothing-to-play', 'party/incomplete', 'sync/queue-changed']);

interface Memory {
  readonly atMs: number;
  readonly hostBytes: number;
  readonly survivorBytes: number;
}

const home = await mkdtemp(path.join(tmpdir(), 'tutti-soak-'));
const random = seededRandom(seed);
const surprises: string[] = [];
const alignmentsUs: number[] = [];
const memory: Memory[] = [];
const interruptions = new Map<string, number>();
let [commandCount, refusedCount, killCount, endedCount] = [0, 0, 0, 0];

const host = start('host', ['host', ...tracks, '--port', '0', '--clock-port', '0', '--name', 'soak']);
const processes = new Set([host]);
try {
  process.exitCode = (await soak()) ? 0 : 1;
} finally {
  for (const each of processes) await each.kill();
  await rm(home, { recursive: true, force: true });
}

async function soak(): Promise<boolean> {
  const invitation = String((await host.next('hosting'))?.['invitation']).replace(/\/\/[^:]+:/, '//127.0.0.1:');
  const join = async (name: string): Promise<PartyProcess> => {
    const node = start(name, ['join', invitation, '--name', name]);
    processes.add(node);
    await node.next('joined');
    return node;
  };
  const survivor = await join('survivor');
  let victim = await join('victim');
  console.log(`a host and two nodes, ${minutes} minutes, seed ${seed}`);
  console.log('minute  commands  refused  kills  worst alignment  host     survivor');
  const startMs = performance.now();
  const watch = setInterval(() => void remember(survivor, performance.now() - startMs), 2000);
  try {
    for (let minute = 1; minute <= minutes; minute++) {
      const endMs = startMs + minute * 60_000;
      const killAtMs = endMs - 60_000 + random() * disturbedMs;
      let isKilled = false;
      while (performance.now() < endMs - 60_000 + disturbedMs) {
        if (!isKilled && performance.now() >= killAtMs) {
          isKilled = true;
          processes.delete(victim);
          await victim.kill();
          victim = await join('victim');
          killCount += 1;
        }
        await disturb();
        await delay(500 + random() * 2500);
      }
      await play();
      await delay(settlingMs);
      const worstUs = await look(endMs);
      const last = memory.at(-1);
      const cells = [minute, commandCount, refusedCount, killCount].map((value, index) =>
        String(value).padStart([6, 10, 9, 7][index] ?? 0),
      );
      console.log(
        `${cells.join('')}${`${worstUs.toFixed(0)} µs`.padStart(17)}  ${mib(last?.hostBytes)}  ${mib(last?.survivorBytes)}`,
      );
      if (endedCount > 0) break;
    }
  } finally {
    clearInterval(watch);
  }
  return summarize();
}

function start(name: string, parameters: readonly string[]): PartyProcess {
  return new PartyProcess(name, {
    home,
    parameters,
    onLost(reason) {
      endedCount += 1;
      surprises.push(reason);
    },
    onEvent(told) {
      const { event } = told;
      if (event === 'underrun' || event === 'snapped') interruptions.set(event, (interruptions.get(event) ?? 0) + 1);
      const isSurvivor = name !== 'victim';
      if (event === 'track-failed' || event === 'node-failed' || event === 'error' || (isSurvivor && event === 'reconnecting'))
        surprises.push(`${name}: ${JSON.stringify(told)}`);
    },
  });
}

/** One thing that people do. */
async function disturb(): Promise<void> {
  const choice = random();
  const where = random() * longestSeconds;
  const track = tracks[Math.floor(random() * tracks.length)] ?? '';
  if (choice < 0.4) await command('seek', where.toFixed(3));
  else if (choice < 0.55) await command('pause');
  else if (choice < 0.75) await command('resume');
  else if (choice < 0.9) await command('skip');
  else await command('add', track);
}

async function command(...parameters: readonly string[]): Promise<CommandOutcome> {
  const outcome = await ctl(home, ...parameters);
  commandCount += 1;
  if (outcome.code === undefined) return outcome;
  refusedCount += 1;
  if (!explained.has(outcome.code)) surprises.push(`ctl ${parameters.join(' ')}: ${outcome.code}`);
  return outcome;
}

/** Whatever was done before: the queue holds more than will be heard, what was heard is taken out of it, and it plays. */
async function play(): Promise<void> {
  const { queue } = await status();
  const playedCount = queue.filter(({ status }) => status === 'played').length;
  for (let count = 0; count < playedCount; count++) await command('remove', '1');
  if (queue.length - playedCount < 4) await command('add', ...tracks);
  await command('play');
}

/** What the host says of the session, asked until it answers: a host that never does again is a surprise of its own. */
async function status(): Promise<SessionView> {
  for (;;) {
    const { events } = await command('status');
    const told = events.find(({ event }) => event === 'status');
    if (told !== undefined) return told as unknown as SessionView;
    if (endedCount > 0) throw new Error(`a process has ended: ${surprises.join('; ')}`);
  }
}

/** Looks at the nodes until the minute is over: the worst alignment that any of them tells. */
async function look(endMs: number): Promise<number> {
  let worstUs = 0;
  do {
    const { queue, state } = await status();
    const members = await nodesOf(home);
    if (state !== 'playing') {
      const waiting = queue.map(({ label, status }) => `${label} ${status}`).join(', ');
      surprises.push(`the party is ${state} although it was told to play: ${waiting}`);
    }
    if (members.length !== 3) surprises.push(`${members.length} of 3 nodes are there`);
    for (const { name, report } of members) {
      const alignmentUs = report?.alignP95Us;
      if (alignmentUs === undefined) surprises.push(`${name} plays nothing after settling`);
      else {
        alignmentsUs.push(alignmentUs);
        worstUs = Math.max(worstUs, alignmentUs);
        if (alignmentUs > maxAlignmentUs) surprises.push(`${name} is ${alignmentUs.toFixed(0)} µs off after settling`);
      }
    }
    await delay(Math.max(0, Math.min(lookEveryMs, endMs - performance.now())));
  } while (performance.now() < endMs);
  return worstUs;
}

async function remember(survivor: PartyProcess, atMs: number): Promise<void> {
  const [hostBytes, survivorBytes] = await Promise.all([host.rssBytes(), survivor.rssBytes()]);
  memory.push({ atMs, hostBytes, survivorBytes });
}

/** The first quarter of the run is the start; the second and the last one are compared. */
function summarize(): boolean {
  const lengthMs = memory.at(-1)?.atMs ?? 0;
  const meanOf = (quarter: number, pick: (sample: Memory) => number): number => {
    const inside = memory.filter(({ atMs }) => Math.min(3, Math.floor((4 * atMs) / lengthMs)) === quarter);
    return inside.reduce((sum, sample) => sum + pick(sample), 0) / Math.max(1, inside.length);
  };
  const flat = (name: string, pick: (sample: Memory) => number): Check => {
    const [settled, last] = [meanOf(1, pick), meanOf(3, pick)];
    return [`memory of the ${name}`, `${mib(settled)} → ${mib(last)}`, settled > 0 && last <= settled * memorySlack];
  };
  const worstUs = Math.max(0, ...alignmentsUs);
  const checks: readonly Check[] = [
    ['processes that ended by themselves', String(endedCount), endedCount === 0],
    ['kills', String(killCount), killCount > 0],
    [
      'worst alignment after settling',
      `${worstUs.toFixed(0)} µs of ${alignmentsUs.length} looks`,
      worstUs <= maxAlignmentUs && alignmentsUs.length > 0,
    ],
    flat('host', ({ hostBytes }) => hostBytes),
    flat('surviving node', ({ survivorBytes }) => survivorBytes),
    ['surprises', String(surprises.length), surprises.length === 0],
  ];
  console.log('');
  for (const [name, value, isKept] of checks) console.log(`${isKept ? 'kept  ' : 'BROKEN'}  ${name.padEnd(40)} ${value}`);
  console.log(`underruns ${interruptions.get('underrun') ?? 0}, snaps ${interruptions.get('snapped') ?? 0}, in all processes`);
  for (const surprise of surprises.slice(0, 20)) console.log(`  ${surprise}`);
  return checks.every(([, , isKept]) => isKept);
}

type Check = readonly [name: string, value: string, isKept: boolean];

function mib(bytes = 0): string {
  return `${(bytes / 1024 ** 2).toFixed(0)} MiB`;
}
