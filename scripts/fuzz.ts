// Feeds the decoder damaged copies of every fixture and corpus file: `npm run fuzz -- --minutes 10 --seed 1`.
import { parseArgs } from 'node:util';
import { Worker } from 'node:worker_threads';
import type { FuzzMessage, FuzzResult } from './fuzz-thread.ts';

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '10' },
    seed: { type: 'string', default: '1' },
    inputs: { type: 'string', default: 'Infinity' },
  },
});
const firstSeed = Number(values.seed);
const endsAtMs = performance.now() + Number(values.minutes) * 60_000;
const maxInputs = Number(values.inputs);

/** A hang is more than a second per megabyte; the rest is what a busy machine and a short file need. */
const HANG_MS_PER_MB = 1000;
const HANG_SLACK_MS = 10_000;

const ends = new Map<string, number>();
const findings: string[] = [];
let peak: FuzzResult | undefined;
let slowest: FuzzResult | undefined;
let inputs = 0;

for (let seed = firstSeed; !isOver();) seed = await runThread(seed);

process.stdout.write(
  [
    `inputs  ${inputs} (seeds ${firstSeed} to ${firstSeed + inputs - 1})`,
    ...[...ends].toSorted(([a], [b]) => a.localeCompare(b)).map(([end, count]) => `  ${end.padEnd(22)} ${count}`),
    `peak memory  ${((peak?.memoryBytes ?? 0) / 1024 ** 2).toFixed(1)} MiB of WebAssembly (${describe(peak)})`,
    `slowest      ${((slowest?.elapsedMs ?? 0) / 1000).toFixed(2)} s (${describe(slowest)})`,
    ...findings,
    `findings     ${findings.length}`,
    '',
  ].join('\n'),
);
if (findings.length > 0) process.exitCode = 1;

function isOver(): boolean {
  return inputs >= maxInputs || performance.now() >= endsAtMs;
}

/** Runs inputs in one thread until a hang, the last input or the end of the time; returns the next seed. */
async function runThread(firstOfThread: number): Promise<number> {
  const worker = new Worker(new URL('./fuzz-thread.ts', import.meta.url));
  const ended = Promise.withResolvers<number>();
  let seed = firstOfThread;
  let watchdog: NodeJS.Timeout | undefined;
  worker.on('error', (error) => ended.reject(error));
  worker.on('message', (message: FuzzMessage) => {
    if ('running' in message) {
      const { name, bytes } = message.running;
      watchdog = setTimeout(
        () => {
          take({ seed, name, bytes, elapsedMs: 0, memoryBytes: 0, end: 'hang' });
          ended.resolve(seed + 1);
        },
        HANG_SLACK_MS + (bytes / 1e6) * HANG_MS_PER_MB,
      );
      return;
    }
    clearTimeout(watchdog);
    take(message.done);
    seed += 1;
    if (isOver()) ended.resolve(seed);
    else worker.postMessage(seed);
  });
  worker.postMessage(seed);
  const next = await ended.promise;
  await worker.terminate();
  return next;
}

function take(result: FuzzResult): void {
  inputs += 1;
  const end = result.end.startsWith('escaped') ? 'escaped' : result.end;
  ends.set(end, (ends.get(end) ?? 0) + 1);
  if (result.memoryBytes > (peak?.memoryBytes ?? 0)) peak = result;
  if (result.elapsedMs > (slowest?.elapsedMs ?? 0)) slowest = result;
  // A trap ends one stream only and is typed; it is a defect all the same.
  if (end === 'escaped' || end === 'hang' || end === 'decode/trap') findings.push(`${result.end} (${describe(result)})`);
  if (inputs % 500 === 0) process.stderr.write(`${inputs} inputs, ${findings.length} findings\n`);
}

function describe(result: FuzzResult | undefined): string {
  return result === undefined ? '–' : `seed ${result.seed}: ${result.name}, ${result.bytes} bytes`;
}
