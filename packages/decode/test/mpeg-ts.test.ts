import { execFileSync, spawnSync } from 'node:child_process';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { DecodeError } from '../src/decode-error.ts';
import { adaptSegments } from '../src/segment-adapter.ts';
import type { TrackInfo } from '../src/track-info.ts';
import { memorySource, readAll } from './byte-sources.ts';
import { adtsFrame, concat, TsMuxer, type TsMuxerOptions } from './ts-muxer.ts';

const TS = { segmentFormat: 'mpeg-ts' } as const;
const INFO = { container: 'adts' } as TrackInfo;
const FRAMES = Array.from({ length: 40 }, (_, index) => adtsFrame(100 + ((index * 37) % 300), index + 1));

/** The audio of a transport stream, and what it adds to the info. */
function demux(bytes: Uint8Array, options: { readonly chunkBytes?: number } = {}) {
  const adapted = adaptSegments(memorySource(bytes, { isForwardOnly: true, ...options }), TS);
  const audio = readAll(adapted.source);
  return { audio: Buffer.from(audio), info: adapted.describe(INFO) };
}

function errorOf(action: () => unknown): unknown {
  try {
    action();
  } catch (error) {
    return error;
  }
  return undefined;
}

/** Frames in PES packets of four, 1024 frames of 44.1 kHz each, from `firstTicks` on. */
function inPes(frames: readonly Uint8Array[], firstTicks: number) {
  return Array.from({ length: Math.ceil(frames.length / 4) }, (_, index) => ({
    payload: concat(frames.slice(4 * index, 4 * index + 4)),
    ticks: (firstTicks + Math.round((index * 4 * 1024 * 90_000) / 44_100)) % 2 ** 33,
  }));
}

test('gives the ADTS frames of a transport stream, byte for byte, and the time of the first', () => {
  const { audio, info } = demux(new TsMuxer().segment(inPes(FRAMES, 126_000)));
  expect(audio.equals(concat(FRAMES))).toBe(true);
  expect(info).toEqual({ container: 'mpeg-ts', firstTimestampSeconds: 1.4 });
});

test.each<[string, TsMuxerOptions]>([
  ['a program map that spans several packets', { programDescriptorBytes: 700 }],
  ['PES packets of unbounded length', { isUnbounded: true }],
  ['video before the audio', { otherStreams: [[0x1b, 0x100]] }],
  ['another audio stream that cannot be decoded', { otherStreams: [[0x81, 0x100]] }],
])('copes with %s', (_, options) => {
  expect(demux(new TsMuxer(options).segment(inPes(FRAMES, 0))).audio.equals(concat(FRAMES))).toBe(true);
});

test('whatever pieces the bytes come in, the audio is the same', () => {
  const bytes = new TsMuxer().segment(inPes(FRAMES, 0));
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 600 }), (chunkBytes) => {
      expect(demux(bytes, { chunkBytes }).audio.equals(concat(FRAMES))).toBe(true);
    }),
    { numRuns: 40 },
  );
});

test('frames that span PES packets stay whole, and a time belongs to the first frame that begins in its packet', () => {
  const stream = concat(FRAMES);
  const cut = FRAMES[0]!.length + 50;
  const muxer = new TsMuxer();
  const bytes = concat([muxer.tables(), muxer.pes(stream.subarray(0, cut)), muxer.pes(stream.subarray(cut), 90_000)]);
  const adapted = demux(bytes);
  expect(adapted.audio.equals(stream)).toBe(true);
  expect(adapted.info.firstTimestampSeconds).toBe(1);
});

test('segments joined with new counters lose nothing, also when the counter repeats by chance', () => {
  for (let preceding = 1; preceding <= 17; preceding += 1) {
    const first = new TsMuxer().segment(inPes(FRAMES.slice(0, preceding), 0));
    const second = new TsMuxer().segment(inPes(FRAMES.slice(preceding), 90_000));
    expect(demux(concat([first, second])).audio.equals(concat(FRAMES))).toBe(true);
  }
});

test('a segment that moves the audio to another PID is followed', () => {
  const first = new TsMuxer({ audioPid: 0x101 }).segment(inPes(FRAMES.slice(0, 20), 0));
  const second = new TsMuxer({ audioPid: 0x105 }).segment(inPes(FRAMES.slice(20), 90_000));
  expect(demux(concat([first, second])).audio.equals(concat(FRAMES))).toBe(true);
});

test('a segment that changes the audio codec is an error, not noise', () => {
  const second = new TsMuxer({ streamType: 0x03 }).segment(inPes(FRAMES, 0));
  const error = errorOf(() => demux(concat([new TsMuxer().segment(inPes(FRAMES, 0)), second])));
  expect(error).toMatchObject({ code: 'decode/unsupported', message: expect.stringContaining('changes from AAC') });
});

test('a repeated packet counts once', () => {
  const bytes = new TsMuxer().segment(inPes(FRAMES, 0));
  const packets = Array.from({ length: bytes.length / 188 }, (_, index) => bytes.subarray(188 * index, 188 * (index + 1)));
  expect(demux(concat(packets.flatMap((packet) => [packet, packet]))).audio.equals(concat(FRAMES))).toBe(true);
});

test('a lost packet costs the frames of its PES packet; no damaged frame comes out', () => {
  const muxer = new TsMuxer();
  const tables = muxer.tables();
  const units = inPes(FRAMES, 0).map(({ payload, ticks }) => muxer.pes(payload, ticks));
  const damaged = units.map((unit, index) => (index === 3 ? concat([unit.subarray(0, 376), unit.subarray(564)]) : unit));
  const { audio } = demux(concat([tables, ...damaged]));
  const whole = FRAMES.filter((frame) => audio.includes(frame));
  expect(audio.equals(concat(whole))).toBe(true);
  expect(whole.length).toBeGreaterThanOrEqual(36);
  expect(whole.length).toBeLessThan(40);
});

test('bytes inserted, or a packet cut at the end of a segment, cost little and sync comes back', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 2, max: 20 }),
      fc.uint8Array({ minLength: 1, maxLength: 400 }),
      fc.nat({ max: 187 }),
      (packetIndex, garbage, cut) => {
        const bytes = new TsMuxer().segment(inPes(FRAMES, 0));
        const at = 188 * packetIndex;
        const { audio } = demux(concat([bytes.subarray(0, at + cut), garbage, bytes.subarray(at + 188)]));
        expect(FRAMES.filter((frame) => audio.includes(frame)).length).toBeGreaterThanOrEqual(28);
      },
    ),
    { numRuns: 100 },
  );
});

test('a timestamp that wraps at 33 bits goes on', () => {
  const first = 2 ** 33 - 1000;
  const adapted = adaptSegments(memorySource(new TsMuxer().segment(inPes(FRAMES, first))), TS);
  readAll(adapted.source);
  expect(adapted.describe(INFO).firstTimestampSeconds).toBeCloseTo(first / 90_000, 9);
});

test('a stream that begins in the middle of a packet is found', () => {
  const bytes = new TsMuxer().segment(inPes(FRAMES, 0));
  expect(demux(concat([new Uint8Array(101).fill(3), bytes])).audio.equals(concat(FRAMES))).toBe(true);
});

test.each([
  [{ streamType: 0x81 }, 'AC-3 (type 0x81)'],
  [{ streamType: 0x87 }, 'E-AC-3 (type 0x87)'],
  [{ streamType: 0x11 }, 'AAC in LATM (type 0x11)'],
  [{ streamType: 0x1b }, 'H.264 video (type 0x1b)'],
  [{ streamType: 0xcf }, 'SAMPLE-AES AAC (type 0xcf)'],
  [{ streamType: 0x06, descriptors: [0x05, 4, 0x4f, 0x70, 0x75, 0x73] }, 'Opus (type 0x06)'],
  [{ streamType: 0x06, descriptors: [0x0a, 4, 0x65, 0x6e, 0x67, 0, 0x6a, 1, 0] }, 'AC-3 (type 0x06)'],
])('a stream with %o only is unsupported, and named', (options, name) => {
  const error = errorOf(() => demux(new TsMuxer(options).segment(inPes(FRAMES, 0))));
  expect(error).toBeInstanceOf(DecodeError);
  expect(error).toMatchObject({ code: 'decode/unsupported', message: expect.stringContaining(name) });
});

test('no bytes are empty; bytes without a program map are not media', () => {
  expect(errorOf(() => demux(new Uint8Array(0)))).toMatchObject({ code: 'decode/empty' });
  expect(errorOf(() => demux(Buffer.from('<html>'.repeat(2000))))).toMatchObject({ code: 'decode/not-media' });
});

test('scrambled audio is unsupported, never noise', () => {
  const bytes = new TsMuxer().segment(inPes(FRAMES, 0));
  for (let at = 2 * 188; at < bytes.length; at += 188) bytes[at + 3]! |= 0x80;
  expect(errorOf(() => demux(bytes))).toMatchObject({ code: 'decode/unsupported', message: expect.stringContaining('scrambled') });
});

test('without a hint transport packets are recognised, and other bytes pass untouched by a forward-only read', () => {
  const bytes = new TsMuxer().segment(inPes(FRAMES, 0));
  expect(adaptSegments(memorySource(bytes, { isForwardOnly: true }), undefined).describe(INFO).container).toBe('mpeg-ts');
  const other = Uint8Array.from({ length: 5000 }, (_, index) => index & 0xff);
  const passed = adaptSegments(memorySource(other, { isForwardOnly: true }), undefined);
  expect(passed.describe(INFO)).toBe(INFO);
  expect(Buffer.from(readAll(passed.source)).equals(other)).toBe(true);
});

test('a decoder may look back a little without reading the source twice, and far back where the source can', () => {
  const frames = Array.from({ length: 3000 }, (_, index) => adtsFrame(300, index % 251));
  const bytes = new TsMuxer().segment(inPes(frames, 0));
  const near = adaptSegments(memorySource(bytes, { isForwardOnly: true }), TS).source;
  const piece = new Uint8Array(1000);
  near.readAt(100_000, piece);
  expect(near.readAt(0, piece)).toBe(1000);
  const far = adaptSegments(memorySource(bytes), TS).source;
  expect(readAll(far).length).toBe(3000 * 307);
  expect(Buffer.from(readAll(far)).equals(concat(frames))).toBe(true);
});

const hasFfmpeg = spawnSync('ffmpeg', ['-version']).status === 0;
if (!hasFfmpeg) console.log('SKIPPED: transport streams made by ffmpeg: there is no ffmpeg on this machine');

describe.skipIf(!hasFfmpeg)('a transport stream made by ffmpeg', () => {
  const run = (args: string, input?: Uint8Array): Buffer =>
    execFileSync('ffmpeg', ['-v', 'error', ...args.split(' ')], { ...(input && { input }), maxBuffer: 2 ** 26 });
  const tones = '-f lavfi -i sine=frequency=440:duration=2 -ac 2 -ar 44100';

  test.each([
    { encoder: '-c:a aac -b:a 128k', format: 'adts' },
    { encoder: '-c:a libmp3lame -b:a 128k', format: 'mp3 -write_xing 0 -id3v2_version 0' },
    { encoder: '-c:a mp2 -b:a 192k', format: 'mp2' },
  ])('gives the frames that ffmpeg takes out of it: $format', ({ encoder, format }) => {
    const ts = run(`${tones} ${encoder} -f mpegts -`);
    const { audio, info } = demux(ts);
    expect(audio.equals(run(`-i - -c copy -f ${format} -`, ts))).toBe(true);
    expect(info.firstTimestampSeconds).toBeCloseTo(1.4, 9);
  });
});
