import { expect, test } from 'vitest';
import { Interpolator } from '../src/interpolator.ts';
import { Resampler } from '../src/resampler.ts';

const rate = 48_000;

function tone(hertz: number, frameCount: number, sampleRate = rate): Float32Array {
  return Float32Array.from({ length: frameCount }, (_, frame) => Math.sin((2 * Math.PI * hertz * frame) / sampleRate + 0.3));
}

function signalToNoiseDb(actual: readonly number[], ideal: readonly number[]): number {
  let signal = 0;
  let noise = 0;
  for (const [frame, sample] of actual.entries()) {
    signal += ideal[frame]! ** 2;
    noise += (sample - ideal[frame]!) ** 2;
  }
  return 10 * Math.log10(signal / noise);
}

test.each([
  { inputRate: 48_000, hertz: 3001 },
  { inputRate: 48_000, hertz: 17_003 },
  { inputRate: 44_100, hertz: 10_007 },
  { inputRate: 96_000, hertz: 15_013 },
])(
  'steps of ±500 ppm in every block leave a tone of $hertz Hz from $inputRate at 100 dB: nothing clicks at a seam',
  ({ inputRate, hertz }) => {
    const interpolator = new Interpolator({ channelCount: 1, inputRate, outputRate: rate });
    const input = tone(hertz, 60_000, inputRate);
    let position = interpolator.leadFrames + 0.37;
    const actual: number[] = [];
    const ideal: number[] = [];
    for (let block = 0; block < 40; block += 1) {
      const ratio = (inputRate / rate) * (1 + [0, 500e-6, -500e-6, 37e-6][block % 4]!);
      const output = new Float32Array(480);
      interpolator.render({ input, position, ratio, output });
      for (const [frame, sample] of output.entries()) {
        actual.push(sample);
        ideal.push(Math.sin((2 * Math.PI * hertz * (position + frame * ratio)) / inputRate + 0.3));
      }
      position += output.length * ratio;
    }
    expect(signalToNoiseDb(actual, ideal)).toBeGreaterThan(100);
    const worst = Math.max(...actual.map((sample, frame) => Math.abs(sample - ideal[frame]!)));
    expect(20 * Math.log10(worst)).toBeLessThan(-90);
  },
);

test('a stretch made again is the same, and gives what the resampler gives', () => {
  const input = tone(997, 6000);
  const ratio = 1 + 80e-6;
  const resampler = new Resampler({ channelCount: 2, inputRate: rate, outputRate: rate });
  resampler.setRatio(ratio);
  const streamed = new Float32Array(2 * 2000);
  resampler.process(input, streamed);
  const interpolator = new Interpolator({ channelCount: 2, inputRate: rate, outputRate: rate });
  const output = new Float32Array(2 * 1000);
  const again = new Float32Array(2 * 1000);
  for (const samples of [output, again]) interpolator.render({ input, position: 500 * ratio, ratio, output: samples });
  expect(again).toEqual(output);
  const streamedPart = streamed.subarray(1000, 3000);
  expect(Math.max(...output.map((sample, index) => Math.abs(sample - streamedPart[index]!)))).toBeLessThan(1e-6);
});

test('at a ratio of 1 whole positions pass every sample unchanged', () => {
  const input = tone(440, 2000);
  const output = new Float32Array(1000);
  new Interpolator({ channelCount: 1, inputRate: rate, outputRate: rate }).render({ input, position: 300, ratio: 1, output });
  expect(output).toEqual(input.subarray(300, 1300));
});

test('input that does not reach is refused', () => {
  const interpolator = new Interpolator({ channelCount: 1, inputRate: rate, outputRate: rate });
  const output = new Float32Array(100);
  const render = (position: number, frames: number) => () =>
    interpolator.render({ input: new Float32Array(frames), position, ratio: 1, output });
  expect(render(interpolator.leadFrames - 1, 1000)).toThrow(RangeError);
  expect(render(interpolator.leadFrames, 100)).toThrow(RangeError);
  expect(render(interpolator.leadFrames, interpolator.leadFrames + 100 + interpolator.lookAheadFrames)).not.toThrow();
});
