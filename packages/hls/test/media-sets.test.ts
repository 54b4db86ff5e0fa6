import { readFile } from 'node:fs/promises';
import { DecodeWorker } from '@tutti/decode';
import type { TrackInfo } from '@tutti/decode';
import type { MediaSpan } from '@tutti/stream';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ThroughputEstimator } from '../src/index.ts';
import type { HlsSource } from '../src/index.ts';
import { HlsBench, readAll } from './hls-bench.ts';

const media = new URL('../../../fixtures/media/', import.meta.url);

let bench: HlsBench;
let worker: DecodeWorker;
beforeEach(async () => {
  bench = await HlsBench.start('media');
  worker = DecodeWorker.start();
});
afterEach(async () => {
  await worker.close();
  await bench[Symbol.asyncDispose]();
});

/** The bytes that a media playlist of one clear rendition names, joined. */
async function filesOf(folder: string): Promise<Buffer> {
  const playlist = await readFile(new URL(`${folder}/media.m3u8`, media), 'utf8');
  const map = /#EXT-X-MAP:URI="([^"]+)"/u.exec(playlist)?.[1];
  const names = playlist.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return Buffer.concat(
    await Promise.all([...(map === undefined ? [] : [map]), ...names].map((name) => readFile(new URL(`${folder}/${name}`, media)))),
  );
}

interface DecodedSpan {
  readonly span: MediaSpan;
  readonly info: TrackInfo;
  readonly pcm: Float32Array;
}

/** Decodes every span of a source on the decode worker. */
async function decodeSpans(source: HlsSource, startSeconds = 0, decoder = worker): Promise<readonly DecodedSpan[]> {
  const decoded: DecodedSpan[] = [];
  for await (const span of source.spans({ startSeconds })) {
    const reader = span.openReader(decoder.doorbell);
    const stream = await decoder.open(reader.spec);
    const chunks: Float32Array[] = [];
    const into = new Float32Array(16_384);
    for (let read = stream.read(into); read.kind !== 'end'; read = stream.read(into)) {
      if (read.kind === 'empty') await stream.waitReadable();
      else chunks.push(into.slice(0, read.frameCount * stream.info.channelCount));
    }
    await stream.close();
    await reader.release();
    decoded.push({ span, info: stream.info, pcm: joined(chunks) });
  }
  return decoded;
}

function joined(chunks: readonly Float32Array[]): Float32Array {
  const pcm = new Float32Array(chunks.reduce((sum, chunk) => sum + chunk.length, 0));
  let at = 0;
  for (const chunk of chunks) {
    pcm.set(chunk, at);
    at += chunk.length;
  }
  return pcm;
}

function bytesOf(pcm: Float32Array): Buffer {
  return Buffer.from(pcm.buffer, pcm.byteOffset, pcm.byteLength);
}

/** Level of what two signals do not share, against the second of them. */
function differenceDb(one: Float32Array, other: Float32Array): number {
  let error = 0;
  let signal = 0;
  for (const [index, sample] of other.entries()) {
    error += ((one[index] ?? 0) - sample) ** 2;
    signal += sample ** 2;
  }
  return 10 * Math.log10(error / signal);
}

describe.each([
  ['fmp4', 7, 'fmp4'],
  ['ts', 4, 'mpeg-ts'],
  ['aac', 4, 'packed-audio'],
] as const)('a %s set', (set, segmentCount, segmentFormat) => {
  it('gives every byte of the chosen variant, with one request for each file', async () => {
    const source = await bench.open(`/hls/${set}/multivariant.m3u8`, { variant: 100_000 });
    expect(await readAll(source)).toEqual(
      await filesOf(`hls/${set}/${set === 'aac' && source.selected.bandwidth > 100_000 ? '96k' : '64k'}`),
    );
    const isInit = set === 'fmp4' ? 1 : 0;
    expect(bench.paths).toHaveLength(2 + isInit + segmentCount);
  });

  it('decodes to its whole length, online and offline alike', async () => {
    const [online] = await decodeSpans(await bench.open(`/hls/${set}/multivariant.m3u8`, { variant: 'lowest' }));
    expect(online?.span.hint.segmentFormat).toBe(segmentFormat);
    expect(online?.info).toMatchObject({ codec: 'aac', sampleRate: 44_100, channelCount: 2 });
    const seconds = (online?.pcm.length ?? 0) / 2 / 44_100;
    await bench.origin.stop();
    const source = await bench.openOffline(`/hls/${set}/multivariant.m3u8`, { variant: 'lowest' });
    expect(Math.abs(seconds - source.durationSeconds)).toBeLessThan(0.05);
    const [offline] = await decodeSpans(source);
    expect(offline?.pcm.length).toBe(online?.pcm.length);
    expect(bytesOf(offline!.pcm).equals(bytesOf(online!.pcm))).toBe(true);
  });
});

describe.each([
  ['fmp4', 'explicit IVs and a rotation', 2],
  ['ts', 'implicit IVs from media sequence 7', 1],
] as const)('an encrypted %s set with %s', (set, _, keyCount) => {
  it.each(['lowest', 'highest'] as const)('is stored and read as the bytes of the clear set: %s', async (variant) => {
    const folder = variant === 'lowest' ? '64k' : '192k';
    expect(await readAll(await bench.open(`/hls/${set}-aes/multivariant.m3u8`, { variant }))).toEqual(
      await filesOf(`hls/${set}/${folder}`),
    );
    expect(bench.paths.filter((path) => path.endsWith('.key'))).toHaveLength(keyCount);
    await bench.origin.stop();
    expect(await readAll(await bench.openOffline(`/hls/${set}-aes/multivariant.m3u8`, { variant }))).toEqual(
      await filesOf(`hls/${set}/${folder}`),
    );
  });
});

it('plays byte ranges of one file', async () => {
  const [decoded] = await decodeSpans(await bench.open('/hls/byterange/media.m3u8'));
  expect(decoded?.pcm.length ?? 0).toBeGreaterThan(44_100);
  expect(new Set(bench.paths).size).toBeLessThan(bench.paths.length);
});

it('starts in the middle of a lossy set with a segment of pre-roll, and gives the same sound from there', async () => {
  const source = await bench.open('/hls/ts/multivariant.m3u8', { variant: 'highest' });
  const [whole] = await decodeSpans(source);
  const [later] = await decodeSpans(source, 7);
  expect(later?.span.offsetSeconds).toBeGreaterThan(2.9);
  // Where the span begins is told by its timestamps, not by EXTINF.
  const beganAt = Math.round((later!.info.firstTimestampSeconds! - whole!.info.firstTimestampSeconds!) * 44_100);
  const wanted = 7 * 44_100;
  const heard = (pcm: Float32Array, frame: number): Float32Array => pcm.subarray(frame * 2, (frame + 44_100) * 2);
  const errors = [-2, -1, 0, 1, 2].map((shift) =>
    differenceDb(heard(later!.pcm, wanted - beganAt + shift), heard(whole!.pcm, wanted)),
  );
  // Not −∞: AAC fills noise bands from a generator whose state depends on where decoding began.
  expect(errors[2]).toBeLessThan(-20);
  expect(errors.indexOf(Math.min(...errors))).toBe(2);
});

describe('a lossless set', () => {
  it('starts at the segment that is wanted, without pre-roll, at exactly its frame', async () => {
    const source = await bench.open('/hls/provenance/multivariant.m3u8', { variant: 'lowest' });
    const [whole] = await decodeSpans(source);
    const [later] = await decodeSpans(source, 5);
    expect(whole?.pcm.length).toBe(352_800 * 2);
    const beganAt = Math.round(later!.span.startSeconds * 44_100);
    expect(beganAt).toBe(133_632);
    expect(bytesOf(later!.pcm).equals(bytesOf(whole!.pcm.subarray(beganAt * 2)))).toBe(true);
  });

  it('switches variants without a frame lost or played twice', async () => {
    const [first, second] = await Promise.all(
      ['variant-1', 'variant-2'].map(async (name) => {
        await using decoder = DecodeWorker.start();
        const [decoded] = await decodeSpans(await bench.open(`/hls/provenance/${name}/media.m3u8`), 0, decoder);
        return decoded!.pcm;
      }),
    );
    const throughput = new ThroughputEstimator({ rememberedBitsPerSecond: 10_000_000 });
    const ladder = [1, 2].flatMap((number) => [
      `#EXT-X-STREAM-INF:BANDWIDTH=${number}0000,CODECS="fLaC"`,
      `variant-${number}/media.m3u8`,
    ]);
    bench.origin.put('/hls/provenance/ladder.m3u8', ['#EXTM3U', ...ladder].join('\n'));
    const source = await bench.open('/hls/provenance/ladder.m3u8', { throughput });
    // The line gets slow: the rule goes down at the next boundary.
    Object.defineProperty(throughput, 'bitsPerSecond', { value: 1000 });
    const spans = await decodeSpans(source);
    const cut = 133_632 * 2;
    expect(spans.map(({ pcm }) => pcm.length)).toEqual([cut, 352_800 * 2 - cut]);
    expect(bytesOf(spans[0]!.pcm).equals(bytesOf(second!.subarray(0, cut)))).toBe(true);
    expect(bytesOf(spans[1]!.pcm).equals(bytesOf(first!.subarray(cut)))).toBe(true);
  });
});

describe('bad sets', () => {
  it.each([
    ['live', 'hls/live'],
    ['sample-aes', 'hls/unsupported-encryption'],
    ['unknown-key-format', 'hls/unsupported-encryption'],
    ['no-segments', 'hls/no-segments'],
    ['no-variants', 'hls/no-playable-variant'],
  ])('%s is refused as %s', async (name, code) => {
    await expect(bench.open(`/hls/bad/${name}.m3u8`)).rejects.toMatchObject({ code });
    expect(bench.paths).toHaveLength(1);
  });

  it('html is refused before it is stored', async () => {
    const error: unknown = await bench.open('/hls/bad/html.m3u8').catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: expect.stringMatching(/^(?:hls\/not-a-playlist|net\/unexpected-html)$/u) });
    expect(await bench.files()).not.toContainEqual(expect.stringContaining('playlists'));
  });

  it.each([
    ['missing-segment', 'hls/segment-missing'],
    ['missing-key', 'hls/key-missing'],
  ])('%s plays until %s', async (name, code) => {
    await expect(readAll(await bench.open(`/hls/bad/${name}.m3u8`))).rejects.toMatchObject({ code });
  });

  it('a broken variant is skipped', async () => {
    const source = await bench.open('/hls/bad/broken-variant.m3u8', { variant: 'lowest' });
    expect(source.selected.bandwidth).toBe(80_000);
    expect(bench.events[0]).toMatchObject({ type: 'variant-skipped', bandwidth: 48_000 });
  });

  it('a gap is silence between what is there', async () => {
    const source = await bench.open('/hls/bad/gap.m3u8');
    const spans = await Array.fromAsync(source.spans({ startSeconds: 0 }));
    expect(spans.map(({ isGap, durationSeconds }) => [isGap, durationSeconds])).toEqual([
      [false, 3],
      [true, 3],
      [false, 3],
    ]);
  });
});
