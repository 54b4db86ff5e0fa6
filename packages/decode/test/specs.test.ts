import { readFile } from 'node:fs/promises';
import { fixturePath } from '@tutti/fixtures';
import { expect, test } from 'vitest';
import { bytesSpec, Decoder, DecodeWorker, fileByteSource, fileSpec, type DecodeSpec } from '@tutti/decode';

async function decodeInWorker(spec: DecodeSpec): Promise<Float32Array> {
  await using worker = DecodeWorker.start();
  await using stream = await worker.open(spec);
  const { channelCount, durationFrames = 0 } = stream.info;
  const all = new Float32Array(durationFrames * channelCount);
  const into = new Float32Array(8192 * channelCount);
  for (let read = stream.read(into); read.kind !== 'end'; read = stream.read(into)) {
    if (read.kind === 'empty') await stream.waitReadable();
    else all.set(into.subarray(0, read.frameCount * channelCount), read.positionFrames * channelCount);
  }
  return all;
}

test('a file and its bytes in memory decode in a worker to what the decoder gives in this thread', async () => {
  const path = fixturePath('mono-48k.flac');
  using decoder = await Decoder.open(fileByteSource(path));
  const expected = new Float32Array((decoder.info.durationFrames ?? 0) * decoder.info.channelCount);
  for (let chunk = decoder.decode(); chunk !== undefined; chunk = decoder.decode())
    expected.set(chunk.samples, chunk.positionFrames);
  expect(expected.some((sample) => sample !== 0)).toBe(true);
  expect(await decodeInWorker(fileSpec(path))).toEqual(expected);
  expect(await decodeInWorker(bytesSpec(await readFile(path)))).toEqual(expected);
});
