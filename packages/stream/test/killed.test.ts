import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setImmediate } from 'node:timers/promises';
import { inspectPartial } from '@tutti/storage';
import { expect, it } from 'vitest';
import { difference, provenance, SourceBench } from './source-bench.ts';

const MiB = 1024 * 1024;

it('a killed download is completed from what its last checkpoint vouches for, without a wrong byte', async () => {
  await using bench = await SourceBench.start();
  const size = 16 * MiB;
  const file = provenance(size);
  bench.origin.put('/a.flac', file, 'audio/flac');
  await bench.store.close();
  const gate = bench.origin.gate('/a.flac', 4 * MiB);
  const child = spawn(
    process.execPath,
    [new URL('./killed-player.ts', import.meta.url).pathname, bench.origin.url('/a.flac'), join(bench.root, 'cache')],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  for await (const line of createInterface({ input: child.stdout })) if (Number(line) > 4 * MiB) break;
  await checkpoint(join(bench.root, 'cache'));
  const exited = once(child, 'exit');
  child.kill('SIGKILL');
  await exited;
  gate.release();

  bench.origin.resetLog();
  await bench.reopenStore();
  const source = await bench.open('/a.flac');
  const { cachedBytes } = source.counters;
  expect(cachedBytes).toBeGreaterThan(0);
  await source.fill();
  expect(bench.origin.sentBytes).toBe(size - cachedBytes);
  const { thread } = await bench.read(source);
  expect(difference(await thread.drain(), file)).toBeUndefined();
});

/** Resolves when what is stored below `root` would survive a crash. */
async function checkpoint(root: string): Promise<void> {
  for (;;) {
    const parts = (await readdir(root, { recursive: true })).filter((name) => name.endsWith('.part'));
    for (const part of parts) {
      const summary = await inspectPartial(join(root, part.slice(0, -'.part'.length)));
      if (summary !== undefined && summary.presentBytes > 0) return;
    }
    await setImmediate();
  }
}
