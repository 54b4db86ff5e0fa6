import { execFileSync } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { fixturePath } from '@tutti/fixtures';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { hasFfmpeg } from '../../../fixtures/test/require-ffmpeg.ts';
import { ffmpegPcm, peakSignalToNoise } from '../../../packages/decode/test/decode-all.ts';
import { openCache } from '../src/compose.ts';
import { Track } from '../src/engine/track.ts';
import { TrackLibrary } from '../src/node/track-library.ts';
import { fickle, HlsStage } from './hls-stage.ts';
import { readFrames } from './read-track.ts';
import { runTutti, temporaryHome } from './run-tutti.ts';

const signal = AbortSignal.timeout(300_000);

/** Eight seconds of the piece, which ffmpeg can cut but not make. */
const heAac = fileURLToPath(new URL('../../../packages/decode/test/media/piece-he.aac', import.meta.url));

const FRAGMENTS = ['-strict', '-2', '-hls_segment_type', 'fmp4'];
const sets = [
  { name: 'he-fmp4', codecs: 'mp4a.40.5', from: heAac, options: ['-c', 'copy', '-bsf:a', 'aac_adtstoasc', ...FRAGMENTS] },
  { name: 'he-ts', codecs: 'mp4a.40.5', from: heAac, options: ['-c', 'copy'] },
  { name: 'opus', codecs: 'Opus', from: fixturePath('piece.flac'), options: ['-t', '8', '-c:a', 'libopus', ...FRAGMENTS] },
  { name: 'aac', codecs: 'mp4a.40.2', from: fixturePath('piece.flac'), options: ['-t', '8', '-c:a', 'aac', ...FRAGMENTS] },
] as const;
/** Its init section says that it is HE-AAC; that of `he-fmp4` leaves it to the packets. */
const explicit = { name: 'he-told', codecs: 'mp4a.40.5', from: heAac } as const;
const newcomers = [...sets.filter(({ name }) => name !== 'aac'), explicit];
/** What the encoder puts before the music, which ffmpeg's HLS does not announce but its decoder leaves out. */
const OPUS_PRE_SKIP = 312;

let made: string;
beforeAll(async () => {
  made = await mkdtemp(join(tmpdir(), 'tutti-'));
  if (!hasFfmpeg) return;
  for (const { from, name, options } of sets) {
    const muxer = ['-f', 'hls', '-hls_time', '2', '-hls_playlist_type', 'vod', '-hls_fmp4_init_filename', `${name}-init.mp4`];
    execFileSync('ffmpeg', ['-v', 'error', '-i', from, '-map', '0:a', ...options, ...muxer, `${name}.m3u8`], { cwd: made });
  }
  const init = tellHeAac(await readFile(join(made, 'he-fmp4-init.mp4')));
  await writeFile(join(made, 'he-told-init.mp4'), init);
  const playlist = await readFile(join(made, 'he-fmp4.m3u8'), 'utf8');
  await writeFile(join(made, 'he-told.m3u8'), playlist.replace('he-fmp4-init', 'he-told-init'));
});
afterAll(() => rm(made, { recursive: true }));

let stage: HlsStage;
beforeEach(async () => {
  stage = await HlsStage.open();
  for (const file of await readdir(made)) stage.origin.put(`/${file}`, await readFile(join(made, file)));
  for (const { codecs, name } of [...sets, explicit]) putLadder(`/${name}-main.m3u8`, [[codecs, `${name}.m3u8`]]);
});
afterEach(() => stage[Symbol.asyncDispose]());

function putLadder(path: string, rungs: readonly (readonly [codecs: string, uri: string])[]): void {
  const lines = rungs.flatMap(([codecs, uri], index) => [`#EXT-X-STREAM-INF:BANDWIDTH=${index + 1}0000,CODECS="${codecs}"`, uri]);
  stage.origin.put(path, ['#EXTM3U', ...lines].join('\n'));
}

/**
 * Makes the AudioSpecificConfig name HE-AAC and both rates (ISO/IEC 14496-3, 1.6.2.1) where it named AAC-LC at half of them. The two
 * bytes more are taken from how the size of the descriptor behind it is written (ISO/IEC 14496-1, 8.3.3).
 */
function tellHeAac(init: Buffer): Buffer {
  const hex = init.toString('hex');
  const told = hex.replace(/(0480808014)(.{26})0580808002139006808080(0102)/u, '0480808016$205808080042b9208000680$3');
  expect(told).not.toBe(hex);
  return Buffer.from(told, 'hex');
}

describe.skipIf(!hasFfmpeg).each(newcomers)('$name', ({ name, from }) => {
  const isOpus = name === 'opus';
  const rate = isOpus ? 48_000 : 44_100;

  test('plays whole, as ffmpeg decodes it', async () => {
    const { jumps, samples } = await stage.play(`/${name}-main.m3u8`);
    expect(jumps).toEqual([]);
    const reference = ffmpegPcm(isOpus ? join(made, `${name}.m3u8`) : from, isOpus);
    const music = samples.subarray(isOpus ? OPUS_PRE_SKIP * 2 : 0);
    expect(music.length).toBe(reference.length);
    expect(peakSignalToNoise(music, reference)).toBeGreaterThan(90);
  });

  test.each([0.7, 3.3, 5, 7.9])('begins at %d s with the frame that is there', async (startSeconds) => {
    const whole = await stage.play(`/${name}-main.m3u8`);
    const later = await stage.play(`/${name}-main.m3u8`, { startSeconds });
    expect(later.jumps).toEqual([]);
    const frame = Math.round(startSeconds * rate);
    expect(later.samples.length).toBe(whole.samples.length - frame * 2);
    // The noise that HE-AAC puts into its upper bands, and Opus' filters, follow the stream's past.
    expect(peakSignalToNoise(later.samples, whole.samples.subarray(frame * 2))).toBeGreaterThan(40);
  });

  test('is probed, decoded, warmed and played offline by the command line', async () => {
    await using home = await temporaryHome();
    const url = stage.origin.url(`/${name}-main.m3u8`);
    const run = async (...words: readonly string[]) => {
      const result = await runTutti([...words, '--cache', home.file('cache'), '--json'], { home: home.directory });
      expect(result.code, result.stderr).toBe(0);
      return result.events();
    };
    expect(await run('probe', url)).toMatchObject([{ codec: isOpus ? 'opus' : 'aac', sampleRate: rate, channelCount: 2 }]);
    await run('decode', url, '--output', home.file('decoded.wav'));
    await run('warm', url);
    await stage.origin.stop();
    await run('play', url, '--offline', '--output', home.file('played.wav'));
    expect(await readFile(home.file('played.wav'))).toEqual(await readFile(home.file('decoded.wav')));
  });
});

test.skipIf(!hasFfmpeg).each(newcomers)('a party takes $name, and gives every node the same frames', async ({ name }) => {
  await using home = await temporaryHome();
  await using cache = await openCache({ directory: home.file('cache') });
  await using library = new TrackLibrary({ cache: async () => cache, variant: 'highest' });
  const taken = await library.add(stage.origin.url(`/${name}-main.m3u8`), { signal });
  expect(taken.card).toMatchObject({ kind: 'hls', bandwidth: 10_000 });
  const alone = await stage.play(`/${name}-main.m3u8`);
  await stage.origin.stop();
  await using source = await taken.open(signal);
  await using track = await Track.open(source, { signal });
  expect(await readFrames(track, alone.samples.length, signal)).toEqual(alone.samples);
});

test.skipIf(!hasFfmpeg)('a run goes from HE-AAC to AAC and back, each at its own timestamps, without a jump', async () => {
  putLadder('/mixed.m3u8', [
    ['mp4a.40.5', 'he-fmp4.m3u8'],
    ['mp4a.40.2', 'aac.m3u8'],
  ]);
  const [low, high] = [await stage.play('/he-fmp4-main.m3u8'), await stage.play('/aac-main.m3u8')];
  const { events, jumps, samples } = await stage.play('/mixed.m3u8', fickle());
  expect(events.filter(({ type }) => type === 'variant').length).toBeGreaterThan(3);
  expect(jumps).toEqual([]);
  for (const [index, own] of [low, high, low, high].entries()) {
    // The second half of each segment of two.
    const [from, to] = [(2 * index + 1) * 88_200, Math.floor((2 * index + 1.9) * 88_200)];
    expect(peakSignalToNoise(samples.subarray(from, to), own.samples.subarray(from, to)), `segment ${index}`).toBeGreaterThan(40);
  }
});
