import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { JoinSmoothing } from '../src/engine/join-smoothing.ts';

const format = { channelCount: 2, sampleRate: 44_100 };
const fadeFrames = 221; // 5 ms

function stereo(frameCount: number, left: number, right: number): Float32Array {
  return Float32Array.from({ length: frameCount * 2 }, (_, at) => (at % 2 === 0 ? left : right));
}

test('a join begins where the sound was left and is what it should be after 5 ms, however it is read', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 90 }), { minLength: 1, maxLength: 20 }), (sizes) => {
      const joins = new JoinSmoothing();
      joins.hear(stereo(10, 0.5, -0.25), format);
      joins.hide(stereo(3, 0.25, 0.25), 2);
      const heard: Float32Array[] = [];
      for (const size of [...sizes, 400]) {
        const samples = stereo(size, 0.25, 0.25);
        joins.hear(samples, format);
        heard.push(samples);
      }
      const all = Float32Array.from(heard.flatMap((piece) => [...piece]));
      expect(all[0]).toBeCloseTo(0.5, 3);
      expect(all[1]).toBeCloseTo(-0.25, 3);
      expect(all[2 * 110]).toBeCloseTo(0.375, 2);
      expect(all.subarray(fadeFrames * 2).every((sample) => sample === 0.25)).toBe(true);
      for (let at = 2; at < all.length; at += 2) expect(all[at]!).toBeLessThanOrEqual(all[at - 2]!);
    }),
  );
});

test.each([
  ['without pre-roll', () => {}],
  [
    'after a seek',
    (joins: JoinSmoothing) => {
      joins.reset();
      joins.hide(stereo(3, 0.1, 0.1), 2);
    },
  ],
  ['of another number of channels', (joins: JoinSmoothing) => joins.hide(new Float32Array([0.1]), 1)],
])('a join %s is left as it is', (_, prepare) => {
  const joins = new JoinSmoothing();
  joins.hear(stereo(10, 0.5, 0.5), format);
  prepare(joins);
  const samples = stereo(10, 0.25, 0.25);
  joins.hear(samples, format);
  expect(samples).toEqual(stereo(10, 0.25, 0.25));
});
