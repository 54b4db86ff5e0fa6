import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeLargeMedia } from '@tutti/fixtures';
import { afterAll, describe, expect, test } from 'vitest';
import { Decoder } from '../src/decoder.ts';
import { fileByteSource } from '../src/file-source.ts';
import { countingSource, decodeAll, decodeSome, hasFfmpeg, peakSignalToNoise } from './decode-all.ts';
import { mediaDirectory } from './made-media.ts';

if (!hasFfmpeg) console.log('SKIPPED: bytes read by seeks in MP3 and ADTS: there is no ffmpeg on this machine');

const directory = mkdtempSync(join(tmpdir(), 'tutti-'));
afterAll(() => rmSync(directory, { recursive: true }));

describe.each(['flac', 'm4a'] as const)('a %s of 30 MB', (kind) => {
  test('needs under 2 % of the file for its first frames, and under 2 MB more after a seek to 90 %', async () => {
    const media = await makeLargeMedia(directory, kind);
    const source = countingSource(fileByteSource(media.path));
    using decoder = await Decoder.open(source);
    expect(decoder.info.durationFrames).toBe(media.frames);
    expect(decoder.decode()?.positionFrames).toBe(0);
    expect(source.uniqueBytes).toBeLessThan(media.bytes * 0.02);
    const before = source.uniqueBytes;
    const target = Math.floor(media.frames * 0.9);
    expect(decoder.seek(target)).toBe(target);
    expect(decoder.decode()?.positionFrames).toBe(target);
    expect(source.uniqueBytes - before).toBeLessThan(2_000_000);
    expect(source.largestRead).toBeLessThanOrEqual(65_536);
  });
});

describe.skipIf(!hasFfmpeg)('a stream without a container, of 100 seconds', () => {
  const media = mediaDirectory();
  afterAll(() => media.remove());
  const stream = { times: 5, container: 'mp3', codec: 'mp3' } as const;

  test.each([
    { ...stream, name: 'constant.mp3', options: '-c:a libmp3lame -b:a 128k' },
    { ...stream, name: 'untagged.mp3', options: '-c:a libmp3lame -b:a 160k -write_xing 0 -id3v2_version 0' },
    { ...stream, name: 'constant.mp2', options: '-c:a mp2 -b:a 128k' },
  ])('$name of constant bitrate is sought by arithmetic, and lands exactly', async (file) => {
    const path = media.make(file);
    using whole = await Decoder.open(fileByteSource(path));
    const { samples, frameCount } = decodeAll(whole);
    const source = countingSource(fileByteSource(path));
    using decoder = await Decoder.open(source);
    for (const part of [0.9, 0.4, 0.7]) {
      const target = Math.floor(frameCount * part);
      expect(decoder.seek(target)).toBe(target);
      const landed = decodeSome(decoder, 3000);
      expect(peakSignalToNoise(landed.samples, samples.subarray(target * 2))).toBe(Infinity);
    }
    expect(source.bytesRead).toBeLessThan((source.length ?? 0) / 3);
  });

  test.each([
    { ...stream, name: 'variable.mp3', options: '-c:a libmp3lame -q:a 4' },
    { ...stream, name: 'variable.aac', options: '-c:a aac -b:a 128k -f adts' },
  ])('$name of variable bitrate is walked once: later seeks read only where they land', async (file) => {
    const path = media.make(file);
    using whole = await Decoder.open(fileByteSource(path));
    const { samples, frameCount } = decodeAll(whole);
    const source = countingSource(fileByteSource(path));
    using decoder = await Decoder.open(source);
    expect(decoder.seek(frameCount - 1)).toBe(frameCount - 1);
    const walked = source.bytesRead;
    for (const part of [0.9, 0.4, 0.7]) {
      const target = Math.floor(frameCount * part);
      expect(decoder.seek(target)).toBe(target);
      const landed = decodeSome(decoder, 3000);
      expect(peakSignalToNoise(landed.samples, samples.subarray(target * 2))).toBe(Infinity);
    }
    expect(source.bytesRead - walked).toBeLessThan((source.length ?? 0) / 3);
  });
});
