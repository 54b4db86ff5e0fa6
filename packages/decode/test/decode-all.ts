/** Whole streams as samples, ours and ffmpeg's, and how they compare. */
import { spawnSync } from 'node:child_process';
import type { ByteSource } from '../src/byte-source.ts';
import type { Decoder } from '../src/decoder.ts';

export interface Pcm {
  readonly samples: Float32Array;
  readonly frameCount: number;
  /** Chunks that did not begin where the one before ended. */
  readonly jumps: number;
}

/** Decodes from where the decoder stands to the end. */
export function decodeAll(decoder: Decoder, firstFrame = 0): Pcm {
  const parts: Float32Array[] = [];
  let jumps = 0;
  let position = firstFrame;
  for (let chunk = decoder.decode(); chunk !== undefined; chunk = decoder.decode()) {
    if (chunk.positionFrames !== position) jumps += 1;
    position = chunk.positionFrames + chunk.frameCount;
    parts.push(chunk.samples.slice());
  }
  const samples = new Float32Array(parts.reduce((total, part) => total + part.length, 0));
  let at = 0;
  for (const part of parts) {
    samples.set(part, at);
    at += part.length;
  }
  return { samples, frameCount: samples.length / decoder.info.channelCount, jumps };
}

/** At least `frames` frames from where the decoder stands, fewer at the end. */
export function decodeSome(decoder: Decoder, frames: number): Pcm & { readonly firstFrame: number | undefined } {
  const parts: number[] = [];
  let firstFrame: number | undefined;
  while (parts.length < frames * decoder.info.channelCount) {
    const chunk = decoder.decode();
    if (chunk === undefined) break;
    firstFrame ??= chunk.positionFrames;
    for (const sample of chunk.samples) parts.push(sample);
  }
  return { samples: Float32Array.from(parts), frameCount: parts.length / decoder.info.channelCount, jumps: 0, firstFrame };
}

export const hasFfmpeg = spawnSync('ffmpeg', ['-version']).status === 0;

/**
 * What ffmpeg makes of the first audio stream, interleaved floats. `isOpus`: with libopus, since its own decoder of Opus is
 * another one.
 */
export function ffmpegPcm(path: string, isOpus = false): Float32Array {
  const decoder = isOpus ? ['-c:a', 'libopus', '-request_sample_fmt', 'flt'] : [];
  const output = ['-map', '0:a:0', '-f', 'f32le', '-'];
  const { stdout, status } = spawnSync('ffmpeg', ['-v', 'error', '-nostdin', ...decoder, '-i', path, ...output], {
    maxBuffer: 1 << 30,
  });
  if (status !== 0) throw new Error(`ffmpeg cannot decode ${path}`);
  return new Float32Array(stdout.buffer.slice(stdout.byteOffset, stdout.byteOffset + (stdout.length & ~3)));
}

/** Signal at full scale over the difference, in dB, over the samples that both have. */
export function peakSignalToNoise(ours: Float32Array, reference: Float32Array): number {
  const count = Math.min(ours.length, reference.length);
  let noise = 0;
  for (let n = 0; n < count; n += 1) noise += ((ours[n] ?? 0) - (reference[n] ?? 0)) ** 2;
  return noise === 0 ? Infinity : 10 * Math.log10(count / noise);
}

export interface CountingSource extends ByteSource {
  /** Distinct 4 KiB blocks that were touched, in bytes. */
  readonly uniqueBytes: number;
  readonly reads: number;
  /** Bytes that were read, each as often as it was. */
  readonly bytesRead: number;
  readonly largestRead: number;
}

const BLOCK_BYTES = 4096;

export function countingSource(inner: ByteSource): CountingSource {
  const blocks = new Set<number>();
  let reads = 0;
  let bytesRead = 0;
  let largestRead = 0;
  return {
    length: inner.length,
    get uniqueBytes() {
      return blocks.size * BLOCK_BYTES;
    },
    get reads() {
      return reads;
    },
    get bytesRead() {
      return bytesRead;
    },
    get largestRead() {
      return largestRead;
    },
    readAt(position, into) {
      reads += 1;
      largestRead = Math.max(largestRead, into.length);
      const count = inner.readAt(position, into);
      bytesRead += count;
      for (let at = position; at < position + count; at += BLOCK_BYTES) blocks.add(Math.floor(at / BLOCK_BYTES));
      if (count > 0) blocks.add(Math.floor((position + count - 1) / BLOCK_BYTES));
      return count;
    },
    close: () => inner.close(),
  };
}
