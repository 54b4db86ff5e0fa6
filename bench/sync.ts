/**
 * How far apart three nodes sound: between their audio outputs, not by their own estimate. Three processes play the same music into three
 * sinks of one sound server (the rig), everything is recorded sample-aligned and compared by cross-correlation; Snapcast does the same over
 * the same path. Without a sound card, but with a real sound server, real time and real threads.
 *
 * `--minutes N` per row (default 1), `--rows quiet,busy,fast,snapcast,snapcast-busy` (default all).
 *
 * @module
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { noiseSignal, toInt16, wavFile } from '@tutti/fixtures';
import { startRig, type Measurement, type Rig } from './sync/rig.ts';

const nodeCount = 3;
const sampleRate = 48_000;
/** From the command to the first frame. */
const leadUs = 1_000_000;
/** One node's device counts its frames this much too fast, and resamples what it is given accordingly. */
const fastPpm = 80;
const snapcastPort = 17_494;

/** One set of players for the length of a take. */
interface Players extends AsyncDisposable {
  /** What the players say of themselves at the end, for the table. */
  report(): string;
}

interface Row {
  readonly name: string;
  readonly title: string;
  readonly isBusy: boolean;
  start(take: Take): Promise<Players>;
}

interface Take {
  readonly rig: Rig;
  readonly directory: string;
  readonly wavPath: string;
  readonly rawPath: string;
}

const rows: readonly Row[] = [
  { name: 'quiet', title: 'tutti', isBusy: false, start: (take) => startNodes(take, 0) },
  { name: 'busy', title: 'tutti, two busy loops', isBusy: true, start: (take) => startNodes(take, 0) },
  { name: 'fast', title: `tutti, one device ${fastPpm} ppm fast`, isBusy: false, start: (take) => startNodes(take, fastPpm) },
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
  const directory = await mkdtemp(path.join(os.tmpdir(), 'tutti-sync-'));
  try {
    await using rig = await startRig(directory, nodeCount);
    const take: Take = { rig, directory, ...(await makeMusic(directory, seconds + 30)) };
    process.stdout.write(`${nodeCount} nodes, ${values.minutes} min a row, spread between the outputs in µs\n\n`);
    process.stdout.write(`${'player'.padEnd(32)}  start     p50     p95     max  windows  by itself\n`);
    for (const row of rows) {
      if (!wanted.includes(row.name)) continue;
      const { measurement, report } = await measure(row, take, seconds);
      process.stdout.write(`${row.title.padEnd(32)}${columns(measurement)}  ${report}\n`);
    }
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

async function measure(row: Row, take: Take, seconds: number): Promise<{ measurement: Measurement; report: string }> {
  const loops = row.isBusy ? [busyLoop(), busyLoop()] : [];
  try {
    const stopRecording = await take.rig.record();
    await using players = await row.start(take);
    await setTimeout(seconds * 1000);
    const measurement = await stopRecording();
    return { measurement, report: players.report() };
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

async function startNodes({ rig, wavPath }: Take, lastNodePpm: number): Promise<Players> {
  const main = new URL('./sync/node-main.ts', import.meta.url).pathname;
  const statuses: string[] = [];
  const children: ChildProcess[] = [];
  for (let node = 1; node <= nodeCount; node += 1) {
    const ppm = node === nodeCount ? lastNodePpm : 0;
    const env = await rig.playerEnvironment(node);
    const child = spawn(process.execPath, [main, '--file', wavPath, '--fake-rate-ppm', String(ppm)], {
      env,
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    children.push(child);
    const lines = createInterface({ input: child.stdout });
    await Promise.race([once(lines, 'line'), failed(child)]);
    lines.on('line', (line) => {
      const { status } = JSON.parse(line) as { readonly status?: { alignP95Us?: number; underruns: number; snaps: number } };
      if (status !== undefined)
        statuses[node - 1] = `p95 ${status.alignP95Us?.toFixed(0) ?? '–'}, ${status.underruns} underruns, ${status.snaps} snaps`;
    });
  }
  const t0Us = Number(process.hrtime.bigint() / 1000n) + leadUs;
  for (const child of children) child.stdin?.write(`${t0Us}\n`);
  return { report: () => statuses.join('; '), [Symbol.asyncDispose]: () => endAll(children) };
}

async function startSnapcast({ rig, directory, rawPath }: Take): Promise<Players> {
  const config = path.join(directory, 'snapserver.conf');
  await writeFile(
    config,
    [
      `[server]\ndatadir = ${directory}`,
      '[http]\nenabled = false',
      '[tcp]\nenabled = false',
      `[stream]\nbind_to_address = 127.0.0.1\nport = ${snapcastPort}`,
      `source = file://${rawPath}?name=take&sampleformat=${sampleRate}:16:2&codec=pcm`,
    ].join('\n'),
  );
  const children = [spawn('snapserver', ['-c', config, '--logging.sink', 'null'], { stdio: 'ignore' })];
  for (let node = 1; node <= nodeCount; node += 1) {
    const env = await rig.playerEnvironment(node);
    const who = ['-i', String(node), '--hostID', `node${node}`];
    const where = ['-h', '127.0.0.1', '-p', String(snapcastPort)];
    children.push(spawn('snapclient', [...who, ...where, '-s', 'default', '--logsink', 'null'], { env, stdio: 'ignore' }));
  }
  await Promise.race([setTimeout(500), ...children.map(failed)]);
  return { report: () => '', [Symbol.asyncDispose]: () => endAll(children) };
}

function busyLoop(): ChildProcess {
  return spawn(process.execPath, ['-e', 'for (;;);'], { stdio: 'ignore' });
}

async function failed(child: ChildProcess): Promise<never> {
  const [codeOrError] = (await Promise.race([once(child, 'exit'), once(child, 'error')])) as [unknown];
  throw new Error(`${child.spawnfile} ended before it played: ${String(codeOrError)}`);
}

async function endAll(children: readonly ChildProcess[]): Promise<void> {
  for (const child of children) {
    const ended = once(child, 'exit');
    child.stdin?.end();
    child.kill();
    if (child.exitCode === null && child.signalCode === null) await ended;
  }
}
