import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { cp, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { bytesSource, Decoder, TpdfDither, toInt16 } from '@tutti/decode';
import { fixturePath, mediaEntry, startOrigin } from '@tutti/fixtures';
import { rolldown } from 'rolldown';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { chromium, openPage } from './chromium.ts';

const root = path.resolve(import.meta.dirname, '..');
const run = promisify(execFile);

/** The README's examples by the file name in their first line. */
async function examples(): Promise<Map<string, string>> {
  const readme = await readFile(path.join(root, 'packages/decode/README.md'), 'utf8');
  const blocks = readme.matchAll(/```js\n(\/\/ ([\w-]+\.js):.*?)```/gs);
  return new Map(Array.from(blocks, ([, code = '', name = '']) => [name, code]));
}

/** A fixture's path; HE-AAC, which no encoder at hand makes, is among decode's own. */
const mediaPath = (name: string): string =>
  name === 'piece-he.aac' ? path.join(root, 'packages/decode/test/media', name) : fixturePath(name);

/** Everything that a file decodes to, and its codec. */
async function decodeAll(name: string): Promise<{ readonly codec: string; readonly samples: Float32Array<ArrayBuffer> }> {
  using decoder = await Decoder.open(bytesSource(await readFile(mediaPath(name))));
  const parts: Float32Array[] = [];
  for (let chunk = decoder.decode(); chunk !== undefined; chunk = decoder.decode()) parts.push(chunk.samples.slice());
  const all = new Float32Array(parts.reduce((sum, { length }) => sum + length, 0));
  parts.reduce((at, part) => (all.set(part, at), at + part.length), 0);
  return { codec: decoder.info.codec, samples: all };
}

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/** Hands files to the README's worker and posts the hash of the PCM that comes back. */
const page = `<!doctype html><script type="module">
const wanted = new URLSearchParams(location.search);
const worker = new Worker(wanted.get('worker'), { type: 'module' });
const next = () => new Promise((resolve, reject) => {
  worker.onmessage = ({ data }) => resolve(data);
  worker.onerror = ({ message }) => reject(new Error(message));
});
const results = {};
try {
  for (const name of wanted.getAll('file')) {
    worker.postMessage(await (await fetch('/media/' + name)).arrayBuffer());
    const parts = [];
    let message = await next();
    for (; message instanceof Float32Array; message = await next()) parts.push(message);
    const digest = await crypto.subtle.digest('SHA-256', await new Blob(parts).arrayBuffer());
    results[name] = { codec: message.codec, sha256: new Uint8Array(digest).toHex(), isShared: globalThis.crossOriginIsolated };
  }
} catch (error) {
  results.error = String(error);
}
await fetch('/result', { method: 'POST', body: JSON.stringify(results) });
</script>`;

describe('@tutti/decode, alone, from its tarball', () => {
  let scratch: string;
  beforeAll(async () => {
    scratch = await mkdtemp(path.join(tmpdir(), 'tutti-'));
    const tarballs = path.join(scratch, 'tarballs');
    await run(process.execPath, [path.join(root, 'scripts/pack.ts'), tarballs, 'packages/decode'], { cwd: root });
    const [tarball = '', ...others] = await readdir(tarballs);
    expect(others).toEqual([]);
    await writeFile(path.join(scratch, 'package.json'), '{ "type": "module", "private": true }');
    await run('npm', ['install', '--no-audit', '--no-fund', '--prefer-offline', `./tarballs/${tarball}`], { cwd: scratch });
    for (const [name, code] of await examples()) await writeFile(path.join(scratch, name), code);
  }, 300_000);
  afterAll(() => rm(scratch, { recursive: true, force: true }));

  test('brings none of our other packages', async () => {
    expect(await readdir(path.join(scratch, 'node_modules/@tutti'))).toEqual(['decode']);
  });

  test('decodes a file in five lines', async () => {
    const { stdout } = await run(process.execPath, ['decode.js', fixturePath('piece.mp3')], { cwd: scratch });
    expect(stdout).toBe(`mp3 44100 ${mediaEntry('piece.mp3').facts?.frames}\n`);
  });

  test('pipes PCM to another process', async () => {
    const options = { cwd: scratch, encoding: 'buffer', maxBuffer: 64 * 1024 * 1024 } as const;
    const { stdout } = await run(process.execPath, ['pipe.js', fixturePath('piece.flac')], options);
    const expected = toInt16((await decodeAll('piece.flac')).samples, { dither: new TpdfDither(1) });
    expect(sha256(stdout)).toBe(sha256(new Uint8Array(expected.buffer)));
  });

  test('decodes over HTTP while the file is fetched', async () => {
    await using origin = await startOrigin();
    const { stdout } = await run(process.execPath, ['stream.js', origin.url('piece.m4a')], { cwd: scratch });
    expect(stdout).toMatch(new RegExp(`^aac ${mediaEntry('piece.m4a').facts?.frames} `));
  });

  test('refuses Opus by name where its package is not there', async () => {
    const installed = path.join(scratch, 'node_modules/opus-decoder');
    await rename(installed, `${installed}-away`);
    try {
      const refused = run(process.execPath, ['decode.js', fixturePath('piece.opus')], { cwd: scratch });
      await expect(refused).rejects.toThrow(/opus in ogg needs the package opus-decoder[^]*code: 'decode\/unsupported'/);
    } finally {
      await rename(`${installed}-away`, installed);
    }
  });

  const onTheWeb = ['piece.mp3', 'piece.m4a', 'piece.flac', 'piece.ogg', 'piece.wav', 'piece.aac', 'piece-he.aac'];
  test.skipIf(chromium === undefined).each([
    { files: 'as they are', worker: '/worker.js', names: onTheWeb },
    { files: 'from a bundler, Opus too', worker: '/bundled/dist/worker.js', names: ['piece.mp3', 'piece-he.aac', 'piece.opus'] },
  ])('gives the same PCM in a worker of a browser: files $files', async ({ worker, names }) => {
    if (worker.startsWith('/bundled/')) await bundleWorker(scratch);
    const result = Promise.withResolvers<Record<string, unknown>>();
    const server = servePage(scratch, result.resolve);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const query = new URLSearchParams([['worker', worker], ...names.map((name) => ['file', name])]).toString();
    try {
      await using _page = await openPage(chromium ?? '', `http://127.0.0.1:${port}/?${query}`);
      const expected = await Promise.all(
        names.map(async (name) => {
          const { codec, samples } = await decodeAll(name);
          return [name, { codec, sha256: sha256(new Uint8Array(samples.buffer)), isShared: false }];
        }),
      );
      expect(await result.promise).toEqual(Object.fromEntries(expected));
    } finally {
      server.closeAllConnections();
      server.close();
    }
  });
});

/** Bundles the README's worker for browsers, the package under its own name, with its modules of WebAssembly beside it. */
async function bundleWorker(folder: string): Promise<void> {
  const input = path.join(folder, 'to-bundle.js');
  const code = await readFile(path.join(folder, 'worker.js'), 'utf8');
  await writeFile(input, code.replace('/node_modules/@tutti/decode/dist/browser.js', '@tutti/decode'));
  await using build = await rolldown({ input: { worker: input }, platform: 'browser', logLevel: 'silent' });
  await build.write({ dir: path.join(folder, 'bundled/dist') });
  await cp(path.join(folder, 'node_modules/@tutti/decode/wasm'), path.join(folder, 'bundled/wasm'), { recursive: true });
}

/** The project's folder, the fixtures below `/media/`, the page, and a place for its result. */
function servePage(folder: string, resolve: (result: Record<string, unknown>) => void): Server {
  const types: Readonly<Record<string, string>> = { '.js': 'text/javascript', '.wasm': 'application/wasm' };
  return createServer((request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://localhost');
    if (request.method === 'POST') {
      const parts: Buffer[] = [];
      request.on('data', (part: Buffer) => parts.push(part));
      request.on('end', () => {
        response.end();
        resolve(JSON.parse(Buffer.concat(parts).toString()) as Record<string, unknown>);
      });
      return;
    }
    if (pathname === '/') {
      response.setHeader('content-type', 'text/html').end(page);
      return;
    }
    const file = pathname.startsWith('/media/') ? mediaPath(pathname.slice('/media/'.length)) : path.join(folder, pathname);
    readFile(file).then(
      (bytes) => response.setHeader('content-type', types[path.extname(file)] ?? 'application/octet-stream').end(bytes),
      () => response.writeHead(404).end(),
    );
  });
}
