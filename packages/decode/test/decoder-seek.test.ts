import { fixturePath, mediaManifest, seededRandom } from '@tutti/fixtures';
import { afterAll, expect, test } from 'vitest';
import { Decoder } from '../src/decoder.ts';
import { fileByteSource } from '../src/file-source.ts';
import { decodeAll, decodeSome, hasFfmpeg, peakSignalToNoise } from './decode-all.ts';
import { MADE_FILES, mediaDirectory } from './made-media.ts';

if (!hasFfmpeg) console.log('SKIPPED: seeks in containers that no fixture has: there is no ffmpeg on this machine');

const SEEKS = 200;
const COMPARED_FRAMES = 1500;
/** Opus converges on the samples of one run, over what it decodes before a landing (RFC 7845, section 4.6). */
const CONVERGED_DB = 90;

const directory = mediaDirectory();
afterAll(() => directory.remove());

async function expectExactSeeks(path: string): Promise<void> {
  using decoder = await Decoder.open(fileByteSource(path));
  const { channelCount, codec } = decoder.info;
  const { samples, frameCount } = decodeAll(decoder);
  const random = seededRandom(frameCount);
  const edges = [0, 1, frameCount - 1, Math.floor(frameCount / 2)];
  const targets = [...edges, ...Array.from({ length: SEEKS }, () => Math.floor(random() * frameCount))];
  for (const target of targets) {
    expect(decoder.seek(target)).toBe(target);
    const landed = decodeSome(decoder, COMPARED_FRAMES);
    expect(landed.firstFrame).toBe(target);
    const expected = samples.subarray(target * channelCount, target * channelCount + landed.samples.length);
    expect(landed.samples.length).toBe(expected.length);
    const agreement = peakSignalToNoise(landed.samples, expected);
    if (codec === 'opus') expect(agreement, `at ${target}`).toBeGreaterThan(CONVERGED_DB);
    else expect(agreement, `at ${target}`).toBe(Infinity);
  }
  expect(decoder.lostPackets).toBe(0);
}

const fixtures = mediaManifest().flatMap(({ path, role }) => (role === 'track' ? [path] : []));

test.each(fixtures)('%s: seeks land exactly, on the samples that one run gives', async (path) => {
  await expectExactSeeks(fixturePath(path));
});

test.skipIf(!hasFfmpeg).each(MADE_FILES)('$name: seeks land exactly, on the samples that one run gives', async (file) => {
  await expectExactSeeks(directory.make(file));
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
