/** Files beyond 2 and 4 GiB, made of a few bytes: positions in them do not fit a 32-bit module's own words. */
import { readFileSync } from 'node:fs';
import { fixturePath, seededRandom } from '@tutti/fixtures';
import { expect, test } from 'vitest';
import type { ByteSource } from '../src/byte-source.ts';
import { Decoder } from '../src/decoder.ts';
import { decodeAll, decodeSome } from './decode-all.ts';
import { frameIndexOf } from './index-wav.ts';
import { memorySource } from './byte-sources.ts';

const GIB = 2 ** 30;
const WAV_FRAMES = 1_300_000_000;
const RF64_HEAD_BYTES = 80;
/** A chunk behind the data, which is no sound. */
const RF64_TAIL_BYTES = 4000;

/** RF64 of stereo 16-bit frames that tell their own index, as `indexWav` writes them: 4.8 GiB. */
function indexRf64(): ByteSource {
  const head = Buffer.alloc(RF64_HEAD_BYTES);
  const dataBytes = BigInt(4 * WAV_FRAMES);
  head.write('RF64\xff\xff\xff\xffWAVEds64', 0, 'latin1');
  head.writeUInt32LE(28, 16);
  head.writeBigUInt64LE(dataBytes + BigInt(RF64_HEAD_BYTES + RF64_TAIL_BYTES - 8), 20);
  head.writeBigUInt64LE(dataBytes, 28);
  head.writeBigUInt64LE(BigInt(WAV_FRAMES), 36);
  head.write('fmt ', 48, 'latin1');
  head.writeUInt32LE(16, 52);
  head.writeUInt16LE(1, 56);
  head.writeUInt16LE(2, 58);
  head.writeUInt32LE(44_100, 60);
  head.writeUInt32LE(4 * 44_100, 64);
  head.writeUInt16LE(4, 68);
  head.writeUInt16LE(16, 70);
  head.write('data\xff\xff\xff\xff', 72, 'latin1');
  const length = RF64_HEAD_BYTES + 4 * WAV_FRAMES + RF64_TAIL_BYTES;
  return {
    length,
    readAt(position, into) {
      const count = Math.min(into.length, length - position);
      for (let index = 0; index < count; index += 1) into[index] = byteAt(position + index);
      return count;
    },
    close() {},
  };

  function byteAt(position: number): number {
    if (position < RF64_HEAD_BYTES) return head[position] ?? 0;
    const frame = Math.floor((position - RF64_HEAD_BYTES) / 4);
    const word = (frame & 0x7fff) | ((frame >> 15) << 16);
    return (word >>> (8 * (position % 4))) & 0xff;
  }
}

/** The bytes with a hole of zeros inside the media data, where a chunk begins; the chunks' table knows of it. */
function withHole(bytes: Uint8Array, holeBytes: number): ByteSource {
  const file = Buffer.from(bytes);
  const table = file.indexOf('stco') + 8;
  const entries = Array.from({ length: file.readUInt32BE(table) }, (_, index) => table + 4 + 4 * index);
  const hole = file.readUInt32BE(entries[Math.floor(entries.length / 2)] ?? 0);
  for (const entry of entries) {
    const offset = file.readUInt32BE(entry);
    if (offset >= hole) file.writeUInt32BE(offset + holeBytes, entry);
  }
  const mediaData = file.indexOf('mdat') - 4;
  file.writeUInt32BE(file.readUInt32BE(mediaData) + holeBytes, mediaData);
  return {
    length: file.length + holeBytes,
    readAt(position, into) {
      if (position >= hole + holeBytes) return copyFrom(position - holeBytes, into);
      if (position < hole) return copyFrom(position, into.subarray(0, hole - position));
      return into.subarray(0, hole + holeBytes - position).fill(0).length;
    },
    close() {},
  };

  function copyFrom(position: number, into: Uint8Array): number {
    return file.copy(into, 0, position);
  }
}

test('seeks land exactly in an RF64 file of 4.8 GiB', async () => {
  using decoder = await Decoder.open(indexRf64());
  expect(decoder.info.durationFrames).toBe(WAV_FRAMES);
  const random = seededRandom(1);
  const targets = [...Array.from({ length: 40 }, () => Math.floor(random() * WAV_FRAMES)), WAV_FRAMES - 1, 0];
  for (const target of targets) {
    expect(decoder.seek(target)).toBe(target);
    // The upper half is signed.
    expect(frameIndexOf(decodeSome(decoder, 1).samples, 0)).toBe(target < GIB ? target : target - 2 * GIB);
  }
  decoder.seek(WAV_FRAMES - 1000);
  expect(decodeSome(decoder, 5000).samples.length).toBe(2 * 1000);
});

test('plays and seeks over a hole of 3 GiB in MP4', async () => {
  const bytes = readFileSync(fixturePath('piece-alac.m4a'));
  using whole = await Decoder.open(memorySource(bytes));
  const expected = decodeAll(whole);
  using decoder = await Decoder.open(withHole(bytes, 3 * GIB));
  expect(decodeAll(decoder)).toEqual(expected);
  const random = seededRandom(2);
  for (let round = 0; round < 40; round += 1) {
    const target = Math.floor(random() * expected.frameCount);
    expect(decoder.seek(target)).toBe(target);
    const { samples } = decodeSome(decoder, 500);
    expect(samples).toEqual(expected.samples.subarray(2 * target, 2 * target + samples.length));
  }
  expect(decoder.lostPackets).toBe(0);
});
