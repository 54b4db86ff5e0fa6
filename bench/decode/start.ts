/** How soon a decode worker gives sound, from the sources and from the packed tarball, beside a thread that does nothing. */
import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { enableCompileCache } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';
import * as sources from '@tutti/decode';
import { fixturePath } from '@tutti/fixtures';

const ROUNDS = 15;
const root = path.join(import.meta.dirname, '../..');

/** Prints milliseconds and the ratio to the bare thread, medians of interleaved rounds. The decoder is compiled before. */
export async function printStarts(): Promise<void> {
  const directory = await mkdtemp(path.join(tmpdir(), 'tutti-bench-start-'));
  try {
    const packed = await pack(directory);
    const contenders = [
      { name: 'a bare thread', start: startBareThread, milliseconds: [] as number[] },
      { name: 'packed', start: () => startDecoding(packed), milliseconds: [] as number[] },
      { name: 'from the sources', start: () => startDecoding(sources), milliseconds: [] as number[] },
    ];
    // As the command does it: without the cache, types are stripped again in each thread.
    enableCompileCache(path.join(directory, 'compile-cache'));
    for (const { start } of contenders) await start();
    for (let round = 0; round < ROUNDS; round += 1)
      for (const { start, milliseconds } of contenders) milliseconds.push(await start());
    const medians = contenders.map(({ name, milliseconds }) => ({ name, median: middle(milliseconds) }));
    const bare = medians[0]?.median ?? 0;
    const told = medians.map(({ name, median }) => `${name} ${median.toFixed(0)} ms (${(median / bare).toFixed(2)})`);
    process.stdout.write(`\nworker start to first PCM, medians of ${ROUNDS}, in brackets × the bare thread: ${told.join(', ')}\n`);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

async function pack(directory: string): Promise<typeof sources> {
  execFileSync(process.execPath, [path.join(root, 'scripts/pack.ts'), directory, 'packages/decode'], { stdio: 'ignore' });
  const tarball = readdirSync(directory).find((name) => name.endsWith('.tgz')) ?? '';
  execFileSync('tar', ['-xzf', path.join(directory, tarball), '-C', directory]);
  return (await import(pathToFileURL(path.join(directory, 'package/dist/index.js')).href)) as typeof sources;
}

/** From no worker at all to the first frames of a file. */
async function startDecoding({ DecodeWorker, fileSpec }: typeof sources): Promise<number> {
  const start = performance.now();
  await using worker = DecodeWorker.start();
  await using stream = await worker.open(fileSpec(fixturePath('piece.mp3')));
  await stream.waitReadable();
  return performance.now() - start;
}

/** Until a thread runs its first line, which is empty. */
async function startBareThread(): Promise<number> {
  const start = performance.now();
  const worker = new Worker('', { eval: true });
  const isGone = new Promise((resolve) => worker.once('exit', resolve));
  await new Promise((resolve) => worker.once('online', resolve));
  const milliseconds = performance.now() - start;
  await isGone;
  return milliseconds;
}

function middle(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}
