import { readFileSync } from 'node:fs';
import { fixturePath } from '@tutti/fixtures';
import { expect, test } from 'vitest';
import { AudioFrameScanner } from '../src/audio-frame-scanner.ts';
import { bytesSource } from '../src/bytes-source.ts';
import { Decoder } from '../src/decoder.ts';
import { M2tsSource } from '../src/m2ts-source.ts';
import { memorySource, readAll } from './byte-sources.ts';
import { decodeAll, peakSignalToNoise } from './decode-all.ts';
import { concat, TsMuxer } from './ts-muxer.ts';

const adts = readFileSync(fixturePath('piece.aac'));
const frames: Uint8Array[] = [];
const scanner = new AudioFrameScanner({ onFrame: (frame) => frames.push(frame.slice()) });
scanner.push(adts);
scanner.finish();
const transportStream = new TsMuxer().segment(
  frames.map((payload, n) => ({ payload, ticks: Math.round((n * 1024 * 90_000) / 44_100) })),
);

/** Each packet behind an arrival time. */
function toM2ts(stream: Uint8Array): Uint8Array {
  return concat(
    Array.from({ length: stream.length / 188 }, (_, n) => [
      Uint8Array.of(1, 2, 3, n),
      stream.subarray(n * 188, (n + 1) * 188),
    ]).flat(),
  );
}

test.each([
  ['a transport stream', transportStream],
  ['an M2TS stream', toM2ts(transportStream)],
])('%s plays as the frames in it', async (_, bytes) => {
  using plain = await Decoder.open(bytesSource(adts));
  const expected = decodeAll(plain);
  using decoder = await Decoder.open(bytesSource(bytes));
  expect(decoder.info).toMatchObject({ codec: 'aac', container: 'mpeg-ts', firstTimestampSeconds: 0 });
  const { samples, jumps } = decodeAll(decoder);
  expect(jumps).toBe(0);
  expect(samples.length).toBe(expected.samples.length);
  expect(peakSignalToNoise(samples, expected.samples)).toBe(Infinity);
});

test.each([1, 187, 188, 189, 1000, 100_000])('reads of %d bytes give the packets without their times', (pieceBytes) => {
  const packets = transportStream.subarray(0, 400 * 188);
  const source = new M2tsSource(memorySource(toM2ts(packets), { chunkBytes: 1000 }));
  expect(source.length).toBe(packets.length);
  expect(Buffer.compare(Buffer.from(readAll(source, pieceBytes)), Buffer.from(packets))).toBe(0);
});
