import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { DecodeWorker } from '../src/decode-worker.ts';
import type { DecodeStream } from '../src/decode-stream.ts';
import { Decoder } from '../src/decoder.ts';
import { AudioFrameScanner } from '../src/audio-frame-scanner.ts';
import { memorySource } from './byte-sources.ts';
import { Gate } from './gate.ts';
import { timestampTag } from './id3-writer.ts';
import { concat } from './ts-muxer.ts';

interface Pcm {
  readonly samples: Float32Array;
  readonly firstPosition: number;
}

const hasFfmpeg = spawnSync('ffmpeg', ['-version']).status === 0;
if (!hasFfmpeg) console.log('SKIPPED: real files through the decode worker: there is no ffmpeg on this machine');

const directory = mkdtempSync(join(tmpdir(), 'tutti-'));
let worker: DecodeWorker;
beforeAll(() => {
  worker = DecodeWorker.start();
});
afterAll(async () => {
  await worker.close();
  rmSync(directory, { recursive: true });
});

/** Three seconds of noise, which no codec can hide an offset in. */
function encode(name: string, args: string): Buffer {
  const path = join(directory, name);
  const input = '-f lavfi -i anoisesrc=duration=3:color=pink:sample_rate=44100:amplitude=0.5:seed=7 -ac 2';
  execFileSync('ffmpeg', ['-v', 'error', '-y', ...input.split(' '), ...args.split(' '), path]);
  return readFileSync(path);
}

async function decodeHere(bytes: Uint8Array): Promise<Pcm> {
  const decoder = await Decoder.open(memorySource(bytes));
  const parts: Float32Array[] = [];
  let firstPosition = -1;
  for (let chunk = decoder.decode(); chunk !== undefined; chunk = decoder.decode()) {
    if (firstPosition < 0) firstPosition = chunk.positionFrames;
    parts.push(chunk.samples.slice());
  }
  decoder.close();
  return { samples: joined(parts), firstPosition };
}

async function readToEnd(stream: DecodeStream): Promise<Pcm> {
  const parts: Float32Array[] = [];
  const into = new Float32Array(3001 * stream.info.channelCount);
  let firstPosition = -1;
  for (;;) {
    const read = stream.read(into);
    if (read.kind === 'end') return { samples: joined(parts), firstPosition };
    if (read.kind === 'empty') {
      await stream.waitReadable();
      continue;
    }
    if (firstPosition < 0) firstPosition = read.positionFrames;
    parts.push(into.slice(0, read.frameCount * stream.info.channelCount));
  }
}

function joined(parts: readonly Float32Array[]): Float32Array {
  const samples = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    samples.set(part, at);
    at += part.length;
  }
  return samples;
}

function firstDifference(left: Float32Array, right: Float32Array): number {
  return left.length === right.length
    ? left.findIndex((sample, index) => sample !== right[index])
    : Math.min(left.length, right.length);
}

describe.skipIf(!hasFfmpeg)('a real file', () => {
  test.each([
    ['noise.mp3', '-c:a libmp3lame -b:a 160k'],
    ['noise.aac', '-c:a aac -b:a 128k'],
    ['noise.m4a', '-c:a aac -b:a 128k'],
    ['fragmented.mp4', '-c:a aac -b:a 128k -movflags +frag_keyframe+empty_moov -frag_duration 500000'],
    ['alac.m4a', '-c:a alac'],
    ['noise.flac', '-c:a flac'],
    ['noise.ogg', '-c:a libvorbis -q:a 5'],
    ['noise.wav', '-c:a pcm_s16le'],
    ['noise.aiff', '-c:a pcm_s16be'],
  ])('gives the same PCM in the worker as in this thread, from the start and after a seek: %s', async (name, args) => {
    const bytes = encode(name, args);
    const hint = { extension: name.slice(name.lastIndexOf('.') + 1) };
    const here = await decodeHere(bytes);
    expect(here.samples.length).toBeGreaterThan(2 * 44_100 * 2.9);
    await using stream = await worker.open(new Gate(bytes, worker.doorbell, { hint }).spec);
    const there = await readToEnd(stream);
    expect(there.firstPosition).toBe(here.firstPosition);
    expect(firstDifference(there.samples, here.samples)).toBe(-1);
    if (!stream.info.isSeekable) return;
    expect(await stream.seek(66_150)).toBe(66_150);
    const rest = await readToEnd(stream);
    expect(rest.firstPosition).toBe(66_150);
    expect(rest.samples.length).toBe(here.samples.length - 2 * 66_150);
  });

  test('a transport stream gives the PCM of the ADTS or MP3 frames in it', async () => {
    for (const [extension, args] of [
      ['aac', '-c:a aac -b:a 128k -f adts'],
      ['mp3', '-c:a libmp3lame -b:a 128k -write_xing 0 -id3v2_version 0'],
    ] as const) {
      const frames = encode(`frames.${extension}`, args);
      execFileSync('ffmpeg', [
        '-v',
        'error',
        '-y',
        '-i',
        join(directory, `frames.${extension}`),
        '-c',
        'copy',
        join(directory, 'frames.ts'),
      ]);
      const ts = readFileSync(join(directory, 'frames.ts'));
      const here = await decodeHere(frames);
      for (const hint of [{ segmentFormat: 'mpeg-ts' } as const, {}]) {
        const gate = new Gate(ts, worker.doorbell, { hint, hidesLength: hint.segmentFormat !== undefined });
        await using stream = await worker.open(gate.spec);
        expect(stream.info).toMatchObject({ container: 'mpeg-ts', codec: extension, sampleRate: 44_100, channelCount: 2 });
        expect(stream.info.firstTimestampSeconds).toBeCloseTo(1.4, 1);
        expect(firstDifference((await readToEnd(stream)).samples, here.samples)).toBe(-1);
      }
    }
  });

  test('packed audio segments with timestamps give the PCM of their frames', async () => {
    for (const [extension, args] of [
      ['aac', '-c:a aac -b:a 96k -f adts'],
      ['mp3', '-c:a libmp3lame -b:a 128k -write_xing 0 -id3v2_version 0'],
    ] as const) {
      const plain = encode(`packed.${extension}`, args);
      const frames: Uint8Array[] = [];
      const scanner = new AudioFrameScanner({ onFrame: (frame) => frames.push(frame.slice()) });
      scanner.push(plain);
      scanner.finish();
      const segments = [0, 30, 60].map((first) =>
        concat([timestampTag(450_000 + 1000 * first), ...frames.slice(first, first === 60 ? undefined : first + 30)]),
      );
      const here = await decodeHere(plain);
      await using stream = await worker.open(
        new Gate(concat(segments), worker.doorbell, { hint: { segmentFormat: 'packed-audio' }, hidesLength: true }).spec,
      );
      expect(stream.info).toMatchObject({ codec: extension, firstTimestampSeconds: 5 });
      expect(firstDifference((await readToEnd(stream)).samples, here.samples)).toBe(-1);
    }
  });
});
