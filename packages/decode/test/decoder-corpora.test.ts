import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { bytesSource } from '../src/bytes-source.ts';
import { DecodeError } from '../src/decode-error.ts';
import { Decoder } from '../src/decoder.ts';
import { decodeAll, peakSignalToNoise } from './decode-all.ts';

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
  /** Free format is not recognised, a stream may not change from stereo to mono, intensity stereo of MPEG-2 is coarse. */
  const beyondUs = /nonstandard|he_free|he_mode|test46/;
  const streams = files('mp3-minimp3', '.bit').filter((path) => !beyondUs.test(path));

  test.each(streams)('%s is as near to the reference as its 16 bits tell', async (path) => {
    using decoder = await Decoder.open(bytesSource(readFileSync(path)));
    const samples = decodeAll(decoder).samples.map((sample) => Math.max(-1, Math.min(32_767 / 32_768, sample)));
    const pcm = readFileSync(path.replace(/\.bit$/, '.pcm'));
    const reference = Float32Array.from({ length: pcm.length / 2 }, (_, n) => pcm.readInt16LE(n * 2) / 32_768);
    // Rounding to 16 bits alone costs some 98 dB. Symphonia passes over the mixed flag of start and stop blocks.
    expect(peakSignalToNoise(samples, reference)).toBeGreaterThan(path.includes('si_block') ? 60 : 95);
  });
});

describe.skipIf(!hasCorpora)('files of other players, damaged and odd ones among them', () => {
  const folders = [
    'mp3-minimp3',
    'media3-audio/mp3',
    'media3-audio/flac',
    'media3-audio/ogg',
    'media3-audio/wav',
    'media3-audio/mka',
    'media3-audio/aac',
    'media3-audio/ts',
  ];

  test.each(folders)('%s: each decodes, or is refused with a typed error', async (folder) => {
    for (const path of files(folder, '')) {
      try {
        using decoder = await Decoder.open(bytesSource(readFileSync(path)));
        const { samples, jumps } = decodeAll(decoder);
        expect(jumps, path).toBe(0);
        expect(samples.every(Number.isFinite), path).toBe(true);
        const target = Math.floor(samples.length / decoder.info.channelCount / 2);
        expect(decoder.seek(target), path).toBe(target);
      } catch (error) {
        if (!(error instanceof DecodeError)) throw error;
        expect(['decode/unsupported', 'decode/not-media', 'decode/empty', 'decode/damaged'], path).toContain(error.code);
      }
    }
  });
});
