import { readFileSync } from 'node:fs';
import { fixturePath, mediaEntry, mediaManifest, PIECE_TAGS, provenanceRuns } from '@tutti/fixtures';
import { describe, expect, test } from 'vitest';
import { bytesSource } from '../src/bytes-source.ts';
import { Decoder } from '../src/decoder.ts';
import { fileByteSource } from '../src/file-source.ts';
import { allocatePcmRing } from '../src/pcm-ring-layout.ts';
import { memorySource } from './byte-sources.ts';
import { decodeAll, ffmpegPcm, hasFfmpeg, peakSignalToNoise } from './decode-all.ts';

if (!hasFfmpeg) console.log('SKIPPED: every fixture against ffmpeg: there is no ffmpeg on this machine');

const tracks = mediaManifest().flatMap(({ path, role, facts }) =>
  role === 'track' && facts !== undefined ? [{ path, facts }] : [],
);

/**
 * The noise that AAC leaves to the decoder (PNS; ISO/IEC 14496-3, 4.6.13) is not ffmpeg's here: ours follows from the packet,
 * so that it is the same after a seek. AAC without such noise is compared in `made-media.test.ts`.
 */
const NOISY_AAC_DB = 30;

describe.each(tracks)('$path', ({ path, facts }) => {
  test('decodes without a gap to exactly the frames that it announces', async () => {
    using decoder = await Decoder.open(fileByteSource(fixturePath(path)));
    const { codec, container, sampleRate, channelCount } = decoder.info;
    expect({ codec, container, sampleRate, channelCount }).toEqual({
      codec: facts.codec,
      container: facts.container === 'fmp4' ? 'mp4' : facts.container,
      sampleRate: facts.sampleRate,
      channelCount: facts.channels,
    });
    const { frameCount, jumps } = decodeAll(decoder);
    expect({ frameCount, jumps, lost: decoder.lostPackets }).toEqual({ frameCount: facts.frames, jumps: 0, lost: 0 });
    const { durationFrames = facts.frames } = decoder.info;
    // The timestamps in the ALAC file add up to a frame less than its packets hold.
    expect(Math.abs(durationFrames - facts.frames)).toBeLessThanOrEqual(facts.codec === 'alac' ? 1 : 0);
    expect(decoder.decode()).toBeUndefined();
    expect(decoder.decode()).toBeUndefined();
  });

  test('holds no more than 15 MB once played and sought, a worker’s ring of two seconds included', async () => {
    using decoder = await Decoder.open(fileByteSource(fixturePath(path)));
    decodeAll(decoder);
    decoder.seek(Math.floor(facts.frames / 2));
    decodeAll(decoder, Math.floor(facts.frames / 2));
    const ring = allocatePcmRing({ capacityFrames: 2 * facts.sampleRate, channelCount: facts.channels });
    expect(decoder.memoryBytes + ring.byteLength).toBeLessThanOrEqual(15_000_000);
  });

  test.skipIf(!hasFfmpeg)('matches ffmpeg: lossless sample by sample, lossy within 90 dB', async () => {
    using decoder = await Decoder.open(fileByteSource(fixturePath(path)));
    const { samples } = decodeAll(decoder);
    const reference = ffmpegPcm(fixturePath(path), facts.codec === 'opus');
    // ffmpeg plays the encoder's delay of a fragmented file, whose edit list it ignores, and the padding of AAC in MP4.
    const skipped = facts.container === 'fmp4' ? decoder.info.trim.startFrames * facts.channels : 0;
    expect(reference.length - skipped).toBeGreaterThanOrEqual(samples.length);
    const ratio = peakSignalToNoise(samples, reference.subarray(skipped));
    if (facts.bitsPerSample === undefined) expect(ratio).toBeGreaterThan(facts.codec === 'aac' ? NOISY_AAC_DB : 90);
    else expect(ratio).toBe(Infinity);
  });
});

describe('provenance', () => {
  test('lossless media keep every frame at its index', async () => {
    using decoder = await Decoder.open(fileByteSource(fixturePath('provenance.flac')));
    const { samples, frameCount } = decodeAll(decoder);
    const runs = provenanceRuns(samples);
    expect(runs).toHaveLength(1);
    expect(runs[0]).toMatchObject({ frame: 0 });
    expect(frameCount).toBe(mediaEntry('provenance.flac').facts?.frames);
  });
});

describe('tags', () => {
  test.each(['piece.mp3', 'piece.flac', 'piece.ogg', 'piece.m4a'])('%s gives its tags by standard name', async (path) => {
    using decoder = await Decoder.open(fileByteSource(fixturePath(path)));
    expect(decoder.info.tags).toMatchObject({ title: PIECE_TAGS.title, artist: PIECE_TAGS.artist, album: PIECE_TAGS.album });
    expect(decoder.info.tags.date).toContain(PIECE_TAGS.date);
  });
});

describe('trim', () => {
  test('MP3 reports the encoder delay and padding of its LAME tag', async () => {
    using decoder = await Decoder.open(fileByteSource(fixturePath('piece.mp3')));
    expect(decoder.info.trim).toEqual({ startFrames: 1105, endFrames: 479 });
  });

  test('AAC in MP4 reports the delay of its edit list and the padding of its last packet', async () => {
    using decoder = await Decoder.open(fileByteSource(fixturePath('piece.m4a')));
    expect(decoder.info.trim).toEqual({ startFrames: 1024, endFrames: 688 });
  });
});

describe('a source of unknown length', () => {
  const forwardOnly = ['piece.mp3', 'piece.aac', 'piece.flac', 'piece.ogg', 'piece.wav', 'piece-frag.mp4', 'piece.m4a'];

  test.each(forwardOnly)('%s plays forward with the same samples', async (path) => {
    const bytes = readFileSync(fixturePath(path));
    using whole = await Decoder.open(bytesSource(bytes));
    using forward = await Decoder.open(memorySource(bytes, { isForwardOnly: true, chunkBytes: 5000 }));
    expect(forward.info.isSeekable).toBe(false);
    expect(whole.info.isSeekable).toBe(true);
    const expected = decodeAll(whole);
    const actual = decodeAll(forward);
    expect(actual.jumps).toBe(0);
    // Only the end of an Ogg stream tells the length that jitter inside it may differ from by a frame.
    expect(Math.abs(actual.frameCount - expected.frameCount)).toBeLessThanOrEqual(path.endsWith('.ogg') ? 1 : 0);
    expect(peakSignalToNoise(actual.samples, expected.samples)).toBe(Infinity);
  });

  test('seeks forward only', async () => {
    const bytes = readFileSync(fixturePath('piece.flac'));
    using decoder = await Decoder.open(memorySource(bytes, { isForwardOnly: true }));
    expect(decoder.seek(200_001)).toBe(200_001);
    expect(decoder.decode()?.positionFrames).toBe(200_001);
    expect(() => decoder.seek(100)).toThrow(expect.objectContaining({ code: 'decode/not-seekable', isRecoverable: true }));
    expect(decoder.decode()).toBeDefined();
  });
});

describe('fragmented MP4 joined in the middle', () => {
  test('begins with its first packet and tells its media time', async () => {
    const entries = mediaManifest().filter(({ path }) => /^hls\/fmp4\/[^/]+\/(init\.mp4|segment-[12]\.m4s)$/.test(path));
    const [folder = ''] = entries.map(({ path }) => path.split('/').slice(0, 3).join('/'));
    const open = (...names: readonly string[]) => {
      const bytes = Buffer.concat(['init.mp4', ...names].map((name) => readFileSync(fixturePath(`${folder}/${name}`))));
      return Decoder.open(memorySource(bytes, { isForwardOnly: true }));
    };
    using beginning = await open('segment-0.m4s');
    expect(beginning.info.firstTimestampSeconds).toBe(0);
    using decoder = await open('segment-1.m4s', 'segment-2.m4s');
    const { firstTimestampSeconds = 0, trim, durationFrames } = decoder.info;
    expect(trim.startFrames).toBe(0);
    expect(durationFrames).toBeUndefined();
    // The encoder's delay, which an edit cuts off, is no time.
    expect(firstTimestampSeconds * 44_100).toBeCloseTo(decodeAll(beginning).frameCount, 6);
    expect(decodeAll(decoder).jumps).toBe(0);
  });
});
