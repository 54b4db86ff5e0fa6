import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { frameAt, newer, SyncError, timeOf, type Timeline } from '@tutti/sync';

const cd: Timeline = { epoch: 1, state: 'playing', frame0: 1000, t0Us: 5_000_000, rateNum: 44_100, rateDen: 1 };

const timelines = fc.record({
  epoch: fc.nat(),
  state: fc.constant('playing' as const),
  frame0: fc.nat(2 ** 40),
  t0Us: fc.nat(2 ** 50),
  rateNum: fc.integer({ min: 1, max: 768_000 }),
  rateDen: fc.integer({ min: 1, max: 1001 }),
});

describe('timeline', () => {
  test('one second of session time is one second of frames', () => {
    expect(frameAt(cd, 6_000_000)).toBe(1000 + 44_100);
    expect(frameAt(cd, 5_000_000)).toBe(1000);
    expect(frameAt(cd, 4_000_000)).toBe(1000 - 44_100);
  });

  test('a day at 44.1 kHz drifts by no frame at all', () => {
    expect(frameAt(cd, 5_000_000 + 86_400_000_000)).toBe(1000 + 86_400 * 44_100);
  });

  test('paused and stopped stay where they are', () => {
    expect(frameAt({ ...cd, state: 'paused' }, 99_000_000)).toBe(1000);
    expect(timeOf({ ...cd, state: 'stopped' }, 2000)).toBeUndefined();
  });

  test('timeOf is the first microsecond at which the frame sounds', () => {
    fc.assert(
      fc.property(timelines, fc.nat(2 ** 32), (timeline, ahead) => {
        const frame = timeline.frame0 + ahead;
        const atUs = timeOf(timeline, frame)!;
        fc.pre(Number.isSafeInteger(atUs));
        expect(frameAt(timeline, atUs)).toBeGreaterThanOrEqual(frame);
        expect(frameAt(timeline, atUs - 1)).toBeLessThan(frame);
      }),
    );
  });

  test('the higher epoch wins, and applying a timeline twice changes nothing', () => {
    const later = { ...cd, epoch: 2, frame0: 7 };
    expect(newer(undefined, cd)).toBe(cd);
    expect(newer(cd, later)).toBe(later);
    expect(newer(later, cd)).toBe(later);
    expect(newer(newer(cd, later), later)).toBe(later);
  });

  test('numbers that are not safe integers are refused by name', () => {
    expect(() => frameAt({ ...cd, rateDen: 0 }, 0)).toThrow(SyncError);
    expect(() => frameAt({ ...cd, frame0: 0.5 }, 0)).toThrow('frame0 0.5');
    expect(() => frameAt(cd, 2 ** 60)).toThrow('atUs');
  });
});
