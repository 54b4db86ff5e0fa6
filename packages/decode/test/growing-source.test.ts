import { readFileSync } from 'node:fs';
import { fixturePath, mediaEntry } from '@tutti/fixtures';
import { describe, expect, test } from 'vitest';
import { DecodeWorker } from '../src/decode-worker.ts';
import { GrowingBytes } from '../src/growing-source.ts';

const bytes = readFileSync(fixturePath('piece.mp3'));

describe('growing bytes', () => {
  test('are decoded while they come, to the last frame', async () => {
    await using worker = DecodeWorker.start({ ringSeconds: 30 });
    const growing = new GrowingBytes(bytes.length, worker);
    const opening = worker.open(growing.spec);
    growing.append(bytes.subarray(0, 100_000));
    await using stream = await opening;
    await stream.waitReadable();
    const samples = new Float32Array(2 * 4096);
    const first = stream.read(samples);
    expect(first.kind).toBe('pcm');
    for (let at = 100_000; at < bytes.length; at += 50_000) growing.append(bytes.subarray(at, at + 50_000));
    growing.end();
    let frames = first.kind === 'pcm' ? first.frameCount : 0;
    for (let read = stream.read(samples); read.kind !== 'end'; read = stream.read(samples)) {
      if (read.kind === 'pcm') frames += read.frameCount;
      else await stream.waitReadable();
    }
    expect(frames).toBe(mediaEntry('piece.mp3').facts?.frames);
  });

  test('that end too early are a failure that says how many came', async () => {
    await using worker = DecodeWorker.start();
    const growing = new GrowingBytes(bytes.length, worker);
    growing.append(bytes.subarray(0, 1000));
    growing.end();
    await expect(worker.open(growing.spec)).rejects.toThrow(/1000 of \d+ bytes came/);
  });

  test('beyond the length are refused', () => {
    const growing = new GrowingBytes(10, { doorbell: new SharedArrayBuffer(4) });
    expect(() => growing.append(new Uint8Array(11))).toThrow(RangeError);
  });
});
