import { readFileSync } from 'node:fs';
import { fixturePath, mediaEntry } from '@tutti/fixtures';
import { expect, test } from 'vitest';
import { bytesSource } from '../src/bytes-source.ts';
import { Decoder } from '../src/decoder.ts';
import { decodeAll, decodeSome, peakSignalToNoise } from './decode-all.ts';

const HEADER_BYTES = 27;

/** Checksum of a page whose own field is 0 (RFC 3533, section 6). */
function checksum(page: Uint8Array): number {
  let crc = 0;
  for (const byte of page) {
    crc ^= byte << 24;
    for (let bit = 0; bit < 8; bit += 1) crc = (crc << 1) ^ (crc < 0 ? 0x04c11db7 : 0);
  }
  return crc >>> 0;
}

/** The same stream under another serial number, as the next link of a chain has it. */
function withSerial(stream: Buffer, serial: number): Buffer {
  const copy = Buffer.from(stream);
  for (let at = 0; at < copy.length;) {
    const segments = copy[at + 26] ?? 0;
    const body = copy.subarray(at + HEADER_BYTES, at + HEADER_BYTES + segments).reduce((sum, length) => sum + length, 0);
    const page = copy.subarray(at, at + HEADER_BYTES + segments + body);
    page.writeUInt32LE(serial, 14);
    page.writeUInt32LE(0, 22);
    page.writeUInt32LE(checksum(page), 22);
    at += page.length;
  }
  return copy;
}

test.each(['piece.ogg', 'piece.opus'])('%s goes on with the next link of a chain, without a gap', async (path) => {
  const stream = readFileSync(fixturePath(path));
  const { frames = 0 } = mediaEntry(path).facts ?? {};
  using alone = await Decoder.open(bytesSource(stream));
  const { samples } = decodeAll(alone);
  using chain = await Decoder.open(bytesSource(Buffer.concat([stream, withSerial(stream, 77)])));
  expect(chain.info.durationFrames).toBeUndefined();
  const played = decodeAll(chain);
  expect({ frameCount: played.frameCount, jumps: played.jumps, lost: chain.lostPackets }).toEqual({
    frameCount: 2 * frames,
    jumps: 0,
    lost: 0,
  });
  expect(peakSignalToNoise(played.samples.subarray(0, samples.length), samples)).toBe(Infinity);
  expect(peakSignalToNoise(played.samples.subarray(samples.length), samples)).toBe(Infinity);
  expect(chain.decode()).toBeUndefined();
  const target = Math.floor(frames * 1.5);
  expect(chain.seek(target)).toBe(target);
  const landed = decodeSome(chain, 3000);
  expect(landed.firstFrame).toBe(target);
  expect(peakSignalToNoise(landed.samples, played.samples.subarray(target * 2))).toBe(Infinity);
});
