import { readFileSync } from 'node:fs';
import { fixturePath } from '@tutti/fixtures';
import { describe, expect, test } from 'vitest';
import { bytesSource } from '../src/bytes-source.ts';
import { Decoder } from '../src/decoder.ts';
import { readTags } from '../src/file-tags.ts';
import { id3TagLength } from '../src/id3.ts';
import { parseMpegAudioHeader } from '../src/mpeg-audio-header.ts';
import { memorySource } from './byte-sources.ts';
import { decodeAll } from './decode-all.ts';

/** The packets of a file behind its tags: the first, with LAME's tag, is left out. */
const packets = packetsOf(readFileSync(fixturePath('piece.mp3'))).slice(1);
const stream = Buffer.concat(packets);

/** Packets inside a picture: what a reader of packets would play. */
const ape = apeTag(
  { Title: Buffer.from('Of APE') },
  { 'Cover Art (Front)': Buffer.concat([Buffer.from('cover.jpg\0'), ...packets.slice(0, 9)]) },
);
const id3v1 = Buffer.concat([Buffer.from('TAGOf ID3v1'.padEnd(128, '\0'), 'latin1')]);

async function frames(bytes: Buffer, isForwardOnly = false): Promise<number> {
  using decoder = await Decoder.open(isForwardOnly ? memorySource(bytes, { isForwardOnly, chunkBytes: 5000 }) : bytesSource(bytes));
  const { frameCount, jumps } = decodeAll(decoder);
  expect({ jumps, lost: decoder.lostPackets }).toEqual({ jumps: 0, lost: 0 });
  return frameCount;
}

describe('tags at the end of an MP3', () => {
  test.each([
    ['ID3v1', id3v1, 'Of ID3v1'],
    ['APEv2', ape, 'Of APE'],
    ['APEv2 and ID3v1', Buffer.concat([ape, id3v1]), 'Of APE'],
  ])('%s is not played, and read as a tag', async (_, tail, title) => {
    const bytes = Buffer.concat([stream, tail]);
    expect(await frames(bytes)).toBe(await frames(stream));
    expect((await readTags(bytesSource(bytes))).tags['title']).toBe(title);
  });

  test('APEv2 is not played from a source of unknown length either, wherever its reads are cut', async () => {
    expect(await frames(Buffer.concat([stream.subarray(0, 65_530), ape]))).toBe(await frames(stream.subarray(0, 65_530)));
    expect(await frames(Buffer.concat([stream, ape]), true)).toBe(await frames(stream));
  });
});

test.each([1, 2])('an MP3 of %i packets plays whole', async (count) => {
  const bytes = Buffer.concat(packets.slice(0, count));
  expect(await frames(bytes)).toBe(count * 1152);
  expect(await frames(Buffer.concat([bytes, id3v1]))).toBe(count * 1152);
});

test('MP3 of free format and AAC in LATM are refused by name', async () => {
  // The bitrate's four bits are none; packets of 391 bytes.
  const free = Buffer.concat(
    Array.from({ length: 8 }, () => Buffer.from([0xff, 0xfb, 0x00, 0x40, ...new Uint8Array(387).fill(0x55)])),
  );
  await expect(Decoder.open(bytesSource(free))).rejects.toMatchObject({
    code: 'decode/unsupported',
    message: 'mpeg audio of free format in a raw stream is not supported',
  });
  const loas = Buffer.concat(Array.from({ length: 8 }, () => Buffer.from([0x56, 0xe0, 100, ...new Uint8Array(100).fill(0x21)])));
  await expect(Decoder.open(bytesSource(loas))).rejects.toMatchObject({
    code: 'decode/unsupported',
    message: 'aac in latm in a raw stream is not supported',
  });
});

function packetsOf(bytes: Uint8Array): Uint8Array[] {
  const found: Uint8Array[] = [];
  for (let at = id3TagLength(bytes, 0); at < bytes.length;) {
    const header = parseMpegAudioHeader(bytes, at);
    if (header === undefined) break;
    found.push(bytes.subarray(at, at + header.lengthBytes));
    at += header.lengthBytes;
  }
  return found;
}

/** An APEv2 tag with a head and a foot. */
function apeTag(texts: Readonly<Record<string, Buffer>>, binaries: Readonly<Record<string, Buffer>>): Buffer {
  const item = ([name, value]: [string, Buffer], flags: number): Buffer =>
    Buffer.concat([numbers(value.length, flags), Buffer.from(`${name}\0`), value]);
  const items = [
    ...Object.entries(texts).map((entry) => item(entry, 0)),
    ...Object.entries(binaries).map((entry) => item(entry, 2)),
  ];
  const body = Buffer.concat(items);
  const edge = (flags: number): Buffer =>
    Buffer.concat([Buffer.from('APETAGEX'), numbers(2000, body.length + 32, items.length, flags, 0, 0)]);
  return Buffer.concat([edge(0xa0000000), body, edge(0x80000000)]);
}

function numbers(...values: readonly number[]): Buffer {
  return Buffer.from(Uint32Array.from(values).buffer);
}
