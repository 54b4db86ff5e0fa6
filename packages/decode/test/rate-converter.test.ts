import { describe, expect, test } from 'vitest';
import { RateConverter } from '../src/rate-converter.ts';

const SECONDS = 0.5;

function sine(frequency: number, rate: number): Float64Array {
  return Float64Array.from({ length: rate * SECONDS }, (_, n) => 0.5 * Math.sin((2 * Math.PI * frequency * n) / rate));
}

/** Converts in pieces of odd lengths. */
function convert(samples: Float32Array, inputRate: number, outputRate: number, channelCount = 1): Float32Array {
  const converter = new RateConverter({ channelCount, inputRate, outputRate });
  const parts: Float32Array[] = [];
  for (let at = 0, length = 1; at < samples.length; at += length * channelCount, length = (length * 7 + 1) % 3001) {
    parts.push(converter.process(samples.subarray(at, at + length * channelCount)));
  }
  parts.push(converter.flush());
  const out = new Float32Array(parts.reduce((sum, { length }) => sum + length, 0));
  parts.reduce((at, part) => (out.set(part, at), at + part.length), 0);
  return out;
}

function decibels(error: number, signal: number): number {
  return 10 * Math.log10(signal / error);
}

describe('the rate converter', () => {
  test.each([
    [44_100, 48_000],
    [48_000, 44_100],
    [96_000, 44_100],
    [22_050, 48_000],
  ])('keeps tones from %i to %i frames per second to 120 dB and better', (inputRate, outputRate) => {
    const passBand = 0.91 * 0.5 * Math.min(inputRate, outputRate);
    for (const frequency of [97, 997, 0.5 * passBand, passBand]) {
      const out = convert(Float32Array.from(sine(frequency, inputRate)), inputRate, outputRate);
      const ideal = sine(frequency, outputRate);
      expect(Math.abs(out.length - ideal.length)).toBeLessThanOrEqual(1);
      let [error, signal] = [0, 0];
      // The ends, where the tone begins and stops, are not tones.
      for (let n = 1000; n < ideal.length - 1000; n += 1) {
        error += ((out[n] ?? 0) - (ideal[n] ?? 0)) ** 2;
        signal += (ideal[n] ?? 0) ** 2;
      }
      expect(decibels(error, signal), `${frequency} Hz`).toBeGreaterThan(120);
    }
  });

  test('lets nothing above half the lower rate through', () => {
    const out = convert(Float32Array.from(sine(23_000, 48_000)), 48_000, 44_100).subarray(1000, -1000);
    const power = out.reduce((sum, value) => sum + value * value, 0) / out.length;
    expect(decibels(power, 0.125)).toBeGreaterThan(120);
  });

  test('gives the same for any pieces, channel by channel', () => {
    const left = Float32Array.from(sine(440, 44_100));
    const right = Float32Array.from(sine(3000, 44_100));
    const both = new Float32Array(2 * left.length);
    for (let n = 0; n < left.length; n += 1) both.set([left[n] ?? 0, right[n] ?? 0], 2 * n);
    const out = convert(both, 44_100, 48_000, 2);
    const whole = new RateConverter({ channelCount: 1, inputRate: 44_100, outputRate: 48_000 });
    const expected = [...whole.process(right), ...whole.flush()];
    expect(Array.from({ length: out.length / 2 }, (_, n) => out[2 * n + 1])).toEqual(expected);
    // As new after a flush.
    expect([...whole.process(right), ...whole.flush()]).toEqual(expected);
  });

  test('refuses rates that are no whole numbers', () => {
    expect(() => new RateConverter({ channelCount: 1, inputRate: 44_100.5, outputRate: 48_000 })).toThrow(RangeError);
  });
});
