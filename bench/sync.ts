/**
 * How far apart three nodes sound: between their audio outputs, not by their own estimate. Three processes play the same music into three
 * sinks of one sound server (the rig), everything is recorded sample-aligned and compared by cross-correlation; Snapcast does the same over
 * the same path. Without a sound card, but with a real sound server, real time and real threads.
 *
 * `--minutes N` per row (default 1), `--rows party,party-busy,bare,fast,snapcast,snapcast-busy` (default all).
 *
 * @module
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { noiseSignal, toInt16, wavFile } from '@tutti/fixtures';
import { startNodes } from './sync/bare-nodes.ts';
import { startParty } from './sync/party-nodes.ts';
import { nodeCount, sampleRate, type Players, type Take } from './sync/players.ts';
import { startRig, type Measurement, type Recording } from './sync/rig.ts';
import { startSnapcast } from './sync/snapcast.ts';

/** One node's device counts its frames this much too fast, and resamples what it is given accordingly. */
const fastPpm = 80;

/** People gather before they play: the nodes have been there for so long. */
const settleSeconds = 20;

interface Row {
  readonly name: string;
  readonly title: string;
  readonly isBusy: boolean;
  start(take: Take): Promise<Players>;
}

const rows: readonly Row[] = [
  { name: 'party', title: 'tutti host and join', isBusy: false, start: startParty },
  { name: 'party-busy', title: 'tutti host and join, two busy loops', isBusy: true, start: startParty },
  { name: 'bare', title: 'players without a network', isBusy: false, start: (take) => startNodes(take, 0) },
  { name: 'fast', title: `… one device ${fastPpm} ppm fast`, isBusy: false, start: (take) => startNodes(take, fastPpm) },
  { name: 'snapcast', title: 'Snapcast', isBusy: false, start: startSnapcast },
  { name: 'snapcast-busy', title: 'Snapcast, two busy loops', isBusy: true, start: startSnapcast },
];

/** Prints one line per row: spread at the start and once settled. */
export async function run(options: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...options],
    options: {
      minutes: { type: 'string', default: '1' },
      rows: { type: 'string', default: rows.map((row) => row.name).join(',') },
    },
  });
  const seconds = Number(values.minutes) * 60;
  const wanted = values.rows.split(',');
  const interrupted = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => interrupted.abort());
  const directory = await mkdtemp(path.join(os.tmpdir(), 'tutti-sync-'));
  try {
    await using rig = await startRig(directory, nodeCount);
    const take: Take = { rig, directory, signal: interrupted.signal, ...(await makeMusic(directory, seconds + 30)) };
    process.stdout.write(`${nodeCount} nodes, ${values.minutes} min a row, spread between the outputs in µs\n\n`);
    process.stdout.write(`${'player'.padEnd(36)}  start     p50     p95     max  windows  by itself\n`);
    for (const row of rows) {
      if (!wanted.includes(row.name)) continue;
      const { measurement, report } = await measure(row, take, seconds);
      process.stdout.write(`${row.title.padEnd(36)}${columns(measurement)}  ${report}\n`);
    }
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

async function measure(row: Row, take: Take, seconds: number): Promise<{ measurement: Measurement; report: string }> {
  const { recording, report } = await play(row, take, seconds);
  return { measurement: await recording.measure(), report };
}

/** Plays and records; nothing of it runs any more when the recording is measured. */
async function play(row: Row, take: Take, seconds: number): Promise<{ recording: Recording; report: string }> {
  const loops = row.isBusy ? [busyLoop(), busyLoop()] : [];
  try {
    await using players = await row.start(take);
    await setTimeout(settleSeconds * 1000, undefined, { signal: take.signal });
    const recording = await take.rig.record();
    await players.begin();
    await setTimeout(seconds * 1000, undefined, { signal: take.signal });
    const report = await players.report();
    await recording.stop();
    return { recording, report };
  } finally {
    for (const loop of loops) loop.kill();
  }
}

function columns({ startUs, p50Us, p95Us, maxUs, windows }: Measurement): string {
  return [startUs, p50Us, p95Us, maxUs].map((us) => us.toFixed(0).padStart(7)).join(' ') + String(windows).padStart(9);
}

/** Noise that never repeats: every window has one best match. */
async function makeMusic(directory: string, seconds: number): Promise<{ wavPath: string; rawPath: string }> {
  const mono = noiseSignal({ variant: 1, channel: 0, frameCount: Math.ceil(seconds * sampleRate) });
  const channel = Float64Array.from(mono);
  const samples = toInt16([channel, channel]);
  const [wavPath, rawPath] = [path.join(directory, 'music.wav'), path.join(directory, 'music.raw')];
  await writeFile(wavPath, wavFile({ samples, sampleRate, channelCount: 2 }));
  await writeFile(rawPath, new Uint8Array(samples.buffer, samples.byteOffset, samples.byteLength));
  return { wavPath, rawPath };
}

function busyLoop(): ChildProcess {
  return spawn(process.execPath, ['-e', 'for (;;);'], { stdio: 'ignore' });
}
