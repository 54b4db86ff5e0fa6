import { readFile } from 'node:fs/promises';
import { fixturePath, startOrigin } from '@tutti/fixtures';
import { describe, expect, test } from 'vitest';
import { pcmOf, runTutti, startTutti, temporaryHome } from './run-tutti.ts';

describe('tutti play', () => {
  test('plays a queue without a gap: two parts are the whole, sample for sample', async () => {
    await using home = await temporaryHome();
    const play = async (name: string, ...files: string[]) => {
      const result = await runTutti(['play', ...files.map((file) => fixturePath(file)), '--output', home.file(name)], {
        home: home.directory,
      });
      expect(result.code, result.stderr).toBe(0);
      return pcmOf(home.file(name));
    };
    const whole = await play('whole.wav', 'piece.flac');
    const joined = await play('joined.wav', 'part-1.flac', 'part-2.flac');
    // The parts are the first 301,077 frames, cut inside a chord: any frame lost, repeated or faded would show.
    expect(joined.bytes.length).toBe(301_077 * 4);
    expect(joined.bytes.equals(whole.bytes.subarray(0, joined.bytes.length))).toBe(true);
  });

  test('--start and --duration cut exactly', async () => {
    await using home = await temporaryHome();
    await runTutti(['play', fixturePath('piece.flac'), '--output', home.file('all.wav')], { home: home.directory });
    const result = await runTutti(
      ['play', fixturePath('piece.flac'), '--start', '3.5', '--duration', '2s', '--output', home.file('cut.wav')],
      { home: home.directory },
    );
    expect(result.code, result.stderr).toBe(0);
    const [all, cut] = [await pcmOf(home.file('all.wav')), await pcmOf(home.file('cut.wav'))];
    const at = 3.5 * 44_100 * 4;
    expect(cut.bytes.equals(all.bytes.subarray(at, at + 2 * 44_100 * 4))).toBe(true);
  });

  test('a killed player leaves what it fetched: the next one fetches only the rest', async () => {
    await using home = await temporaryHome();
    await using origin = await startOrigin({ behaviour: { bytesPerSecond: 300_000 } });
    const total = (await readFile(fixturePath('piece.flac'))).length;
    const play = ['play', origin.url('piece.flac'), '--cache', home.file('cache'), '--output'];
    const first = startTutti([...play, home.file('a.wav')], { home: home.directory });
    await using gate = { [Symbol.asyncDispose]: async () => void first.child.kill('SIGKILL') };
    void gate;
    await reached(() => origin.sentBytes > total * 0.6);
    first.child.kill('SIGKILL');
    expect((await first.result).signal).toBe('SIGKILL');

    origin.resetLog();
    origin.configure({ bytesPerSecond: 0 });
    const second = await runTutti([...play, home.file('b.wav')], { home: home.directory });
    expect(second.code, second.stderr).toBe(0);
    expect(origin.sentBytes).toBeLessThan(total * 0.9);
    await origin.stop();
    const offline = await runTutti([...play, home.file('c.wav'), '--offline'], { home: home.directory });
    expect(offline.code, offline.stderr).toBe(0);
    const local = await runTutti(['play', fixturePath('piece.flac'), '--output', home.file('d.wav')], { home: home.directory });
    expect(local.code).toBe(0);
    const hashes = await Promise.all(['b.wav', 'c.wav', 'd.wav'].map(async (name) => (await pcmOf(home.file(name))).sha256));
    expect(new Set(hashes).size).toBe(1);
  });

  test('Ctrl-C ends with 130 and keeps what was fetched', async () => {
    await using home = await temporaryHome();
    await using origin = await startOrigin();
    const playing = startTutti(['play', origin.url('piece.mp3'), '--cache', home.file('cache'), '--output', 'null'], {
      home: home.directory,
    });
    await playing.said(/▶/);
    playing.child.kill('SIGINT');
    const result = await playing.result;
    expect(result.code).toBe(130);
    expect(result.stderr).toMatch(/stopped; what was fetched is kept\n$/);
    const usage = await runTutti(['cache', 'usage', '--cache', home.file('cache'), '--json'], { home: home.directory });
    expect(usage.events().at(-1)?.['bytes']).toBeGreaterThan(0);
  });

  test('a track that cannot be played is named and passed over, and the exit code tells', async () => {
    await using home = await temporaryHome();
    await using origin = await startOrigin();
    const result = await runTutti(
      [
        'play',
        origin.url('missing.mp3'),
        fixturePath('part-2.flac'),
        '--cache',
        home.file('cache'),
        '--output',
        home.file('a.wav'),
      ],
      { home: home.directory },
    );
    expect(result.code).toBe(1);
    expect(result.stderr).toMatch(/missing\.mp3: 404/);
    expect((await pcmOf(home.file('a.wav'))).bytes.length).toBeGreaterThan(1000);
  });

  test('--json prints nothing but events, each with its time', async () => {
    await using home = await temporaryHome();
    const result = await runTutti(['play', fixturePath('part-2.flac'), '--json', '--output', home.file('a.wav')], {
      home: home.directory,
    });
    const events = result.events();
    expect(events.map((event) => event['event'])).toEqual(
      expect.arrayContaining(['opening', 'track', 'first-pcm', 'track-end', 'done']),
    );
    expect(events.every((event) => typeof event['atMs'] === 'number')).toBe(true);
    expect(result.stderr).toBe('');
  });

  test('the null output plays in real time', async () => {
    await using home = await temporaryHome();
    const startedAt = performance.now();
    const result = await runTutti(['play', fixturePath('piece.mp3'), '--duration', '3', '--output', 'null'], {
      home: home.directory,
    });
    expect(result.code, result.stderr).toBe(0);
    expect(performance.now() - startedAt).toBeGreaterThan(3000);
  });
});

/** Resolves once `fact` holds; looked at whenever the event loop comes round. */
async function reached(fact: () => boolean): Promise<void> {
  while (!fact()) await new Promise((resolve) => setImmediate(resolve));
}
