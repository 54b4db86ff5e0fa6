import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createHash } from 'node:crypto';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { bytesSource } from '../src/bytes-source.ts';
import { DecodeError } from '../src/decode-error.ts';
import { Decoder } from '../src/decoder.ts';
import { decodeAll, ffmpegPcm, hasFfmpeg, peakSignalToNoise } from './decode-all.ts';

const corpora = process.env.TUTTI_CORPORA ?? fileURLToPath(new URL('../../../../shared/corpora', import.meta.url));
const hasCorpora = existsSync(corpora);
if (!hasCorpora) console.log(`SKIPPED: foreign files: there is no folder ${corpora} (or set TUTTI_CORPORA)`);

function files(folder: string, extension: string): string[] {
  if (!hasCorpora) return [];
  return readdirSync(join(corpora, folder))
    .filter((name) => name.endsWith(extension))
    .map((name) => join(corpora, folder, name));
}

/** Samples as the little-endian integers that FLAC's MD5 is over (RFC 9639, section 8.2). */
function integers(samples: Float32Array, bits: number): Buffer {
  const width = Math.ceil(bits / 8);
  const bytes = Buffer.alloc(samples.length * width);
  for (const [n, sample] of samples.entries()) bytes.writeIntLE(Math.round(sample * 2 ** (bits - 1)), n * width, width);
  return bytes;
}

describe.skipIf(!hasCorpora)('the IETF FLAC test bench', () => {
  test.each(files('flac-ietf/subset', '.flac'))('%s decodes to the MD5 in its STREAMINFO', async (path) => {
    const bytes = readFileSync(path);
    using decoder = await Decoder.open(bytesSource(bytes));
    const { samples, jumps } = decodeAll(decoder);
    const { bitsPerSample = 0 } = decoder.info;
    expect(jumps).toBe(0);
    expect(decoder.lostPackets).toBe(0);
    // STREAMINFO follows `fLaC` and a block header of four bytes; its last 16 bytes are the MD5.
    const at = bytes.indexOf('fLaC') + 8;
    const stated = bytes.subarray(at + 18, at + 34).toString('hex');
    expect(createHash('md5').update(integers(samples, bitsPerSample)).digest('hex')).toBe(stated);
  });
});

describe.skipIf(!hasCorpora)('the Layer III compliance streams', () => {
  /** What is no plain stream, or where the reference is one decoder's choice. */
  const byDesign: Readonly<Record<string, string>> = {
    'l3-he_mode.bit': 'changes from stereo to mono and back: a stream keeps its channels here',
    'l3-he_free.bit': 'free format does not tell the length of its packets and is refused by name',
    'l3-nonstandard-*':
      'tags without a stream, or packets damaged on purpose, which the reference leaves out and we replace by silence',
  };
  const streams = files('mp3-minimp3', '.bit').filter(
    (path) => !path.includes('nonstandard') && byDesign[basename(path)] === undefined,
  );

  test.each(streams)('%s is as near to the reference as its 16 bits tell', async (path) => {
    using decoder = await Decoder.open(bytesSource(readFileSync(path)));
    const samples = decodeAll(decoder).samples.map((sample) => Math.max(-1, Math.min(32_767 / 32_768, sample)));
    const pcm = readFileSync(path.replace(/\.bit$/, '.pcm'));
    const reference = Float32Array.from({ length: pcm.length / 2 }, (_, n) => pcm.readInt16LE(n * 2) / 32_768);
    expect(samples.length).toBeGreaterThanOrEqual(reference.length);
    // Rounding to 16 bits alone costs some 98 dB.
    expect(peakSignalToNoise(samples, reference)).toBeGreaterThan(96);
  });
});

const REFUSALS = ['decode/unsupported', 'decode/not-media', 'decode/empty', 'decode/damaged'];

/** Where ffmpeg is not the reference. */
const NOT_AS_FFMPEG: Readonly<Record<string, string>> = {
  '100kB-garbage-prefix.mp3': 'ffmpeg plays the garbage',
  '200kB-garbage-prefix.mp3': 'ffmpeg plays the garbage',
  'test-cbr-info-header-trailing-garbage.mp3': 'ffmpeg plays the garbage behind the length that the tag tells',
  'bear-id3.mp3': 'ffmpeg loses the tag with the encoder delay behind an ID3 tag of wrong length',
  'bear-id3-numeric-genre.mp3': 'ffmpeg loses the tag with the encoder delay behind an ID3 tag of wrong length',
  'bear-flac-32bit.mka': 'ffmpeg refuses FLAC of 32 bits',
  'bear_duplicate_header.opus': 'a header in the middle counts as a lost packet here',
  'sd-hls0000000000.ts': 'its noise bands (PNS) are another noise in every decoder',
  'play-trimmed.mp3': 'ffmpeg finds no packet in a file of so few',
  'sample.adts': 'ffmpeg leaves out the first packet',
  'sample_cbs_truncated.adts': 'ffmpeg leaves out the first packet',
};

function mediaFiles(folder: string): string[] {
  if (!hasCorpora) return [];
  return readdirSync(join(corpora, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !/\.(?:txt|m3u8|pcm)$/.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name));
}

describe.skipIf(!hasCorpora)('files of other players, damaged and odd ones among them', () => {
  test.each([...mediaFiles('mp3-minimp3'), ...mediaFiles('media3-audio')])(
    '%s decodes as ffmpeg does, or is refused',
    async (path) => {
      await decodeAndSeek(path).catch((error: unknown) => {
        if (!(error instanceof DecodeError)) throw error;
        expect(REFUSALS).toContain(error.code);
      });
    },
  );

  test('a segmented file decodes once its segments are joined', async () => {
    const folder = join(corpora, 'media3-audio/cmaf/multi-segment');
    const names = ['audio_init.mp4', ...Array.from({ length: 12 }, (_, n) => `audio_${n + 1}.m4s`)];
    using decoder = await Decoder.open(bytesSource(Buffer.concat(names.map((name) => readFileSync(join(folder, name))))));
    const { frameCount, jumps } = decodeAll(decoder);
    expect({ codec: decoder.info.codec, jumps, lost: decoder.lostPackets }).toEqual({ codec: 'aac', jumps: 0, lost: 0 });
    expect(frameCount).toBeGreaterThan(2 * decoder.info.sampleRate);
  });
});

async function decodeAndSeek(path: string): Promise<void> {
  using decoder = await Decoder.open(bytesSource(readFileSync(path)));
  const { samples, jumps, frameCount } = decodeAll(decoder);
  expect(jumps).toBe(0);
  expect(samples.every(Number.isFinite)).toBe(true);
  const { codec, channelCount, isSeekable } = decoder.info;
  if (hasFfmpeg && NOT_AS_FFMPEG[basename(path)] === undefined && path.includes('media3')) {
    const reference = ffmpegPcm(path, codec === 'opus');
    // What ffmpeg cannot decode at all gives nothing to compare with.
    if (reference.length > 0) {
      expect(frameCount).toBe(reference.length / channelCount);
      const isLossless = decoder.info.bitsPerSample !== undefined || codec === 'adpcm';
      expect(peakSignalToNoise(samples, reference)).toBeGreaterThanOrEqual(isLossless ? Infinity : 90);
    }
  }
  if (!isSeekable) return;
  const target = Math.floor(frameCount / 2);
  expect(decoder.seek(target)).toBe(target);
}
