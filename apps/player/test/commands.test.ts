import { readFile, writeFile } from 'node:fs/promises';
import { fixturePath, startOrigin } from '@tutti/fixtures';
import { describe, expect, test } from 'vitest';
import { pcmOf, runTutti, startTutti, temporaryHome } from './run-tutti.ts';

describe('tutti without a command', () => {
  test('plays the bundled track, tells what it did, and fetches nothing the second time', async () => {
    await using home = await temporaryHome();
    const demo = ['--cache', home.file('cache'), '--output', home.file('demo.wav')];
    const first = await runTutti(demo, { home: home.directory });
    expect(first.code, first.stderr).toBe(0);
    const said = first.stdout.toString();
    expect(said).toMatch(/codec +aac in mp4, 44100 Hz, 2 channels/);
    expect(said).toMatch(/fetched +[1-9].* in \d+ requests/);
    expect(said).toContain(home.file('cache'));
    expect(said).toContain('tutti play https://');
    const { bytes } = await pcmOf(home.file('demo.wav'));
    expect(bytes.length / 4 / 44_100).toBeGreaterThan(15);

    const second = await runTutti([...demo, '--json'], { home: home.directory });
    expect(second.events().at(-1)).toMatchObject({ event: 'done', networkBytes: 0 });
    expect((await pcmOf(home.file('demo.wav'))).bytes.equals(bytes)).toBe(true);
  });
});

describe('tutti decode', () => {
  test('writes WAV, bare samples, cuts, resamples and mixes', async () => {
    await using home = await temporaryHome();
    const decode = async (...parameters: string[]) => {
      const result = await runTutti(['decode', fixturePath('piece.flac'), ...parameters], { home: home.directory });
      expect(result.code, result.stderr).toBe(0);
      return result.stdout;
    };
    await decode('-o', home.file('a.wav'));
    const whole = await pcmOf(home.file('a.wav'));
    const raw = await decode('--format', 's16');
    expect(raw.equals(whole.bytes)).toBe(true);
    const cut = await decode('--format', 's16', '--start', '2.5', '--duration', '500ms');
    expect(cut.equals(whole.bytes.subarray(2.5 * 44_100 * 4, 3 * 44_100 * 4))).toBe(true);
    const mono = await decode('--format', 'f32', '--rate', '48000', '--channels', '1');
    const seconds = whole.bytes.length / 4 / 44_100;
    expect(Math.abs(mono.length / 4 - seconds * 48_000)).toBeLessThanOrEqual(2);
  });

  test('reads standard input', async () => {
    await using home = await temporaryHome();
    const input = await readFile(fixturePath('piece.mp3'));
    const piped = await runTutti(['decode', '-', '--format', 's16'], { home: home.directory, input });
    const direct = await runTutti(['decode', fixturePath('piece.mp3'), '--format', 's16'], { home: home.directory });
    expect(piped.code, piped.stderr).toBe(0);
    expect(piped.stdout.length).toBeGreaterThan(1_000_000);
    expect(piped.stdout.equals(direct.stdout)).toBe(true);
  });
});

test('a program that reads only the beginning of the output ends tutti without a word', async () => {
  await using home = await temporaryHome();
  const decoding = startTutti(['decode', fixturePath('piece.flac')], { home: home.directory });
  await new Promise((resolve) => {
    decoding.child.stdout?.once('data', resolve);
  });
  decoding.child.stdout?.destroy();
  const result = await decoding.result;
  expect(result.stderr).toBe('');
  expect(result.code).toBe(0);
});

describe('tutti probe', () => {
  test('tells container, codec, format, duration and tags', async () => {
    await using home = await temporaryHome();
    const result = await runTutti(['probe', fixturePath('piece.m4a'), '--json'], { home: home.directory });
    expect(result.code, result.stderr).toBe(0);
    expect(result.events()).toHaveLength(1);
    expect(result.events()[0]).toMatchObject({
      event: 'probe',
      kind: 'file',
      container: 'mp4',
      codec: 'aac',
      sampleRate: 44_100,
      channelCount: 2,
    });
    const text = await runTutti(['probe', fixturePath('piece.m4a')], { home: home.directory });
    expect(text.stdout.toString()).toMatch(/^codec +aac$/m);
  });

  test('lists the variants of an HLS URL', async () => {
    await using home = await temporaryHome();
    await using origin = await startOrigin();
    const result = await runTutti(['probe', origin.url('hls/fmp4/multivariant.m3u8'), '--cache', home.file('cache'), '--json'], {
      home: home.directory,
    });
    expect(result.code, result.stderr).toBe(0);
    expect(result.events()[0]?.['variants']).toHaveLength(3);
  });
});

describe('tutti warm and cache', () => {
  test('warm makes sources playable offline; cache lists, measures and removes them', async () => {
    await using home = await temporaryHome();
    await using origin = await startOrigin();
    const cache = ['--cache', home.file('cache'), '--json'];
    await writeFile(home.file('party.m3u'), `${origin.url('piece.mp3')}\n${origin.url('hls/ts-aes/multivariant.m3u8')}\n`);
    const warm = await runTutti(['warm', '--from', home.file('party.m3u'), ...cache], { home: home.directory });
    expect(warm.code, warm.stderr).toBe(0);
    expect(warm.events().at(-1)).toMatchObject({ event: 'done', complete: 2, failed: 0 });
    origin.resetLog();
    const again = await runTutti(['warm', '--from', home.file('party.m3u'), ...cache], { home: home.directory });
    expect(
      again
        .events()
        .filter((event) => event['event'] === 'warmed')
        .map((event) => event['networkBytes']),
    ).toEqual([0, 0]);
    await origin.stop();
    const play = await runTutti(
      ['play', origin.url('hls/ts-aes/multivariant.m3u8'), '--offline', ...cache, '--output', home.file('a.wav')],
      { home: home.directory },
    );
    expect(play.code, play.stderr).toBe(0);

    const list = (await runTutti(['cache', 'ls', ...cache], { home: home.directory })).events();
    expect(list).toHaveLength(2);
    const usage = (await runTutti(['cache', 'usage', ...cache], { home: home.directory })).events()[0];
    expect(usage).toMatchObject({ assetCount: 2 });
    const stat = (await runTutti(['cache', 'stat', origin.url('piece.mp3'), ...cache], { home: home.directory })).events()[0];
    expect(stat).toMatchObject({ partialCount: 0, resourceCount: 1 });
    const removed = await runTutti(
      [
        'cache',
        'rm',
        origin.url('piece.mp3'),
        String(list.find((asset) => String(asset['url']).includes('hls'))?.['id']),
        ...cache,
      ],
      { home: home.directory },
    );
    expect(removed.code, removed.stderr).toBe(0);
    expect((await runTutti(['cache', 'ls', ...cache], { home: home.directory })).events()).toHaveLength(0);
  });

  test('warm names what it could not get, and ends with 2 when something was got', async () => {
    await using home = await temporaryHome();
    await using origin = await startOrigin();
    const result = await runTutti(['warm', origin.url('piece.mp3'), origin.url('missing.mp3'), '--cache', home.file('cache')], {
      home: home.directory,
    });
    expect(result.code).toBe(2);
    expect(result.stderr).toMatch(/✓ .*piece\.mp3/);
    expect(result.stderr).toMatch(/✗ .*missing\.mp3.*404/);
  });

  test('cache path prints the directory', async () => {
    await using home = await temporaryHome();
    const result = await runTutti(['cache', 'path', '--cache', home.file('cache')], { home: home.directory });
    expect(result.stdout.toString()).toBe(`${home.file('cache')}\n`);
  });
});

describe('settings', () => {
  test('flags win over the environment file, and a misspelled setting is named', async () => {
    await using home = await temporaryHome();
    await writeFile(home.file('tutti.toml'), `cache = "${home.file('from-file')}"\n`);
    const fromFile = await runTutti(['cache', 'path'], { home: home.directory });
    expect(fromFile.stdout.toString()).toBe(`${home.file('from-file')}\n`);
    const fromFlag = await runTutti(['cache', 'path', '--cache', home.file('from-flag')], { home: home.directory });
    expect(fromFlag.stdout.toString()).toBe(`${home.file('from-flag')}\n`);
    await writeFile(home.file('tutti.toml'), 'cahce = "x"\n');
    const misspelled = await runTutti(['cache', 'path'], { home: home.directory });
    expect(misspelled.stderr).toContain('unknown setting cahce');
    expect(misspelled.code).toBe(64);
  });
});

describe('tutti doctor, --help and --version', () => {
  test('doctor tells about Node, decoder, sound and cache', async () => {
    await using home = await temporaryHome();
    const result = await runTutti(['doctor', '--cache', home.file('cache'), '--json'], { home: home.directory });
    expect(result.code, result.stderr).toBe(0);
    expect(result.events().map((event) => event['topic'])).toEqual(['node', 'decoder', 'sound', 'cache', 'log']);
    expect(result.events().find((event) => event['topic'] === 'decoder')).toMatchObject({ state: 'good' });
  });

  test.each(['play', 'warm', 'decode', 'probe', 'doctor', 'cache'])(
    '%s --help shows the options and ends with 0',
    async (command) => {
      await using home = await temporaryHome();
      const result = await runTutti([command, '--help'], { home: home.directory });
      expect(result.code).toBe(0);
      expect(result.stdout.toString()).toContain(`Usage: tutti ${command}`);
      if (command !== 'cache') expect(result.stdout.toString()).toContain('Example:');
    },
  );

  test('--version prints the version', async () => {
    await using home = await temporaryHome();
    expect((await runTutti(['--version'], { home: home.directory })).stdout.toString()).toMatch(/^\d+\.\d+\.\d+\n$/);
  });
});
