import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { boundUsAt, identityClockMap, localUs, toLocal, toSession, type ClockMap } from '@tutti/sync';

const map: ClockMap = {
  referenceUs: localUs(1_000_000),
  offsetUs: 5000.25,
  skewPpm: 50,
  boundUs: 60,
  boundGrowthPpm: 2,
  validFromUs: localUs(900_000),
};

describe('clock map', () => {
  test('a session clock that is ahead and faster reads ahead, and more so later', () => {
    expect(toSession(map, localUs(1_000_000))).toBe(1_005_000);
    expect(toSession(map, localUs(11_000_000))).toBe(11_005_500);
    expect(toSession({ ...map, offsetUs: -5000, skewPpm: -50 }, localUs(11_000_000))).toBe(10_994_500);
  });

  test('there and back is the same microsecond, give or take one', () => {
    const maps = fc.record({
      offsetUs: fc.double({ min: -1e14, max: 1e14, noNaN: true }),
      skewPpm: fc.double({ min: -500, max: 500, noNaN: true }),
      sinceUs: fc.integer({ min: -86_400_000_000, max: 86_400_000_000 }),
    });
    fc.assert(
      fc.property(maps, ({ offsetUs, skewPpm, sinceUs }) => {
        const at = localUs(map.referenceUs + sinceUs);
        const there = { ...map, offsetUs, skewPpm };
        expect(Math.abs(toLocal(there, toSession(there, at)) - at)).toBeLessThanOrEqual(1);
      }),
    );
  });

  test('the bound grows on both sides of the reference', () => {
    expect(boundUsAt(map, localUs(1_000_000))).toBe(60);
    expect(boundUsAt(map, localUs(11_000_000))).toBeCloseTo(80);
    expect(boundUsAt(map, localUs(-9_000_000))).toBeCloseTo(80);
  });

  test('the host is its own session clock, and a map survives a structured clone', () => {
    expect(toSession(identityClockMap(localUs(7)), localUs(123))).toBe(123);
    expect(structuredClone(map)).toEqual(map);
  });
});
