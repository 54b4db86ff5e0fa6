import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { fixturePath, startOrigin } from '@tutti/fixtures';
import { describe, expect, test } from 'vitest';
import { runTutti, temporaryHome } from './run-tutti.ts';

const noStack = /\n\s+at /;

describe('bad input gets one sentence, the right exit code and no stack trace', () => {
  test.each([
    ['an address that is none', ['play', 'http://'], 64, /http:\/\//],
    [
      'a scheme that is not served',
      ['play', 'ftp://example.org/a.mp3'],
      64,
      /ftp: addresses cannot be played: give an http or https URL/,
    ],
    ['a file that is not there', ['play', 'nothing.mp3'], 1, /there is no file or folder .*nothing\.mp3/],
    ['an unknown option', ['play', '--louder', 'x.mp3'], 64, /unknown option '--louder'/],
    ['an unknown command', ['pley', 'x.mp3'], 64, /pley|too many arguments/],
    ['a volume that is none', ['play', '--volume', 'loud', 'x.mp3'], 64, /−96 to 0 dB/],
    [
      'an output that is none',
      ['play', '--output', 'speaker', 'PIECE'],
      64,
      /device, null, stdout or a file name that ends in \.wav/,
    ],
    [
      'an output folder that is not there',
      ['play', '--output', 'no/such/a.wav', 'PIECE'],
      1,
      /no\/such\/a\.wav: ENOENT: check that the folder exists/,
    ],
    ['nothing to warm', ['warm'], 64, /name a URL, or a list with --from/],
    [
      'an asset that is not cached',
      ['cache', 'stat', 'http://example.org/x'],
      1,
      /nothing called http:\/\/example\.org\/x is cached: tutti cache ls/,
    ],
  ] as const)('%s', async (_, parameters, code, message) => {
    await using home = await temporaryHome();
    const result = await runTutti(
      parameters.map((parameter) => (parameter === 'PIECE' ? fixturePath('part-2.flac') : parameter)),
      { home: home.directory },
    );
    expect(result.stderr).toMatch(message);
    expect(result.stderr).not.toMatch(noStack);
    expect(result.code).toBe(code);
  });

  test.each([
    ['a missing file', 'missing.mp3', /missing\.mp3: 404.*check the address/],
    ['a web page instead of media', 'page.mp3', /web page/],
    ['an empty file', 'empty.mp3', /empty\.mp3.*(empty|holds nothing)/],
    ['a codec that cannot be decoded', 'dolby.wav', /dolby\.wav.*(codec|format)/],
    ['bytes that are no media', 'noise.mp3', /noise\.mp3|not.*(media|audio)/],
    ['a playlist without segments', 'hls/bad/no-segments.m3u8', /no-segments\.m3u8.*segments/],
    ['a playlist that is a web page', 'hls/bad/html.m3u8', /html\.m3u8/],
    ['a live playlist', 'hls/bad/live.m3u8', /live/],
    ['encryption that cannot be undone', 'hls/bad/sample-aes.m3u8', /SAMPLE-AES/],
  ])('%s from a server, and the next run is not disturbed', async (_, file, message) => {
    await using home = await temporaryHome();
    await using origin = await startOrigin();
    origin.put('/page.mp3', '<!doctype html><html><body>Sign in</body></html>', 'text/html');
    origin.put('/empty.mp3', new Uint8Array(0), 'audio/mpeg');
    origin.put(
      '/noise.mp3',
      Uint8Array.from({ length: 20_000 }, (_, index) => (index * 7919) % 251),
      'audio/mpeg',
    );
    origin.put('/dolby.wav', wavOfFormat(0x2000), 'audio/wav');
    const cache = ['--cache', home.file('cache'), '--output', home.file('a.wav')];
    const result = await runTutti(['play', origin.url(file), ...cache], { home: home.directory });
    expect(result.stderr).toMatch(message);
    expect(result.stderr).not.toMatch(noStack);
    expect(result.code).toBe(1);
    const next = await runTutti(['play', origin.url('part-2.flac'), ...cache], { home: home.directory });
    expect(next.code, next.stderr).toBe(0);
  });

  test('a truncated file plays as far as it goes', async () => {
    await using home = await temporaryHome();
    const { readFile } = await import('node:fs/promises');
    await writeFile(home.file('cut.flac'), (await readFile(fixturePath('piece.flac'))).subarray(0, 300_000));
    const result = await runTutti(['decode', home.file('cut.flac'), '-o', home.file('a.wav'), '--json'], { home: home.directory });
    expect(result.stderr).not.toMatch(noStack);
    expect(result.events().at(-1)).toMatchObject({ event: 'done' });
    expect(Number(result.events().at(-1)?.['seconds'])).toBeGreaterThan(1);
  });

  test('a cache directory that is a file, or that may not be written to', async () => {
    await using home = await temporaryHome();
    await using origin = await startOrigin();
    await writeFile(home.file('file'), '');
    const onFile = await runTutti(['play', origin.url('piece.mp3'), '--cache', home.file('file'), '--output', 'null'], {
      home: home.directory,
    });
    expect(onFile.stderr).toContain(home.file('file'));
    expect(onFile.stderr).not.toMatch(noStack);
    expect(onFile.code).toBe(1);
    if (process.getuid?.() === 0) return console.warn('SKIPPED in part: a read-only directory does not stop root');
    await mkdir(home.file('locked'));
    await chmod(home.file('locked'), 0o500);
    const locked = await runTutti(['play', origin.url('piece.mp3'), '--cache', home.file('locked/cache'), '--output', 'null'], {
      home: home.directory,
    });
    expect(locked.stderr).toContain(home.file('locked/cache'));
    expect(locked.code).toBe(1);
  });

  test('a port in use', async () => {
    await using home = await temporaryHome();
    const server = createServer();
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve);
    });
    const address = server.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const { execFile } = await import('node:child_process');
    const main = new URL('../../../fixtures/src/origin-main.ts', import.meta.url).pathname;
    const { code, stderr } = await new Promise<{ code: number | undefined; stderr: string }>((resolve) => {
      execFile(process.execPath, [main, '--port', String(port)], { cwd: home.directory }, (error, _, text) => {
        resolve({ code: typeof error?.code === 'number' ? error.code : undefined, stderr: text });
      });
    });
    server.close();
    expect(stderr).toContain(String(port));
    expect(stderr).not.toMatch(noStack);
    expect(code).toBe(1);
  });
});

/** A second of WAV whose header names any format at all: 0x2000 is AC-3. */
function wavOfFormat(tag: number): Uint8Array {
  const bytes = Buffer.alloc(44 + 4 * 44_100);
  bytes.write('RIFF', 0);
  bytes.writeUInt32LE(bytes.length - 8, 4);
  bytes.write('WAVEfmt ', 8);
  bytes.writeUInt32LE(16, 16);
  bytes.writeUInt16LE(tag, 20);
  bytes.writeUInt16LE(2, 22);
  bytes.writeUInt32LE(44_100, 24);
  bytes.writeUInt32LE(4 * 44_100, 28);
  bytes.writeUInt16LE(4, 32);
  bytes.writeUInt16LE(16, 34);
  bytes.write('data', 36);
  bytes.writeUInt32LE(bytes.length - 44, 40);
  return bytes;
}
