import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const run = promisify(execFile);

/** The reader module says by its error where the thread keeps compiled code. */
const program = `
import module from 'node:module';
import { DecodeWorker } from ${JSON.stringify(new URL('../src/decode-worker.ts', import.meta.url).href)};
module.enableCompileCache(import.meta.dirname);
const reader = "import m from 'node:module'; export const createByteSource = () => { throw new Error(m.getCompileCacheDir()); };";
const worker = DecodeWorker.start();
await worker.open({ readerModule: 'data:text/javascript,' + encodeURIComponent(reader), readerData: undefined })
  .catch((error) => console.log(JSON.stringify([error.message, module.getCompileCacheDir()])));
await worker.close();
`;

test('the thread uses the compile cache that the process turned on', async () => {
  const directory = await mkdtemp(path.join(tmpdir(), 'tutti-compile-cache-'));
  try {
    await writeFile(path.join(directory, 'program.mjs'), program);
    const { stdout } = await run(process.execPath, [path.join(directory, 'program.mjs')]);
    const [ofThread, ofProcess] = JSON.parse(stdout) as [string, string];
    expect(ofThread).toBe(ofProcess);
    expect(path.dirname(ofThread)).toBe(directory);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
});
