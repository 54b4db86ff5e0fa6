import { once } from 'node:events';
import { fixturePath, startOrigin } from '@tutti/fixtures';
import { describe, expect, test } from 'vitest';
import { pcmOf, runTutti, startTutti, temporaryHome } from './run-tutti.ts';

/** A body that stops here keeps the process that fetches it busy; less is enough for the first second of the piece. */
const heldAtBytes = 400_000;

describe('two processes on one cache', () => {
  test('one plays what is cached and streams the rest through memory while the other warms', async () => {
    await using home = await temporaryHome();
    await using origin = await startOrigin();
    const cache = ['--cache', home.file('cache')];
    const output = ['--output', home.file('a.wav')];
    const play = async (...parameters: string[]): Promise<string> => {
      const result = await runTutti(['play', ...parameters, ...cache, ...output], { home: home.directory });
      expect(result.code, result.stderr).toBe(0);
      return result.stderr;
    };
    const expectSound = async (file: string, ...part: string[]): Promise<void> => {
      const local = ['decode', fixturePath(file), '-o', home.file('expected.wav'), ...part];
      expect((await runTutti(local, { home: home.directory })).code).toBe(0);
      const expected = await pcmOf(home.file('expected.wav'));
      expect(expected.bytes.length).toBeGreaterThan(100_000);
      expect((await pcmOf(home.file('a.wav'))).sha256).toBe(expected.sha256);
    };
    const first = await runTutti(['warm', origin.url('part-2.flac'), ...cache], { home: home.directory });
    expect(first.code, first.stderr).toBe(0);

    using gate = origin.gate('piece.flac', heldAtBytes);
    const warming = startTutti(['warm', origin.url('piece.flac'), ...cache, '--json'], { home: home.directory });
    await gate.reached();
    const pid = warming.child.pid ?? 0;

    const second = await runTutti(['warm', origin.url('part-1.flac'), ...cache], { home: home.directory });
    expect(second.stderr).toMatch(
      new RegExp(`^tutti: warm cache .*: process ${pid} is writing it; wait for that or stop it, or .*\n$`),
    );
    expect(second.code).toBe(1);
    const told = `process ${pid} is writing the cache: what is not in it is streamed through memory, and not kept`;

    expect((await play(origin.url('part-1.flac'))).split(told)).toHaveLength(2);
    await expectSound('part-1.flac');
    expect(await play(origin.url('piece.flac'), '--duration', '1')).toContain(told);
    await expectSound('piece.flac', '--duration', '1');
    await play(origin.url('hls/fmp4-aes/multivariant.m3u8'));
    expect(await play(origin.url('part-2.flac'), '--offline')).not.toContain('memory');
    await expectSound('part-2.flac');
    const machine = await runTutti(['play', origin.url('part-1.flac'), ...cache, ...output, '--json'], { home: home.directory });
    expect(machine.events()).toContainEqual(expect.objectContaining({ event: 'cache-in-use', writer: `process ${pid}` }));
    const removal = await runTutti(['cache', 'rm', origin.url('part-2.flac'), ...cache], { home: home.directory });
    expect(removal.stderr).toMatch(/another process is writing it/);
    expect(removal.code).toBe(1);

    gate.release();
    const warmed = await warming.result;
    expect(warmed.code, warmed.stderr).toBe(0);
    await origin.stop();
    // What was streamed through memory was not kept; what the other process fetched meanwhile is whole.
    const missing = await runTutti(['play', origin.url('part-1.flac'), ...cache, ...output, '--offline'], { home: home.directory });
    expect(missing.code).toBe(1);
    await play(origin.url('piece.flac'), '--offline');
    await expectSound('piece.flac');
  }, 180_000);

  test('a killed holder’s lock is taken over at once', async () => {
    await using home = await temporaryHome();
    await using origin = await startOrigin();
    const cache = ['--cache', home.file('cache')];
    using gate = origin.gate('piece.flac', heldAtBytes);
    const killed = startTutti(['warm', origin.url('piece.flac'), ...cache], { home: home.directory });
    await gate.reached();
    killed.child.kill('SIGKILL');
    await once(killed.child, 'exit');
    gate.release();

    const played = await runTutti(['play', origin.url('part-1.flac'), ...cache, '--output', home.file('a.wav')], {
      home: home.directory,
    });
    expect(played.stderr).not.toContain('memory');
    expect(played.code).toBe(0);
    const warmed = await runTutti(['warm', origin.url('piece.flac'), ...cache, '--json'], { home: home.directory });
    expect(warmed.code, warmed.stderr).toBe(0);
    await origin.stop();
    const both = [
      'play',
      origin.url('part-1.flac'),
      origin.url('piece.flac'),
      ...cache,
      '--output',
      home.file('a.wav'),
      '--offline',
    ];
    const offline = await runTutti(both, { home: home.directory });
    expect(offline.code, offline.stderr).toBe(0);
  });
});
