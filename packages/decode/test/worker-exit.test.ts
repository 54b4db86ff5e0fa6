import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const run = promisify(execFile);
const program = fileURLToPath(new URL('./worker-exit.ts', import.meta.url));

test.each([
  ['closed stream and worker', 'close'],
  ['closed only the worker, which waited for bytes', 'close-worker-only'],
  ['closed nothing, but waits for nothing either', 'forget'],
])('a process that %s ends by itself with status 0', async (_, ending) => {
  const { stdout, stderr } = await run(process.execPath, [program, ending], { timeout: 30_000 });
  expect(stdout).toBe('main is done\n');
  expect(stderr).toBe('');
});
