import { describe, expect, test } from 'vitest';
import { PcmConverter } from '../src/engine/pcm-converter.ts';
import { TrackPositions } from '../src/engine/track-positions.ts';
import { Volume } from '../src/engine/volume.ts';
import { encodeSamples, sampleFormatFor } from '../src/output/pcm-encoding.ts';
import { wavHeader } from '../src/output/wav-header.ts';

describe('PcmConverter', () => {
  test('gives an output with fewer speakers a mix that cannot clip, and leaves the same number alone', () => {
    const convert = (samples: readonly number[], from: number, to: number) =>
      new PcmConverter({ sampleRate: 48_000, channelCount: from }, { sampleRate: 48_000, channelCount: to }).convert(
        Float32Array.from(samples),
      );
    expect(convert([1, 1, 1, 1, 1, 1], 6, 2)).toEqual(Float32Array.of(1, 1));
    expect(convert([0.5, -0.25], 2, 1)).toEqual(Float32Array.of(0.125));
    expect(convert([0.5, 1, 2], 3, 3)).toEqual(Float32Array.of(0.5, 1, 2));
  });

  test('resamples to exactly as many frames as the duration holds', () => {
    const converter = new PcmConverter({ sampleRate: 44_100, channelCount: 1 }, { sampleRate: 48_000, channelCount: 2 });
    let samples = 0;
    for (let block = 0; block < 10; block++) samples += converter.convert(new Float32Array(4410)).length;
    samples += converter.finish().length;
    expect(Math.abs(samples / 2 - 48_000)).toBeLessThanOrEqual(1);
  });
});

describe('Volume', () => {
  test('0 dB leaves samples as they are', () => {
    const samples = Float32Array.of(0.3, -0.3);
    new Volume(0, 48_000).apply(samples, 2);
    expect(samples).toEqual(Float32Array.of(0.3, -0.3));
  });

  test('a change arrives within 5 ms and never jumps by more than its ramp', () => {
    const volume = new Volume(0, 48_000);
    volume.set(-20);
    const samples = new Float32Array(480).fill(1);
    volume.apply(samples, 1);
    const steps = samples.subarray(1).map((sample, index) => Math.abs(sample - samples[index]!));
    expect(Math.max(...steps)).toBeLessThan(0.9 / 240 + 1e-6);
    expect(samples[240]).toBeCloseTo(0.1, 6);
    expect(samples.at(-1)).toBeCloseTo(0.1, 6);
  });
});

describe('TrackPositions', () => {
  test('tells which track and second a rendered frame came from, also after frames were rendered anew', () => {
    const positions = new TrackPositions();
    positions.mark(0, { index: 0, seconds: 10, durationSeconds: 15, framesPerSecond: 100 });
    positions.mark(500, { index: 1, seconds: 0, durationSeconds: undefined, framesPerSecond: 100 });
    expect(positions.at(250)).toEqual({ index: 0, seconds: 12.5, durationSeconds: 15 });
    expect(positions.at(550)).toEqual({ index: 1, seconds: 0.5, durationSeconds: undefined });
    positions.mark(300, { index: 0, seconds: 60, durationSeconds: 99, framesPerSecond: 100 });
    expect(positions.at(550)).toEqual({ index: 0, seconds: 62.5, durationSeconds: 99 });
  });
});

describe('PCM on its way out', () => {
  test('integers are rounded and clipped, little-endian', () => {
    expect([...encodeSamples(Float32Array.of(1, -1, 0.5), 's16')]).toEqual([0xff, 0x7f, 0x00, 0x80, 0x00, 0x40]);
    expect([...encodeSamples(Float32Array.of(1, -1), 's24')]).toEqual([0xff, 0xff, 0x7f, 0x00, 0x00, 0x80]);
    expect(new Float32Array(encodeSamples(Float32Array.of(0.1), 'f32').buffer)).toEqual(Float32Array.of(0.1));
  });

  test('16 bit keeps a 16-bit source to the bit, and more bits get 24', () => {
    const every = Float32Array.from({ length: 65_536 }, (_, index) => (index - 32_768) / 32_768);
    expect(new Int16Array(encodeSamples(every, 's16').buffer)).toEqual(
      Int16Array.from({ length: 65_536 }, (_, index) => index - 32_768),
    );
    expect(sampleFormatFor(24)).toBe('s24');
    expect(sampleFormatFor(undefined)).toBe('s16');
  });

  test('a WAV header tells format and lengths, and "unknown" when they do not fit', () => {
    const view = new DataView(wavHeader({ sampleRate: 48_000, channelCount: 2 }, 's24', 600).buffer);
    expect(view.getUint32(4, true)).toBe(636);
    expect(view.getUint16(20, true)).toBe(1);
    expect(view.getUint32(28, true)).toBe(288_000);
    expect(view.getUint16(32, true)).toBe(6);
    expect(view.getUint32(40, true)).toBe(600);
    const long = new DataView(wavHeader({ sampleRate: 48_000, channelCount: 2 }, 'f32', 5e9).buffer);
    expect(long.getUint16(20, true)).toBe(3);
    expect(long.getUint32(40, true)).toBe(0xffffffff);
  });
});
