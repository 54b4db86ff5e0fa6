import { fixturePath, mediaManifest, seededRandom } from '@tutti/fixtures';
import { expect, test } from 'vitest';
import { Decoder } from '../src/decoder.ts';
import { fileByteSource } from '../src/file-source.ts';
import { decodeAll, decodeSome } from './decode-all.ts';

const refused = new Set(['piece-51.m4a', 'piece.opus']);
const tracks = mediaManifest().flatMap(({ path, role, facts }) =>
  role === 'track' && facts !== undefined && !refused.has(path) ? [{ path, facts }] : [],
);

const SEEKS = 60;
const COMPARED_FRAMES = 1500;
/**
 * AAC fills some bands with noise from a generator whose state is the stream's whole past (ISO/IEC 14496-3, 4.6.13): after
 * a seek that noise is another one, of the same level.
 */
const AAC_NOISE_DB = 12;

test.each(tracks)('$path: seeks land exactly, on the samples that one run gives', async ({ path, facts }) => {
  using decoder = await Decoder.open(fileByteSource(fixturePath(path)));
  const channels = decoder.info.channelCount;
  const { samples, frameCount } = decodeAll(decoder);
  const random = seededRandom(path.length * 7919);
  const targets = [
    0,
    1,
    frameCount - 1,
    Math.floor(frameCount / 2),
    ...Array.from({ length: SEEKS }, () => Math.floor(random() * frameCount)),
  ];
  let signal = 0;
  let noise = 0;
  for (const target of targets) {
    expect(decoder.seek(target)).toBe(target);
    const landed = decodeSome(decoder, COMPARED_FRAMES);
    expect(landed.firstFrame).toBe(target);
    const expected = samples.subarray(target * channels, target * channels + landed.samples.length);
    expect(landed.samples.length).toBe(expected.length);
    if (facts.codec === 'aac') {
      for (const [n, sample] of expected.entries()) {
        signal += sample ** 2;
        noise += (sample - (landed.samples[n] ?? 0)) ** 2;
      }
    } else {
      expect(Buffer.compare(Buffer.from(landed.samples.buffer), Buffer.from(expected.slice().buffer)), `at ${target}`).toBe(0);
    }
  }
  if (facts.codec === 'aac') expect(10 * Math.log10(signal / Math.max(noise, 1e-30))).toBeGreaterThan(AAC_NOISE_DB);
  expect(decoder.lostPackets).toBe(0);
});

test('a seek past the end lands on the end, and playing can begin again', async () => {
  using decoder = await Decoder.open(fileByteSource(fixturePath('piece.flac')));
  expect(decoder.seek(1e12)).toBe(882_000);
  expect(decoder.decode()).toBeUndefined();
  expect(decoder.seek(0)).toBe(0);
  expect(decodeAll(decoder).frameCount).toBe(882_000);
});

test('a seek past the end of a stream of unknown duration lands on the end', async () => {
  using decoder = await Decoder.open(fileByteSource(fixturePath('piece.aac')));
  expect(decoder.info.durationFrames).toBeUndefined();
  expect(decoder.seek(1e12)).toBe(883_712);
  expect(decoder.decode()).toBeUndefined();
});

test('a frame that is no frame index is refused', async () => {
  using decoder = await Decoder.open(fileByteSource(fixturePath('piece.wav')));
  expect(() => decoder.seek(-1)).toThrow(RangeError);
  expect(() => decoder.seek(0.5)).toThrow(RangeError);
});
