import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openDiskResource } from '../src/index.ts';
import { pattern, sha256 } from './test-bytes.ts';

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tutti-'));
});
afterAll(() => rm(directory, { recursive: true }));

const LENGTH = 2_000_000;

function startWriter(path: string): ChildProcess {
  return fork(new URL('writing-process.ts', import.meta.url), [path, String(LENGTH)], { execArgv: [], stdio: 'inherit' });
}

/** Kills the writer in the middle of its work, once its sidecar vouches for `byteCount` bytes, and waits until it is gone. */
async function killAfter(writer: ChildProcess, byteCount: number): Promise<void> {
  for (;;) {
    const [vouched] = (await once(writer, 'message')) as [number];
    if (vouched < byteCount) continue;
    writer.kill('SIGKILL');
    await once(writer, 'exit');
    return;
  }
}

describe('a writer that is killed', () => {
  test('leaves only bytes that are right, and another process completes them', async () => {
    const path = join(directory, 'killed.mp3');
    const bytes = pattern(0, LENGTH);
    const writer = startWriter(path);
    await once(writer, 'message');
    await expect(openDiskResource({ path })).rejects.toMatchObject({ code: 'storage/busy' });
    await killAfter(writer, 300_000);
    expect(existsSync(path)).toBe(false);

    await using resource = await openDiskResource({ path });
    expect(resource.origin?.validator).toBe('"v1"');
    expect(resource.presentBytes).toBeGreaterThanOrEqual(300_000);
    const onDisk = new Uint8Array(readFileSync(`${path}.part`));
    for (const { start, end } of resource.ranges()) {
      expect(Buffer.compare(onDisk.subarray(start, end), bytes.subarray(start, end))).toBe(0);
    }
    for (const { start, end } of resource.missing({ start: 0, end: LENGTH }))
      await resource.writeAt(start, bytes.subarray(start, end));
    expect((await resource.commit(LENGTH)).sha256).toBe(sha256(bytes));
    expect(existsSync(`${path}.part.json`)).toBe(false);
  });
});
