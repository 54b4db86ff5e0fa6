import { execFile, spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { on, once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { fixturePath, startOrigin } from '@tutti/fixtures';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const root = path.resolve(import.meta.dirname, '..');
const run = promisify(execFile);

/** Uses the installed packages as a stranger would: plain JavaScript, no type stripping, nothing of the repository. */
const program = `
import { writeFile } from 'node:fs/promises';
import { DecodeWorker, fileSpec } from '@tutti/decode';
import { createFileOutput, Engine, openCache, openMedia, warm } from '@tutti/player';

const [file, url] = process.argv.slice(2);

await using worker = DecodeWorker.start();
const stream = await worker.open(fileSpec(file));
const samples = new Float32Array(65536);
let frames = 0;
for (let read = stream.read(samples); read.kind !== 'end'; read = stream.read(samples)) {
  if (read.kind === 'pcm') frames += read.frameCount;
  else await stream.waitReadable();
}
await stream.close();

await using cache = await openCache({ directory: 'cache' });
const [warmed] = await warm([url], { cache });
const output = createFileOutput('hls.wav');
const engine = new Engine({ output, queue: [{ label: 'hls', open: (signal) => openMedia(url, { cache, signal }) }] });
const report = await engine.run({ signal: new AbortController().signal });
await output.close();
await writeFile('report.json', JSON.stringify({ frames, info: stream.info, isComplete: warmed.isComplete, playedSeconds: report.playedSeconds, failed: report.tracks.filter((track) => track.error !== undefined).map((track) => String(track.error)) }));
`;

describe('the packed tarballs in a project outside the repository', () => {
  let scratch: string;
  beforeAll(async () => {
    scratch = await mkdtemp(path.join(tmpdir(), 'tutti-'));
    await run(process.execPath, [path.join(root, 'scripts/pack.ts'), path.join(scratch, 'tarballs')], { cwd: root });
    const tarballs = (await readdir(path.join(scratch, 'tarballs'))).map((name) => `./tarballs/${name}`);
    expect(tarballs).toHaveLength(8);
    await writeFile(path.join(scratch, 'package.json'), '{ "type": "module", "private": true }');
    await run('npm', ['install', '--no-audit', '--no-fund', '--prefer-offline', ...tarballs], { cwd: scratch });
  }, 300_000);
  afterAll(() => rm(scratch, { recursive: true, force: true }));

  test('decode a file in a worker thread and play an HLS URL to WAV', async () => {
    await using origin = await startOrigin();
    await writeFile(path.join(scratch, 'program.js'), program);
    await run(process.execPath, ['program.js', fixturePath('piece.flac'), origin.url('hls/fmp4/multivariant.m3u8')], {
      cwd: scratch,
    });
    const report = JSON.parse(await readFile(path.join(scratch, 'report.json'), 'utf8')) as Record<string, unknown>;
    expect(report).toMatchObject({ isComplete: true, failed: [] });
    expect(report['frames']).toBe((report['info'] as { durationFrames: number }).durationFrames);
    expect(report['playedSeconds']).toBeGreaterThan(10);
  });

  test('the installed tutti command runs from JavaScript', async () => {
    const { stdout } = await run(path.join(scratch, 'node_modules/.bin/tutti'), ['probe', fixturePath('piece.m4a')], {
      cwd: scratch,
    });
    expect(stdout).toMatch(/^codec +aac$/m);
  });

  test('a party is hosted and joined from JavaScript, with its clock threads', async () => {
    const tutti = path.join(scratch, 'node_modules/.bin/tutti');
    const quiet = ['--output', 'null', '--json'];
    const environment = { ...process.env, HOME: scratch };
    const ports = ['--port', '0', '--clock-port', '0', '--no-play'];
    const host = spawn(tutti, ['host', ...ports, ...quiet, '--cache', 'host-cache'], { cwd: scratch, env: environment });
    const invitation = /tutti:[^"]+/.exec(await heard(host, '"hosting"'))?.[0].replace(/\/\/[^:]+:/, '//127.0.0.1:') ?? '';
    const node = spawn(tutti, ['join', invitation, ...quiet, '--cache', 'node-cache'], { cwd: scratch, env: environment });
    await heard(node, '"isReady":true');
    host.kill('SIGINT');
    const [[hostCode], [nodeCode]] = await Promise.all([once(host, 'exit'), once(node, 'exit')]);
    expect([hostCode, nodeCode]).toEqual([130, 0]);
  });

  test('types come with every package', async () => {
    await writeFile(
      path.join(scratch, 'uses.ts'),
      `import { Decoder, type TrackInfo } from '@tutti/decode';\nimport { openCache } from '@tutti/player';\nexport const a: typeof Decoder = Decoder;\nexport const b: TrackInfo['codec'] = 'x';\nexport const c: () => Promise<{ close(): Promise<void> }> = openCache;\n// @ts-expect-error: proves that the types are not any\nexport const d: number = openCache;\n`,
    );
    const tsc = path.join(root, 'node_modules/.bin/tsc');
    const parameters = [
      '--noEmit',
      '--strict',
      '--module',
      'nodenext',
      '--target',
      'es2024',
      '--lib',
      'es2024,esnext.disposable',
      '--skipLibCheck',
      '--types',
      'node',
      '--typeRoots',
      path.join(root, 'node_modules/@types'),
      'uses.ts',
    ];
    await expect(run(tsc, parameters, { cwd: scratch })).resolves.toBeDefined();
  });
});

/** What a program has printed once it says `words`. */
async function heard({ stderr, stdout }: ChildProcessWithoutNullStreams, words: string): Promise<string> {
  let text = '';
  let errors = '';
  stderr.on('data', (chunk: Buffer) => void (errors += chunk.toString()));
  // Not the stream's own iterator, which would close the pipe that the program goes on writing to.
  for await (const [chunk] of on(stdout, 'data', { close: ['close'] })) {
    text += String(chunk);
    if (text.includes(words)) return text;
  }
  throw new Error(`it ended without ${words}: ${text}${errors}`);
}
