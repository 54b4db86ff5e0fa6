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

const media = (name: string): string => fileURLToPath(new URL(`./media/${name}`, import.meta.url));

/** Eight seconds of the piece at 48 kbit/s, made by the encoder of oxideav-aac 0.1.7: only the packets tell of SBR. */
const adts = media('piece-he.aac');
/**
 * Four seconds of the piece in mono at 24 kbit/s by the same encoder, and in each packet a parametric stereo of ours: ten bands whose levels
 * swing from side to side, less correlated the higher they are, with its header in every eighth.
 */
const parametric = media('piece-he-v2.aac');

const directory = mkdtempSync(join(tmpdir(), 'tutti-'));
afterAll(() => rmSync(directory, { recursive: true }));

test.each([
  ['HE-AAC', adts, 174],
  ['HE-AAC v2', parametric, 88],
])(
  '%s that only its packets announce plays at its full rate in stereo, and seeks to the samples of one run',
  async (_, path, packets) => {
    using decoder = await Decoder.open(fileByteSource(path));
    expect(decoder.info).toMatchObject({ codec: 'aac', container: 'adts', sampleRate: 44_100, channelCount: 2 });
    const { samples, frameCount, jumps } = decodeAll(decoder);
    expect({ frameCount, jumps, lost: decoder.lostPackets }).toEqual({ frameCount: packets * 2048, jumps: 0, lost: 0 });
    const random = seededRandom(7);
    for (let n = 0; n < 50; n += 1) {
      const target = Math.floor(random() * frameCount);
      expect(decoder.seek(target)).toBe(target);
      const landed = decodeSome(decoder, 3000);
      expect(landed.firstFrame).toBe(target);
      expect(peakSignalToNoise(landed.samples, samples.subarray(target * 2))).toBeGreaterThan(100);
    }
  },
);

test('after a seek HE-AAC goes on with the headers that the stream repeats only now and then', async () => {
  using decoder = await Decoder.open(fileByteSource(adts));
  const { samples } = decodeAll(decoder);
  // Headers are in every eighth packet: these targets let the decoder begin between them.
  for (let packet = 20; packet < 160; packet += 1) {
    decoder.seek(packet * 2048);
    expect(peakSignalToNoise(decodeSome(decoder, 2048).samples, samples.subarray(packet * 4096))).toBeGreaterThan(100);
  }
  expect(decoder.lostPackets).toBe(0);
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

  test('HE-AAC v2 gives each side its own: the same to 12 bits', async () => {
    using decoder = await Decoder.open(fileByteSource(parametric));
    const { samples } = decodeAll(decoder);
    const reference = ffmpegPcm(parametric);
    expect(samples.length).toBe(reference.length);
    expect(peakSignalToNoise(samples, reference)).toBeGreaterThan(72);
    const swapped = samples.map((_sample, n) => samples[n ^ 1] ?? 0);
    expect(peakSignalToNoise(swapped, reference)).toBeLessThan(40);
  });
});
