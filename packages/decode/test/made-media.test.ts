import { afterAll, describe, expect, test } from 'vitest';
import { Decoder } from '../src/decoder.ts';
import { fileByteSource } from '../src/file-source.ts';
import { decodeAll, ffmpegPcm, hasFfmpeg, peakSignalToNoise } from './decode-all.ts';
import { MADE_FILES, mediaDirectory, PIECE_FRAMES } from './made-media.ts';

if (!hasFfmpeg) console.log('SKIPPED: containers and codecs that no fixture has: there is no ffmpeg on this machine');

const directory = mediaDirectory();
afterAll(() => directory.remove());

describe.skipIf(!hasFfmpeg)('a file that ffmpeg made', () => {
  test.each(MADE_FILES)('$name decodes without a gap, to the frames and samples that ffmpeg gives', async (file) => {
    const path = directory.make(file);
    using decoder = await Decoder.open(fileByteSource(path));
    expect(decoder.info).toMatchObject({ codec: file.codec, container: file.container });
    const { samples, frameCount, jumps } = decodeAll(decoder);
    const frames = file.frames ?? PIECE_FRAMES;
    expect({ frameCount, jumps, lost: decoder.lostPackets }).toEqual({ frameCount: frames, jumps: 0, lost: 0 });
    expect(decoder.info.durationFrames ?? frames).toBe(frames);
    expect(decoder.decode()).toBeUndefined();
    expect(decoder.decode()).toBeUndefined();
    const reference = ffmpegPcm(path, file.codec === 'opus');
    expect(reference.length).toBeGreaterThanOrEqual(samples.length);
    const agreement = peakSignalToNoise(samples, reference);
    if (file.agreementDb === undefined) expect(agreement).toBe(Infinity);
    else expect(agreement).toBeGreaterThan(file.agreementDb);
  });
});
