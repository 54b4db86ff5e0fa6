import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { id3TagLength, id3TransportTimestamp } from '../src/id3.ts';
import { parseMpegAudioHeader } from '../src/mpeg-audio-header.ts';
import { adaptSegments } from '../src/segment-adapter.ts';
import type { TrackInfo } from '../src/track-info.ts';
import { memorySource, readAll } from './byte-sources.ts';
import { id3Frame, id3Tag, syncsafe, timestampTag } from './id3-writer.ts';
import { adtsFrame, concat } from './ts-muxer.ts';

const PACKED = { segmentFormat: 'packed-audio' } as const;
const INFO = { container: 'adts' } as TrackInfo;
/** An MPEG-1 layer III frame of 128 kbit/s at 44.1 kHz: 417 bytes. */
function mp3Frame(fill: number): Uint8Array {
  const frame = new Uint8Array(417).fill(fill);
  frame.set([0xff, 0xfb, 0x90, 0x00]);
  return frame;
}

function unpack(bytes: Uint8Array, chunkBytes = Infinity) {
  const adapted = adaptSegments(memorySource(bytes, { isForwardOnly: true, chunkBytes }), PACKED);
  return { audio: Buffer.from(readAll(adapted.source)), info: adapted.describe(INFO) };
}

test.each([
  ['ADTS', Array.from({ length: 30 }, (_, index) => adtsFrame(50 + 9 * index, index))],
  ['MP3', Array.from({ length: 30 }, (_, index) => mp3Frame(index))],
])('%s: tags at the joins go, frames stay byte for byte, and the first timestamp is told', (_, frames) => {
  const parts = [0, 1, 2].map((segment) =>
    concat([timestampTag(2 ** 32 + 900_000 * segment), ...frames.slice(10 * segment, 10 * segment + 10)]),
  );
  const { audio, info } = unpack(concat(parts));
  expect(audio.equals(concat(frames))).toBe(true);
  expect(info.firstTimestampSeconds).toBe(2 ** 32 / 90_000);
});

test('"ID3" and whole tags inside a frame payload stay', () => {
  const frames = Array.from({ length: 8 }, (_, index) => adtsFrame(400, index));
  for (const frame of frames) frame.set(timestampTag(77), 100);
  const { audio, info } = unpack(concat([timestampTag(90_000), ...frames]));
  expect(audio.equals(concat(frames))).toBe(true);
  expect(info.firstTimestampSeconds).toBe(1);
});

test('whatever pieces the bytes come in, the frames are the same', () => {
  const frames = Array.from({ length: 20 }, (_, index) => adtsFrame(30 + index, 0xff));
  const bytes = concat([timestampTag(1), ...frames.slice(0, 7), timestampTag(2), ...frames.slice(7)]);
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 100 }), (chunkBytes) => {
      expect(unpack(bytes, chunkBytes).audio.equals(concat(frames))).toBe(true);
    }),
    { numRuns: 60 },
  );
});

test('a frame that the end of a segment cut costs the frames around the join and nothing after it', () => {
  const frames = Array.from({ length: 20 }, (_, index) => adtsFrame(200, index));
  const { audio } = unpack(concat([...frames.slice(0, 9), frames[9]!.subarray(0, 60), timestampTag(5), ...frames.slice(10)]));
  expect(audio.subarray(-8 * 207).equals(concat(frames.slice(12)))).toBe(true);
  expect(audio.subarray(0, 9 * 207).equals(concat(frames.slice(0, 9)))).toBe(true);
});

test('a tag with a picture of many megabytes is skipped and its timestamp still read', () => {
  const timestamp = timestampTag(180_000);
  const tag = id3Tag([timestamp.subarray(10, -5), id3Frame('APIC', new Uint8Array(2_000_000).fill(0xff))]);
  const frames = Array.from({ length: 5 }, () => adtsFrame(99, 1));
  const { audio, info } = unpack(concat([tag, ...frames]), 4096);
  expect(audio.equals(concat(frames))).toBe(true);
  expect(info.firstTimestampSeconds).toBe(2);
});

test('no bytes are empty, noise is not media, AC-3 is unsupported', () => {
  const codeOf = (bytes: Uint8Array): unknown => {
    try {
      return unpack(bytes).info;
    } catch (error) {
      return (error as { code?: unknown }).code;
    }
  };
  expect(codeOf(new Uint8Array(0))).toBe('decode/empty');
  expect(codeOf(Buffer.from('<html>'.repeat(500)))).toBe('decode/not-media');
  expect(codeOf(concat([timestampTag(0), Uint8Array.of(0x0b, 0x77), new Uint8Array(4000)]))).toBe('decode/unsupported');
});

test('closing the adapted source closes the one underneath', () => {
  const source = memorySource(concat([adtsFrame(40, 1), adtsFrame(40, 2)]));
  adaptSegments(source, PACKED).source.close();
  expect(source.isClosed).toBe(true);
});

test.each([
  [[0x49, 0x44, 0x33, 4, 0, 0, 0, 0, 2, 1], 10 + 257],
  [[0x49, 0x44, 0x33, 4, 0, 0x10, 0, 0, 0, 5], 25],
  [[0x49, 0x44, 0x33, 4, 0, 0, 0, 0, 0x80, 1], 0],
  [[0x49, 0x44, 0x33, 255, 0, 0, 0, 0, 0, 1], 0],
])('the length of a tag that begins %o is %i', (header, length) => {
  expect(id3TagLength(Uint8Array.from(header), 0)).toBe(length);
});

test('a tag of any bytes is read without an error', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 200 }),
      fc.constantFrom(2, 3, 4),
      fc.integer({ min: 0, max: 255 }),
      (body, major, flags) => {
        const tag = concat([Uint8Array.of(0x49, 0x44, 0x33, major, 0, flags, ...syncsafe(body.length)), body]);
        expect(id3TransportTimestamp(tag) ?? 0).toBeLessThan(2 ** 33);
      },
    ),
  );
});

test.each([
  [[0xff, 0xfb, 0x90, 0x00], 417],
  [[0xff, 0xfb, 0x92, 0x00], 418],
  [[0xff, 0xf3, 0x80, 0x00], 208],
  [[0xff, 0xfd, 0xa4, 0x00], 576],
  [[0xff, 0xff, 0x94, 0x00], 288],
  [[0xff, 0xfb, 0x00, 0x00], undefined],
  [[0xff, 0xfb, 0xf0, 0x00], undefined],
  [[0xff, 0xeb, 0x90, 0x00], undefined],
])('an MPEG audio header %o describes a frame of %o bytes', (header, lengthBytes) => {
  expect(parseMpegAudioHeader(Uint8Array.from(header), 0)?.lengthBytes).toBe(lengthBytes);
});
