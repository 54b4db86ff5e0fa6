import { createCipheriv } from 'node:crypto';
import { once } from 'node:events';
import { readdir, readFile, stat } from 'node:fs/promises';
import { createServer } from 'node:http';
import path from 'node:path';
import { fixturePath, startOrigin, type Origin } from '@tutti/fixtures';
import { expect, test } from 'vitest';
import { runTutti, temporaryHome, type TuttiResult } from './run-tutti.ts';

const keyBytes = Buffer.from('K3y-Of-Sixteen-B');
/** Everything that must stay out of sight. Only its holder in the cache may have the last two: the key's file, and the playlists. */
const secrets = {
  query: 'Qu3ry-Secret',
  password: 'Passw0rd-Secret',
  authorization: Buffer.from('listener:Passw0rd-Secret').toString('base64'),
  cookie: 'C00kie-Secret',
  redirect: 'Red1rect-Secret',
  fragment: 'Fragm3nt-Secret',
  segment: 'S3gment-Secret',
  key: keyBytes.toString('latin1'),
};

/** An HLS presentation with a key, whose playlists sign every address that they hold. */
async function putVault(origin: Origin): Promise<void> {
  const segment = await readFile(fixturePath('hls/ts/64k/segment-0.ts'));
  const cipher = createCipheriv('aes-128-cbc', keyBytes, Buffer.alloc(16));
  const signature = `?signature=${secrets.segment}`;
  origin.put('/vault/segment-0.ts', Buffer.concat([cipher.update(segment), cipher.final()]));
  origin.put('/vault/key.bin', keyBytes);
  origin.put('/vault/song.m3u8', `#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=70000,CODECS="mp4a.40.2"\nmedia.m3u8${signature}\n`);
  for (const [name, file] of [
    ['media', 'segment-0.ts'],
    ['holed', 'missing.ts'],
  ]) {
    origin.put(
      `/vault/${name}.m3u8`,
      `#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:3\n#EXT-X-KEY:METHOD=AES-128,URI="key.bin${signature}"\n#EXTINF:3,\n${file}${signature}\n#EXT-X-ENDLIST\n`,
    );
  }
}

/** A server in front of the origin: redirects with a cookie to signed addresses, and fails in the ways that an origin cannot. */
async function startGateway(origin: Origin): Promise<AsyncDisposable & { address(credentials: string, path: string): string }> {
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://gateway');
    const cookie = { 'set-cookie': `session=${secrets.cookie}; Path=/` };
    if (pathname.startsWith('/forbidden')) response.writeHead(403, { ...cookie, 'content-type': 'text/plain' }).end('no\n');
    else if (pathname.startsWith('/reset')) request.socket.resetAndDestroy();
    else response.writeHead(302, { ...cookie, location: `${origin.url(pathname)}?next=${secrets.redirect}` }).end();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  return {
    address: (credentials, file) => `http://${credentials}127.0.0.1:${port}/${file}?token=${secrets.query}#${secrets.fragment}`,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

/** The text in all the ways in which it may be written. */
function spellings(secret: string): readonly string[] {
  const bytes = Buffer.from(secret, 'latin1');
  return [secret, encodeURIComponent(secret), bytes.toString('base64').replace(/=+$/, ''), bytes.toString('hex')];
}

function expectNoSecret(text: string, where: string, allowed: readonly (keyof typeof secrets)[] = []): void {
  for (const [name, secret] of Object.entries(secrets)) {
    if (allowed.some((one) => one === name)) continue;
    for (const spelling of spellings(secret)) {
      const at = text.indexOf(spelling);
      expect(at, `the ${name} is in ${where}: …${text.slice(Math.max(0, at - 120), at + 60)}…`).toBe(-1);
    }
  }
}

/** Looks through names and bytes of every file below `home`; returns how many of each kind it saw. */
async function expectCleanFiles(
  home: string,
): Promise<{ readonly keys: number; readonly playlists: number; readonly logBytes: number }> {
  const seen = { keys: 0, playlists: 0, logBytes: 0 };
  for (const entry of await readdir(home, { recursive: true, withFileTypes: true })) {
    const file = path.join(entry.parentPath, entry.name);
    expectNoSecret(path.relative(home, file), 'a file name');
    if (!entry.isFile() || entry.name.endsWith('.wav')) continue;
    const text = await readFile(file, 'latin1');
    const folder = path.basename(entry.parentPath);
    if (folder === 'keys') {
      seen.keys += 1;
      expect(text).toBe(secrets.key);
      expect((await stat(file)).mode & 0o777).toBe(0o600);
    } else if (folder === 'playlists') {
      seen.playlists += 1;
      // A playlist is stored as it was received.
      expectNoSecret(text, file, ['segment']);
    } else {
      if (entry.name === 'tutti.log') seen.logBytes += text.length;
      expectNoSecret(text, file);
    }
  }
  return seen;
}

test('tokens, credentials, cookies and keys appear in no output, log line, file name or manifest', async () => {
  await using home = await temporaryHome();
  await using origin = await startOrigin();
  await using gateway = await startGateway(origin);
  origin.put('/page.mp3', '<!doctype html><html><body>Sign in</body></html>', 'text/html');
  await putVault(origin);
  const signed = (file: string, credentials = `listener:${secrets.password}@`): string =>
    origin.url(`${file}?token=${secrets.query}#${secrets.fragment}`).replace('//', `//${credentials}`);
  const good = [signed('part-1.flac'), signed('vault/song.m3u8'), gateway.address('listener:Passw0rd-Secret@', 'part-2.flac')];
  const bad = [
    signed('missing.mp3'),
    signed('page.mp3'),
    signed('vault/holed.m3u8'),
    signed('missing.m3u8'),
    gateway.address(`listener:${secrets.password}@`, 'forbidden.mp3'),
  ];
  // Retried for seconds, so not in every run.
  const reset = gateway.address('', 'reset.mp3');
  const common = ['--cache', home.file('cache'), '--verbose'];
  const said: TuttiResult[] = [];
  const run = async (code: number, ...parameters: string[]): Promise<void> => {
    const result = await runTutti([...parameters, ...common], { home: home.directory });
    expect(result.code, `${parameters[0]} ${parameters[1]}: ${result.stderr}`).toBe(code);
    expectNoSecret(result.stderr, `stderr of ${parameters.slice(0, 2).join(' ')}`);
    expectNoSecret(result.stdout.toString('latin1'), `stdout of ${parameters.slice(0, 2).join(' ')}`);
    said.push(result);
  };

  await run(2, 'warm', ...good, ...bad, reset, '--json');
  await run(2, 'warm', ...good, ...bad);
  await run(1, 'play', ...good, ...bad, '--output', home.file('a.wav'), '--json');
  await run(1, 'play', ...good, ...bad, reset, '--output', home.file('a.wav'));
  await run(1, 'play', ...bad, '--output', home.file('a.wav'), '--offline');
  await run(1, 'decode', signed('missing.mp3'), '-o', home.file('b.wav'));
  await run(0, 'probe', signed('vault/song.m3u8'), '--json');
  await run(64, 'play', `http://listener:${secrets.password}@:x/song.mp3?token=${secrets.query}`);
  await run(64, 'play', `ftp://listener:${secrets.password}@example.org/song.mp3?token=${secrets.query}`);
  for (const json of [[], ['--json']]) {
    await run(0, 'cache', 'ls', ...json);
    await run(0, 'cache', 'stat', signed('vault/song.m3u8'), ...json);
    await run(1, 'cache', 'stat', signed('never.mp3'), ...json);
    await run(1, 'cache', 'path', signed('never.mp3'), ...json);
    await run(1, 'cache', 'rm', signed('never.mp3'), ...json);
  }
  const seen = await expectCleanFiles(home.directory);

  // All of it would hold without secrets, too: they were sent, stored and spoken about.
  const asked = origin.requests.map(({ headers, target }) => `${target} ${String(headers.authorization)}`).join('\n');
  for (const name of ['query', 'authorization', 'redirect', 'segment'] as const) expect(asked).toContain(secrets[name]);
  expect(seen).toMatchObject({ keys: 2, playlists: 3 });
  expect(seen.logBytes).toBeGreaterThan(1000);
  const heard = said.map(({ stderr, stdout }) => `${stderr}\n${stdout.toString()}`).join('\n');
  for (const place of ['part-1.flac', 'vault/song.m3u8', 'forbidden.mp3', 'reset.mp3', 'never.mp3']) expect(heard).toContain(place);
  await run(0, 'cache', 'rm', signed('part-1.flac'));
}, 180_000);
