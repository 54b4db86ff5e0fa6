import { readFileSync } from 'node:fs';
import { fixturePath } from '@tutti/fixtures';
import { describe, expect, test } from 'vitest';
import type { ByteSource } from '../src/byte-source.ts';
import { bytesSource } from '../src/bytes-source.ts';
import { DecodeError } from '../src/decode-error.ts';
import { Decoder } from '../src/decoder.ts';
import { memorySource } from './byte-sources.ts';
import { decodeAll, decodeSome, peakSignalToNoise } from './decode-all.ts';

function fixture(path: string): Buffer {
  return readFileSync(fixturePath(path));
}

async function refusal(bytes: Uint8Array): Promise<DecodeError> {
  const error: unknown = await Decoder.open(bytesSource(bytes)).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof DecodeError)) throw new Error('it opened');
  return error;
}

function head(text: string, length = 2000): Buffer {
  return Buffer.concat([Buffer.from(text, 'latin1'), Buffer.alloc(length)]);
}

describe('unsupported media are named by codec and container', () => {
  test.each([
    ['wavpack in wavpack', head('wvpk\x10\0\0\0\x10\x04')],
    ['ac-3 in a raw stream', head('\x0b\x77\x3d\x8e\x40\x40')],
    ['e-ac-3 in a raw stream', head('\x0b\x77\x04\xff\x3f\x84')],
    ['wma in asf', head('\x30\x26\xb2\x75\x8e\x66\xcf\x11')],
    ["monkey's audio in ape", head('MAC \x96\x0f')],
  ])('%s', async (name, bytes) => {
    const error = await refusal(bytes);
    expect(error.code).toBe('decode/unsupported');
    expect(error.isRecoverable).toBe(false);
    expect(error.message).toContain(`${name} is not supported`);
  });

  test('HE-AAC of a kind that the header announces and its setup does not hold', async () => {
    const bytes = fixture('piece.m4a');
    // The AudioSpecificConfig of AAC-LC at 44.1 kHz, stereo: object type 2 becomes 5.
    const at = bytes.indexOf(Buffer.from([0x05, 0x80, 0x80, 0x80]));
    const config = bytes.indexOf(Buffer.from([0x12, 0x10]), at);
    expect(config).toBeGreaterThan(at);
    bytes[config] = (5 << 3) | 2;
    const error = await refusal(bytes);
    expect(error.code).toBe('decode/unsupported');
    expect(error.message).toContain('he-aac in mp4');
  });

  test('AC-4 in MP4', async () => {
    const bytes = fixture('piece.m4a');
    bytes.write('ac-4', bytes.indexOf('mp4a', bytes.indexOf('stsd')), 'latin1');
    expect((await refusal(bytes)).message).toContain('ac-4 in mp4 is not supported');
  });
});

describe('what is no media', () => {
  test('nothing at all', async () => {
    expect((await refusal(new Uint8Array(0))).code).toBe('decode/empty');
  });

  test.each([
    ['an HTML page', '<!DOCTYPE html><html><body>Not found</body></html>'],
    ['an HLS playlist', '#EXTM3U\n#EXT-X-VERSION:3\n'],
    ['a JSON document', '{"error":"no such track"}'],
  ])('%s', async (name, text) => {
    const error = await refusal(Buffer.from(text));
    expect(error.code).toBe('decode/not-media');
    expect(error.message).toContain(name);
  });

  test('text without a known beginning', async () => {
    expect((await refusal(Buffer.from('hello there\n'.repeat(500)))).code).toBe('decode/not-media');
  });
});

describe('truncated files', () => {
  const files = [
    'piece.mp3',
    'piece.aac',
    'piece.m4a',
    'piece-frag.mp4',
    'piece-alac.m4a',
    'piece.flac',
    'piece.ogg',
    'piece.wav',
    'piece.aiff',
  ];

  test.each(files)('%s plays up to the cut, and ends', async (path) => {
    const whole = fixture(path);
    using full = await Decoder.open(bytesSource(whole));
    const expected = decodeAll(full);
    using decoder = await Decoder.open(bytesSource(whole.subarray(0, Math.floor(whole.length * 0.6))));
    const { samples, frameCount, jumps } = decodeAll(decoder);
    expect(jumps).toBe(0);
    expect(frameCount).toBeGreaterThan(expected.frameCount * 0.4);
    expect(frameCount).toBeLessThan(expected.frameCount * 0.75);
    const compared = samples.subarray(0, samples.length - 4608 * decoder.info.channelCount);
    expect(peakSignalToNoise(compared, expected.samples)).toBe(Infinity);
    const target = Math.floor(frameCount / 2) + 7;
    expect(decoder.seek(target)).toBe(target);
    expect(decoder.seek(expected.frameCount * 2)).toBe(frameCount);
    expect(decoder.decode()).toBeUndefined();
  });
});

describe('damaged packets', () => {
  // Where packets are found by a sync word, nothing tells whether one went missing; ALAC has nothing to check itself by.
  test.each([
    { path: 'piece.flac', isNoticed: true, keepsLength: true },
    { path: 'piece.m4a', isNoticed: true, keepsLength: true },
    { path: 'piece.aac', isNoticed: true, keepsLength: false },
    { path: 'piece.mp3', isNoticed: false, keepsLength: false },
    { path: 'piece-alac.m4a', isNoticed: false, keepsLength: true },
  ])('$path plays on behind them, without a jump', async ({ path, isNoticed, keepsLength }) => {
    const bytes = fixture(path);
    using whole = await Decoder.open(bytesSource(Buffer.from(bytes)));
    const expected = decodeAll(whole);
    const damage = Math.floor(bytes.length * 0.7);
    bytes.fill(0x55, damage, damage + 3000);
    using decoder = await Decoder.open(bytesSource(bytes));
    const { samples, frameCount, jumps } = decodeAll(decoder);
    expect(jumps).toBe(0);
    expect(samples.every(Number.isFinite)).toBe(true);
    expect(Math.abs(frameCount - expected.frameCount)).toBeLessThanOrEqual(keepsLength ? 0 : 24 * 1152);
    expect(decoder.lostPackets > 0).toBe(isNoticed);
    expect(decoder.lostPackets).toBeLessThan(60);
    if (!keepsLength) return;
    const tail = 20_000 * decoder.info.channelCount;
    const ratio = peakSignalToNoise(
      samples.subarray(samples.length - tail),
      expected.samples.subarray(expected.samples.length - tail),
    );
    expect(ratio).toBe(Infinity);
  });
});

describe('a source that throws', () => {
  class Unplugged extends Error {}

  /** Fails the reads that `shouldFail` picks. */
  function failing(bytes: Uint8Array, shouldFail: (position: number) => boolean): ByteSource & { isClosed: boolean } {
    const inner = memorySource(bytes);
    return {
      length: inner.length,
      isClosed: false,
      readAt(position, into) {
        if (shouldFail(position)) throw new Unplugged(`read at ${position}`);
        return inner.readAt(position, into);
      },
      close() {
        this.isClosed = true;
      },
    };
  }

  test('surfaces unchanged from open and leaves the source open', async () => {
    const source = failing(fixture('piece.flac'), () => true);
    await expect(Decoder.open(source)).rejects.toBeInstanceOf(Unplugged);
    expect(source.isClosed).toBe(false);
  });

  const formats = [
    'piece.mp3',
    'piece.aac',
    'piece.m4a',
    'piece-alac.m4a',
    'piece.flac',
    'piece.ogg',
    'piece.wav',
    'piece.aiff',
    'piece-frag.mp4',
  ];

  test.each(formats)('%s: surfaces from decode, and a repeated decode goes on with the same samples', async (path) => {
    const bytes = fixture(path);
    let failures = 0;
    let isFailing = false;
    const source = failing(bytes, (position) => isFailing && position > bytes.length * 0.3 && (failures += 1) % 3 !== 0);
    using whole = await Decoder.open(bytesSource(bytes));
    const expected = decodeAll(whole);
    using decoder = await Decoder.open(source);
    isFailing = true;
    const parts: Buffer[] = [];
    let thrown = 0;
    let position = 0;
    for (;;) {
      try {
        const chunk = decoder.decode();
        if (chunk === undefined) break;
        expect(chunk.positionFrames).toBe(position);
        position += chunk.frameCount;
        parts.push(Buffer.from(chunk.samples.slice().buffer));
      } catch (error) {
        expect(error).toBeInstanceOf(Unplugged);
        thrown += 1;
        isFailing = thrown < 4;
      }
    }
    expect(thrown).toBe(4);
    expect(decoder.lostPackets).toBe(0);
    expect(position).toBe(expected.frameCount);
    const joined = Buffer.concat(parts);
    const samples = new Float32Array(joined.buffer.slice(joined.byteOffset, joined.byteOffset + joined.length));
    expect(peakSignalToNoise(samples, expected.samples)).toBe(Infinity);
  });

  test('surfaces from seek, and the next seek lands exactly', async () => {
    const bytes = fixture('piece.flac');
    let isFailing = false;
    using decoder = await Decoder.open(failing(bytes, () => isFailing));
    const { samples } = decodeAll(decoder);
    isFailing = true;
    expect(() => decoder.seek(700_000)).toThrow(Unplugged);
    isFailing = false;
    expect(decoder.seek(300_007)).toBe(300_007);
    const landed = decodeSome(decoder, 5000);
    expect(landed.samples).toEqual(samples.slice(600_014, 600_014 + landed.samples.length));
  });

  test('an interrupted read may be thrown as DecodeError and comes out as the same object', async () => {
    const interrupted = new DecodeError('decode/interrupted', 'a seek is waiting');
    let isFailing = false;
    const inner = memorySource(fixture('piece.mp3'));
    using decoder = await Decoder.open({
      length: inner.length,
      readAt(position, into) {
        if (isFailing) throw interrupted;
        return inner.readAt(position, into);
      },
      close() {},
    });
    isFailing = true;
    let thrown: unknown;
    try {
      decodeAll(decoder);
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toBe(interrupted);
  });

  test('a source that returns nonsense is reported, not believed', async () => {
    await expect(Decoder.open({ length: 1000, readAt: (_position, into) => into.length + 1, close() {} })).rejects.toMatchObject({
      code: 'decode/source',
    });
  });
});

describe('close', () => {
  test('closes the source once and refuses every later call', async () => {
    const source = memorySource(fixture('piece.wav'));
    const decoder = await Decoder.open(source);
    decoder.close();
    decoder.close();
    expect(source.isClosed).toBe(true);
    expect(() => decoder.decode()).toThrow(expect.objectContaining({ code: 'decode/closed' }));
    expect(() => decoder.seek(0)).toThrow(expect.objectContaining({ code: 'decode/closed' }));
  });
});
