import { createHash } from 'node:crypto';
import { mkdir, readFile, rm } from 'node:fs/promises';
import { fixturePath, startOrigin } from '@tutti/fixtures';
import { describe, expect, test } from 'vitest';
import { runTutti, startTutti, temporaryHome, type TuttiResult } from './run-tutti.ts';
import { mountSmallDisk, withinFileLimit } from './small-disk.ts';

/** One sentence: what failed, on what, why, and what to do. No second line of it, no stack. */
const noSpace =
  /^(tutti: |✗ )[^\n]*(no space left on the device|no file this large)[^\n]*(free (some|space)[^\n]*)(choose another)[^\n]*$/m;

/** Everything that standard output got, as samples. */
function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

describe('a disk that is full', () => {
  test('play and warm say so and what to do, nothing complete is lost, and with room again everything is completed', async () => {
    await using home = await temporaryHome();
    await using origin = await startOrigin();
    await mkdir(home.file('disk'));
    await using disk = await mountSmallDisk(home.file('disk'));
    const roomy = disk?.within ?? [];
    const full = disk?.within ?? withinFileLimit;
    // A limit above the disk's size: it is the disk that is full, not the cache.
    const cache = ['--cache', home.file('disk/cache'), '--max-bytes', '1GiB'];
    const run = (within: readonly string[], ...parameters: string[]): Promise<TuttiResult> =>
      runTutti([...parameters, ...cache], { home: home.directory, within });
    const expectSound = async (within: readonly string[], file: string): Promise<void> => {
      const [played, expected] = await Promise.all([
        run(within, 'play', origin.url(file), '--offline', '--output', 'stdout'),
        runTutti(['play', fixturePath(file), '--output', 'stdout'], { home: home.directory }),
      ]);
      expect(played.code, played.stderr).toBe(0);
      expect(expected.stdout.length).toBeGreaterThan(100_000);
      expect(sha256(played.stdout)).toBe(sha256(expected.stdout));
    };
    const expectRefused = ({ code, stderr }: TuttiResult): void => {
      expect(stderr).toMatch(noSpace);
      expect(stderr.split('\n').filter((line) => /no space|this large/.test(line))).toHaveLength(1);
      expect(stderr).not.toMatch(/\n\s+at /);
      expect(code).toBe(1);
    };
    expect((await run(roomy, 'warm', origin.url('part-1.flac'))).code).toBe(0);

    await disk?.fill(1_200_000);
    expectRefused(await run(full, 'warm', origin.url('piece.flac')));
    expectRefused(await run(full, 'play', origin.url('piece.flac'), '--output', 'stdout'));
    await expectSound(full, 'part-1.flac');
    const details = await run(full, 'cache', 'stat', origin.url('part-1.flac'), '--json');
    const sha = sha256(await readFile(fixturePath('part-1.flac')));
    expect(details.events()[0]).toMatchObject({ resources: [{ sha256: sha }] });
    if (disk !== undefined) {
      expectRefused(await run(full, 'warm', origin.url('hls/fmp4-aes/multivariant.m3u8'), '--variants', 'highest'));
      expectRefused(await run(full, 'play', origin.url('hls/fmp4-aes/multivariant.m3u8'), '--output', 'stdout'));
    }

    await disk?.fill(0);
    const removed = await run(full, 'cache', 'rm', origin.url('piece.flac'));
    expect(removed.stderr + removed.stdout.toString()).toContain(`removed ${origin.url('piece.flac')}`);
    expect(removed.code).toBe(0);

    await disk?.empty();
    for (const file of ['piece.flac', 'hls/fmp4-aes/multivariant.m3u8']) {
      const warmed = await run(roomy, 'warm', origin.url(file));
      expect(warmed.code, warmed.stderr).toBe(0);
    }
    await origin.stop();
    await expectSound(roomy, 'part-1.flac');
    await expectSound(roomy, 'piece.flac');
  }, 180_000);

  test('a read-only root plays what is in it, streams the rest through memory and says so; warming it is refused', async () => {
    await using home = await temporaryHome();
    await using origin = await startOrigin();
    await mkdir(home.file('disk'));
    await using disk = await mountSmallDisk(home.file('disk'));
    if (disk === undefined) return console.warn('SKIPPED: a read-only file system needs a mount');
    // A limit above the disk's size: it is the disk that is full, not the cache.
    const cache = ['--cache', home.file('disk/cache'), '--max-bytes', '1GiB'];
    const options = { home: home.directory, within: disk.within };
    expect((await runTutti(['warm', origin.url('part-1.flac'), ...cache], options)).code).toBe(0);
    await disk.makeReadOnly();
    const refused = await runTutti(['warm', origin.url('part-2.flac'), ...cache], options);
    expect(refused.stderr).toMatch(/^tutti: .*read-only.*choose another cache directory.*$/m);
    expect(refused.stderr).not.toMatch(/\n\s+at /);
    expect(refused.code).toBe(1);
    const play = async (file: string, ...more: string[]) => {
      const played = await runTutti(['play', origin.url(file), '--output', 'stdout', ...more, ...cache], options);
      const local = await runTutti(['play', fixturePath(file), '--output', 'stdout'], options);
      expect(played.code, played.stderr).toBe(0);
      expect(local.stdout.length).toBeGreaterThan(100_000);
      expect(sha256(played.stdout)).toBe(sha256(local.stdout));
      return played;
    };
    expect((await play('part-2.flac')).stderr).toMatch(/^.*read-only.*streamed through memory, and not kept$/m);
    expect((await play('part-1.flac', '--offline')).stderr).not.toMatch(/read-only/);
  });
});

describe('a root that vanishes', () => {
  test.each([
    ['a file', 'piece.flac', 'piece.flac', 400_000],
    ['HLS', 'hls/fmp4/multivariant.m3u8', 'segment-2.m4s', 1000],
  ] as const)('%s: the play ends without a stack or a hang, and the next one begins anew', async (_, file, held, atBytes) => {
    await using home = await temporaryHome();
    await using origin = await startOrigin();
    const play = ['play', origin.url(file), '--variant', 'lowest', '--output', 'stdout', '--cache', home.file('cache')];
    const whole = await runTutti([...play.slice(0, -1), home.file('other')], {
      home: home.directory,
    });
    expect(whole.code, whole.stderr).toBe(0);

    using gate = origin.gate(held, atBytes);
    const playing = startTutti(play, { home: home.directory });
    await gate.reached();
    await rm(home.file('cache'), { recursive: true });
    gate.release();
    const interrupted = await playing.result;
    expect(interrupted.stderr).not.toMatch(/\n\s+at /);
    if (interrupted.code === 0) expect(sha256(interrupted.stdout)).toBe(sha256(whole.stdout));
    else expect(interrupted.stderr).toMatch(/^tutti: .*removed while it was in use: try again$/m);

    const next = await runTutti(play, { home: home.directory });
    expect(next.code, next.stderr).toBe(0);
    expect(sha256(next.stdout)).toBe(sha256(whole.stdout));
  });
});
