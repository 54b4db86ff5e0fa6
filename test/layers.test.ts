import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const root = path.resolve(import.meta.dirname, '..');
const run = promisify(execFile);

/** What the linter prints about a file with `source`, placed in `folder` of the repository; empty when it is content. */
async function lint(folder: string, source: string): Promise<string> {
  const directory = await mkdtemp(path.join(root, folder, 'planted-'));
  planted.push(directory);
  const file = path.join(directory, 'violation.ts');
  await writeFile(file, source);
  try {
    await run(path.join(root, 'node_modules/.bin/oxlint'), [file], { cwd: root });
    return '';
  } catch (error) {
    return (error as { stdout: string }).stdout;
  }
}

const planted: string[] = [];
beforeAll(() => {
  planted.length = 0;
});
afterAll(async () => {
  for (const directory of planted) await rm(directory, { recursive: true, force: true });
});

/** Use the import, so that only the layer can be wrong. */
const importing = (name: string, isType = false): string =>
  isType
    ? `import type { Thing } from '${name}';\n\nexport const one: Thing | number = 1;\n`
    : `import { thing } from '${name}';\n\nexport const one: unknown = thing;\n`;

describe('the layer table', () => {
  test.each([
    ['packages/net/src', '@tutti/storage'],
    ['packages/storage/src', '@tutti/net'],
    ['packages/decode/src', '@tutti/stream'],
    ['packages/sync/src', '@tutti/net'],
    ['packages/assets/src', '@tutti/net'],
    ['packages/stream/src', '@tutti/hls'],
    ['packages/stream/src', '@tutti/decode'],
    ['packages/hls/src', '@tutti/storage'],
    ['packages/hls/src', '@tutti/player'],
    ['packages/hls/src', '@tutti/fixtures'],
    ['packages/hls/src', '@tutti/stream/src/downloader.ts'],
    ['apps/player/src/engine', '../../cli/main.ts'],
    ['apps/player/src/output', '../../engine/engine.ts'],
  ])('an import from %s of %s is refused', async (folder, name) => {
    expect(await lint(folder, importing(name))).toContain('no-restricted-imports');
  });

  test.each([
    ['packages/assets/src', '@tutti/storage', false],
    ['packages/stream/src', '@tutti/net', false],
    ['packages/stream/src', '@tutti/decode', true],
    ['packages/hls/src', '@tutti/storage', true],
    ['packages/hls/src', '@tutti/stream', false],
    ['apps/player/src/cli', '../../engine/engine.ts', false],
  ])('an import from %s of %s (types only: %s) is allowed', async (folder, name, isType) => {
    expect(await lint(folder, importing(name, isType))).toBe('');
  });
});
