import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { Resampler } from '../src/resampler.ts';

interface Tone {
  readonly hertz: number;
  readonly rate: number;
  readonly frameCount: number;
}

function tone({ hertz, rate, frameCount }: Tone): Float32Array {
  return Float32Array.from({ length: frameCount }, (_, frame) => Math.sin((2 * Math.PI * hertz * frame) / rate + 0.3));
}

/** Everything that `input` becomes, offered and taken in uneven pieces. */
function resampleAll(resampler: Resampler, input: Float32Array): Float32Array {
  const { channelCount } = resampler;
  const output: number[] = [];
  let at = 0;
  for (let size = 17; at < input.length; size = (size * 5 + 1) % 4099) {
    const into = new Float32Array(((size * 3) % 811) * channelCount);
    const counts = resampler.process(input.subarray(at, at + size * channelCount), into);
    at += counts.consumedFrames * channelCount;
    output.push(...into.subarray(0, counts.producedFrames * channelCount));
  }
  const into = new Float32Array(97 * channelCount);
  for (let produced = 97; produced === 97;) {
    produced = resampler.flush(into);
    output.push(...into.subarray(0, produced * channelCount));
  }
  return Float32Array.from(output);
}

function signalToNoiseDb(actual: Float32Array, ideal: (frame: number) => number, edge: number): number {
  let signal = 0;
  let noise = 0;
  for (let frame = edge; frame < actual.length - edge; frame += 1) {
    signal += ideal(frame) ** 2;
    noise += (actual[frame]! - ideal(frame)) ** 2;
  }
  return 10 * Math.log10(signal / noise);
}

test.each([
  { inputRate: 44_100, outputRate: 48_000, hertz: 997 },
  { inputRate: 44_100, outputRate: 48_000, hertz: 10_007 },
  { inputRate: 44_100, outputRate: 48_000, hertz: 18_013 },
  { inputRate: 48_000, outputRate: 44_100, hertz: 997 },
  { inputRate: 48_000, outputRate: 44_100, hertz: 18_013 },
  { inputRate: 96_000, outputRate: 44_100, hertz: 15_013 },
  { inputRate: 22_050, outputRate: 48_000, hertz: 4_001 },
])(
  'a tone of $hertz Hz from $inputRate to $outputRate keeps its shape and its place to 100 dB',
  ({ inputRate, outputRate, hertz }) => {
    const input = tone({ hertz, rate: inputRate, frameCount: 20_000 });
    const output = resampleAll(new Resampler({ channelCount: 1, inputRate, outputRate }), input);
    const ideal = (frame: number): number => Math.sin((2 * Math.PI * hertz * frame) / outputRate + 0.3);
    expect(output.length).toBe(Math.ceil((20_000 * outputRate) / inputRate));
    expect(signalToNoiseDb(output, ideal, 400)).toBeGreaterThan(100);
  },
);

test.each([
  { inputRate: 48_000, outputRate: 44_100, hertz: 22_700 },
  { inputRate: 96_000, outputRate: 48_000, hertz: 30_000 },
  { inputRate: 192_000, outputRate: 44_100, hertz: 23_000 },
])('what $outputRate cannot hold, $hertz Hz of $inputRate, is 100 dB down', ({ inputRate, outputRate, hertz }) => {
  const output = resampleAll(
    new Resampler({ channelCount: 1, inputRate, outputRate }),
    tone({ hertz, rate: inputRate, frameCount: 20_000 }),
  );
  const power = output.subarray(400, -400).reduce((sum, sample) => sum + sample ** 2, 0) / (output.length - 800);
  expect(10 * Math.log10(power * 2)).toBeLessThan(-100);
});

test('output frame 0 lies on input frame 0: an impulse stays at its time', () => {
  const input = new Float32Array(4410);
  input[441] = 1;
  const output = resampleAll(new Resampler({ channelCount: 1, inputRate: 44_100, outputRate: 48_000 }), input);
  expect(output.indexOf(Math.max(...output))).toBe(480);
  expect(output[479]).toBeCloseTo(output[481]!, 5);
});

test('equal rates pass every sample unchanged', () => {
  const input = tone({ hertz: 440, rate: 48_000, frameCount: 5000 });
  expect(resampleAll(new Resampler({ channelCount: 1, inputRate: 48_000, outputRate: 48_000 }), input)).toEqual(input);
});

test('steps of the ratio by ±200 ppm make no click: the output stays the tone at the warped time', () => {
  const rate = 48_000;
  const hertz = 3_001;
  const resampler = new Resampler({ channelCount: 1, inputRate: rate, outputRate: rate });
  const input = tone({ hertz, rate, frameCount: 60_000 });
  const output: number[] = [];
  const times: number[] = [];
  let time = 0;
  for (let block = 0, at = 0; block < 80; block += 1) {
    const ratio = 1 + [0, 200e-6, -200e-6, 37e-6][block % 4]!;
    resampler.setRatio(ratio);
    const into = new Float32Array(701);
    const counts = resampler.process(input.subarray(at), into);
    at += counts.consumedFrames;
    for (const sample of into.subarray(0, counts.producedFrames)) {
      output.push(sample);
      times.push(time);
      time += ratio;
    }
  }
  expect(output.length).toBe(80 * 701);
  expect(
    signalToNoiseDb(Float32Array.from(output), (frame) => Math.sin((2 * Math.PI * hertz * times[frame]!) / rate + 0.3), 64),
  ).toBeGreaterThan(100);
});

test('channels do not touch each other', () => {
  const frameCount = 3000;
  const channels = [
    tone({ hertz: 500, rate: 44_100, frameCount }),
    new Float32Array(frameCount),
    tone({ hertz: 3000, rate: 44_100, frameCount }),
  ];
  const interleaved = Float32Array.from({ length: frameCount * 3 }, (_, index) => channels[index % 3]![Math.floor(index / 3)]!);
  const together = resampleAll(new Resampler({ channelCount: 3, inputRate: 44_100, outputRate: 48_000 }), interleaved);
  for (const [index, channel] of channels.entries()) {
    const alone = resampleAll(new Resampler({ channelCount: 1, inputRate: 44_100, outputRate: 48_000 }), channel);
    expect(together.filter((_, sample) => sample % 3 === index)).toEqual(alone);
  }
});

test('the sizes of the pieces do not matter', () => {
  const input = tone({ hertz: 440, rate: 44_100, frameCount: 3000 });
  const whole = resampleAll(new Resampler({ channelCount: 1, inputRate: 44_100, outputRate: 48_000 }), input);
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat({ max: 700 }), fc.nat({ max: 700 })), { minLength: 1, maxLength: 30 }), (pieces) => {
      const resampler = new Resampler({ channelCount: 1, inputRate: 44_100, outputRate: 48_000 });
      let consumed = 0;
      let produced = 0;
      for (const [inputFrames, outputFrames] of pieces) {
        const into = new Float32Array(outputFrames);
        const counts = resampler.process(input.subarray(consumed, consumed + inputFrames), into);
        expect(into.subarray(0, counts.producedFrames)).toEqual(whole.subarray(produced, produced + counts.producedFrames));
        consumed += counts.consumedFrames;
        produced += counts.producedFrames;
      }
    }),
    { numRuns: 50 },
  );
});

test('after a reset it gives what a new one gives', () => {
  const input = tone({ hertz: 440, rate: 44_100, frameCount: 2000 });
  const resampler = new Resampler({ channelCount: 1, inputRate: 44_100, outputRate: 48_000 });
  const first = resampleAll(resampler, input);
  resampler.reset();
  expect(resampleAll(resampler, input)).toEqual(first);
});

test('a ratio far from that of the rates is refused', () => {
  const resampler = new Resampler({ channelCount: 1, inputRate: 44_100, outputRate: 48_000 });
  expect(() => resampler.setRatio(1)).toThrow(RangeError);
  expect(() => resampler.setRatio(Number.NaN)).toThrow(RangeError);
});
