import { describe, expect, test } from 'vitest';
import { mixChannels, mixingGains } from '../src/channel-mix.ts';
import { loudnessFacts } from '../src/loudness-facts.ts';
import { toInt16, toInt24 } from '../src/pcm-integers.ts';
import { deinterleave } from '../src/pcm-planes.ts';
import { TpdfDither } from '../src/tpdf-dither.ts';

describe('PCM as planes and integers', () => {
  test('planes hold every channel’s samples in order', () => {
    const planes = deinterleave(Float32Array.of(1, 10, 2, 20, 3, 30), 2);
    expect(planes).toEqual([Float32Array.of(1, 2, 3), Float32Array.of(10, 20, 30)]);
    expect(() => deinterleave(new Float32Array(5), 2)).toThrow(RangeError);
  });

  test('every 16-bit and 24-bit value comes back as it was, and what is too loud is clipped', () => {
    const shorts = Int16Array.from({ length: 65_536 }, (_, n) => n - 32_768);
    expect(toInt16(Float32Array.from(shorts, (value) => value / 32_768))).toEqual(shorts);
    expect(toInt16(Float32Array.of(1, 2, -2))).toEqual(Int16Array.of(32_767, 32_767, -32_768));
    for (const value of [-8_388_608, -1, 0, 1, 5_000_001, 8_388_607]) {
      const [low = 0, middle = 0, high = 0] = toInt24(Float32Array.of(value / 8_388_608));
      expect(((low | (middle << 8) | (high << 16)) << 8) >> 8).toBe(value);
    }
  });

  test('dither is triangular, the same for the same seed, and keeps what rounding alone would lose', () => {
    const dither = new TpdfDither(7);
    const values = Array.from({ length: 100_000 }, () => dither.next());
    const power = values.reduce((sum, value) => sum + value * value, 0) / values.length;
    expect(power).toBeCloseTo(1 / 6, 2);
    expect(Math.max(...values.map(Math.abs))).toBeLessThan(1);
    const again = new TpdfDither(7);
    expect(values.slice(0, 10)).toEqual(Array.from({ length: 10 }, () => again.next()));

    const faint = new Float32Array(100_000).fill(0.25 / 32_768);
    const mean = (integers: Int16Array): number => integers.reduce((sum, value) => sum + value, 0) / integers.length;
    expect(mean(toInt16(faint))).toBe(0);
    expect(mean(toInt16(faint, { dither: new TpdfDither(1) }))).toBeCloseTo(0.25, 1);
  });
});

describe('mixing channels', () => {
  test('takes the coefficients of BS.775 to stereo and to mono', () => {
    const half = Math.SQRT1_2;
    expect(mixingGains(6, 2)).toEqual([
      [1, 0, half, 0, half, 0],
      [0, 1, half, 0, 0, half],
    ]);
    expect(mixingGains(6, 1)).toEqual([[half, half, 1, 0, 0.5, 0.5]]);
    expect(mixingGains(1, 2)).toEqual([[1], [1]]);
  });

  test('leaves alone what has its speaker, and silent what has no source', () => {
    expect(mixChannels(Float32Array.of(1, 2, 3, 4), 2, 2)).toEqual(Float32Array.of(1, 2, 3, 4));
    expect(mixChannels(Float32Array.of(0.5, -0.5), 2, 6)).toEqual(Float32Array.of(0.5, -0.5, 0, 0, 0, 0));
  });

  test('attenuated, full scale everywhere does not clip', () => {
    for (let from = 1; from <= 8; from += 1) {
      for (let to = 1; to <= 8; to += 1) {
        const mixed = mixChannels(new Float32Array(from).fill(1), from, to, { isAttenuated: true });
        expect(Math.max(...mixed), `${from} to ${to}`).toBeLessThanOrEqual(1);
      }
    }
  });

  test('beyond eight channels each keeps its place', () => {
    expect(mixChannels(Float32Array.of(1, 2, 3, 4, 5, 6, 7, 8, 9), 9, 2)).toEqual(Float32Array.of(1, 2));
    expect(mixChannels(Float32Array.of(1, 2), 2, 10)).toEqual(Float32Array.of(1, 2, 0, 0, 0, 0, 0, 0, 0, 0));
  });
});

describe('loudness facts', () => {
  test('are read from ReplayGain tags', () => {
    const tags = { replaygain_track_gain: '-7.03 dB', replaygain_track_peak: '0.988', replaygain_album_gain: '+1 dB' };
    expect(loudnessFacts(tags)).toEqual({
      trackGainDb: -7.03,
      trackPeak: 0.988,
      albumGainDb: 1,
      albumPeak: undefined,
      targetLufs: -18,
    });
  });

  test('are read from R128 tags where there is no ReplayGain', () => {
    expect(loudnessFacts({ r128_track_gain: '-1024', r128_album_gain: '256' })).toMatchObject({
      trackGainDb: -4,
      albumGainDb: 1,
      targetLufs: -23,
    });
  });

  test('are absent where nothing or nonsense is written', () => {
    expect(loudnessFacts({ replaygain_track_gain: 'loud', replaygain_track_peak: '' })).toEqual({
      trackGainDb: undefined,
      trackPeak: undefined,
      albumGainDb: undefined,
      albumPeak: undefined,
      targetLufs: undefined,
    });
  });
});
