import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { seededRandom } from '@tutti/fixtures';
import { afterAll, describe, expect, test } from 'vitest';
import { Decoder } from '../src/decoder.ts';
import { fileByteSource } from '../src/file-source.ts';
import { decodeAll, decodeSome, ffmpegPcm, hasFfmpeg, peakSignalToNoise } from './decode-all.ts';

if (!hasFfmpeg) console.log('SKIPPED: HE-AAC against ffmpeg: there is no ffmpeg on this machine');

/** Eight seconds of the piece at 48 kbit/s, made by the encoder of oxideav-aac 0.1.7: only the packets tell of SBR. */
const adts = fileURLToPath(new URL('./media/piece-he.aac', import.meta.url));
const FRAMES = 174 * 2048;

const directory = mkdtempSync(join(tmpdir(), 'tutti-'));
afterAll(() => rmSync(directory, { recursive: true }));

test('HE-AAC that only its packets announce plays at its full rate, and seeks exactly', async () => {
  using decoder = await Decoder.open(fileByteSource(adts));
  expect(decoder.info).toMatchObject({ codec: 'aac', container: 'adts', sampleRate: 44_100, channelCount: 2 });
  const { samples, frameCount, jumps } = decodeAll(decoder);
  expect({ frameCount, jumps, lost: decoder.lostPackets }).toEqual({ frameCount: FRAMES, jumps: 0, lost: 0 });
  const random = seededRandom(7);
  for (let n = 0; n < 20; n += 1) {
    const target = Math.floor(random() * frameCount);
    expect(decoder.seek(target)).toBe(target);
    const landed = decodeSome(decoder, 3000);
    expect(landed.firstFrame).toBe(target);
    // The phase of the noise that is put into the upper bands follows the stream's past.
    expect(peakSignalToNoise(landed.samples, samples.subarray(target * 2))).toBeGreaterThan(45);
  }
});

describe.skipIf(!hasFfmpeg)('beside ffmpeg', () => {
  test.each(['piece-he.aac', 'piece-he.m4a', 'piece-he.mka'])('%s gives the same samples', async (name) => {
    const path = name.endsWith('.aac') ? adts : join(directory, name);
    if (path !== adts) execFileSync('ffmpeg', ['-v', 'error', '-i', adts, '-c', 'copy', path]);
    using decoder = await Decoder.open(fileByteSource(path));
    const { samples, jumps } = decodeAll(decoder);
    expect(jumps).toBe(0);
    const reference = ffmpegPcm(path);
    expect(samples.length).toBe(reference.length);
    // The decoder rounds to 16 bits.
    expect(peakSignalToNoise(samples, reference)).toBeGreaterThan(95);
  });
});
