import { DecodeWorker, type DecodeStream } from '@tutti/decode';
import { fixturePath, makeLargeMedia } from '@tutti/fixtures';
import { readFile } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openLocalFileSource, type MediaSource, type MediaSpan } from '../src/index.ts';
import { difference, SourceBench } from './source-bench.ts';

let bench: SourceBench;

beforeEach(async () => {
  bench = await SourceBench.start();
});

afterEach(async () => {
  await bench[Symbol.asyncDispose]();
});

async function firstSpan(source: MediaSource): Promise<MediaSpan> {
  for await (const span of source.spans({ startSeconds: 0 })) return span;
  throw new Error('no span');
}

/** Decodes the source's only span in a worker, and hands the stream to `use`. */
async function playing<T>(source: MediaSource, use: (stream: DecodeStream) => Promise<T>): Promise<T> {
  await using worker = DecodeWorker.start();
  const reader = (await firstSpan(source)).openReader(worker.doorbell);
  try {
    const stream = await worker.open(reader.spec);
    const result = await use(stream);
    await stream.close();
    return result;
  } finally {
    await worker.close();
    await reader.release();
  }
}

/** Decodes to the end: the PCM as bytes. */
async function decodeAll(stream: DecodeStream): Promise<Uint8Array> {
  const chunks: Buffer[] = [];
  const into = new Float32Array(8192 * stream.info.channelCount);
  for (;;) {
    const read = stream.read(into);
    if (read.kind === 'end') return Buffer.concat(chunks);
    if (read.kind === 'empty') await stream.waitReadable();
    else chunks.push(Buffer.from(new Float32Array(into.subarray(0, read.frameCount * stream.info.channelCount)).buffer));
  }
}

describe('a decode worker', () => {
  it.each(['piece.mp3', 'piece.flac', 'piece.m4a', 'piece-moov-last.m4a', 'piece.ogg', 'piece.aac', 'piece.wav'])(
    'decodes %s from a URL, from the cache and from a local file to the same PCM',
    async (name) => {
      const path = fixturePath(name);
      bench.origin.put(`/${name}`, await readFile(path), 'application/octet-stream');
      const local = await playing(await openLocalFileSource(path), decodeAll);
      expect(local.length).toBeGreaterThan(1000);
      const source = await bench.open(`/${name}`);
      source.startFill();
      expect(difference(await playing(source, decodeAll), local)).toBeUndefined();
      await source.close();
      await bench.origin.stop();
      const offline = await bench.open(`/${name}`, { client: undefined });
      expect(difference(await playing(offline, decodeAll), local)).toBeUndefined();
    },
  );
});

describe('over a link of 1 MB/s', () => {
  it.each(['flac', 'flac-noise', 'm4a'] as const)('a %s of 30 MB plays and seeks on few bytes', async (kind) => {
    const bytes = await readFile((await makeLargeMedia(bench.root, kind)).path);
    expect(bytes.length).toBeGreaterThanOrEqual(30_000_000);
    bench.origin.put('/large', bytes);
    bench.origin.configure({ bytesPerSecond: 1_000_000 });
    const source = await bench.open('/large');
    await playing(source, async (stream) => {
      await firstFrame(stream);
      expect(bench.origin.sentBytes).toBeLessThan(bytes.length * 0.02);
      source.startFill();

      const target = Math.floor((stream.info.durationFrames ?? 0) * 0.9);
      const before = bench.origin.sentBytes;
      await stream.seek(target);
      expect(await firstFrame(stream)).toBe(target);
      expect(bench.origin.sentBytes - before).toBeLessThan(2_000_000);
    });
  });
});

/** Position of the next frame that is decoded. */
async function firstFrame(stream: DecodeStream): Promise<number> {
  const into = new Float32Array(stream.info.channelCount);
  for (;;) {
    const read = stream.read(into);
    if (read.kind === 'pcm') return read.positionFrames;
    if (read.kind === 'end') throw new Error('no frame');
    await stream.waitReadable();
  }
}
