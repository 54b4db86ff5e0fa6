import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  boundaryUs,
  frameAt,
  lineOfNext,
  positionAt,
  sessionUs,
  sessionUsAt,
  supersedes,
  SyncError,
  type SessionUs,
  type Timeline,
} from '@tutti/sync';

const cd: Timeline = {
  epoch: 1,
  trackId: 'a',
  hash: 'aa',
  state: 'playing',
  frame0: 1000,
  t0Us: sessionUs(5_000_000),
  rateNum: 44_100,
  rateDen: 1,
};

const rates = { rateNum: fc.integer({ min: 1, max: 768_000 }), rateDen: fc.integer({ min: 1, max: 1001 }) };
const timelines = fc.record({
  epoch: fc.nat(),
  trackId: fc.constant('a'),
  hash: fc.constant('aa'),
  state: fc.constant('playing' as const),
  frame0: fc.nat(2 ** 40),
  t0Us: fc.nat(2 ** 50).map((us) => sessionUs(us)),
  ...rates,
});
const at = (us: number): SessionUs => us as SessionUs;

describe('timeline', () => {
  test('one second of session time is one second of frames', () => {
    expect(frameAt(cd, at(6_000_000))).toBe(1000 + 44_100);
    expect(frameAt(cd, at(5_000_000))).toBe(1000);
    expect(frameAt(cd, at(4_000_000))).toBe(1000 - 44_100);
  });

  test('a day at 44.1 kHz drifts by no frame at all', () => {
    let drifted = 0;
    for (let second = 0; second <= 86_400; second += 1) {
      if (frameAt(cd, at(5_000_000 + second * 1_000_000)) !== 1000 + second * 44_100) drifted += 1;
    }
    expect(drifted).toBe(0);
  });

  test('paused and stopped stay where they are', () => {
    expect(frameAt({ ...cd, state: 'paused' }, at(99_000_000))).toBe(1000);
    expect(sessionUsAt({ ...cd, state: 'stopped' }, 2000)).toBeUndefined();
  });

  test('sessionUsAt is the first microsecond at which the frame sounds', () => {
    fc.assert(
      fc.property(timelines, fc.nat(2 ** 32), (timeline, ahead) => {
        const frame = timeline.frame0 + ahead;
        const atUs = sessionUsAt(timeline, frame)!;
        fc.pre(Number.isSafeInteger(atUs));
        expect(frameAt(timeline, atUs)).toBeGreaterThanOrEqual(frame);
        expect(frameAt(timeline, at(atUs - 1))).toBeLessThan(frame);
      }),
    );
  });

  test('the higher epoch wins, and applying a timeline twice changes nothing', () => {
    const later = { ...cd, epoch: 2, frame0: 7 };
    expect(supersedes(cd, undefined)).toBe(true);
    expect(supersedes(later, cd)).toBe(true);
    expect(supersedes(cd, later)).toBe(false);
    expect(supersedes(later, later)).toBe(false);
  });

  test('numbers that are not safe integers are refused by name', () => {
    expect(() => frameAt({ ...cd, rateDen: 0 }, at(0))).toThrow(SyncError);
    expect(() => frameAt({ ...cd, frame0: 0.5 }, at(0))).toThrow('frame0 0.5');
    expect(() => frameAt(cd, at(2 ** 60))).toThrow('atUs');
    const next = { trackId: 'b', hash: 'bb', atFrame: Number.NaN, frame0: 0, rateNum: 1, rateDen: 1 };
    expect(() => frameAt({ ...cd, next }, at(0))).toThrow('next.atFrame');
  });
});

describe('the next track', () => {
  const next = { trackId: 'b', hash: 'bb', atFrame: 100_003, frame0: 24, rateNum: 48_000, rateDen: 1 };
  const line: Timeline = { ...cd, next };

  test('begins where the current one ends, without a frame missing or twice', () => {
    const startUs = boundaryUs(line)!;
    expect(positionAt(line, at(startUs - 1))).toEqual({ trackId: 'a', hash: 'aa', frame: 100_002 });
    expect(positionAt(line, startUs)).toEqual({ trackId: 'b', hash: 'bb', frame: 24 });
    expect(positionAt(line, at(startUs + 1_000_000)).frame).toBe(24 + 48_000);
  });

  test('is computed without rounding at the boundary, a day later too', () => {
    const boundaries = fc.record({ atFrame: fc.nat(2 ** 32), frame0: fc.nat(1000), ...rates });
    fc.assert(
      fc.property(timelines, boundaries, fc.nat(86_400_000_000), (timeline, boundary, laterUs) => {
        const atFrame = timeline.frame0 + boundary.atFrame;
        const whole: Timeline = { ...timeline, next: { ...boundary, atFrame, trackId: 'b', hash: 'bb' } };
        const startUs = boundaryUs(whole)!;
        fc.pre(Number.isSafeInteger(startUs + laterUs));
        const sinceUs =
          BigInt(startUs + laterUs - timeline.t0Us) * BigInt(timeline.rateNum) -
          BigInt(boundary.atFrame) * BigInt(timeline.rateDen) * 1_000_000n;
        const exact = (sinceUs * BigInt(boundary.rateNum)) / (BigInt(timeline.rateNum) * BigInt(boundary.rateDen) * 1_000_000n);
        const position = positionAt(whole, at(startUs + laterUs));
        expect(position).toEqual({ trackId: 'b', hash: 'bb', frame: boundary.frame0 + Number(exact) });
        // As a line of its own it begins at the next whole microsecond.
        const own = lineOfNext(whole, { epoch: 9 })!;
        expect(own.t0Us).toBe(startUs);
        expect(position.frame - frameAt(own, at(startUs + laterUs))).toBeOneOf([
          0,
          Math.ceil(boundary.rateNum / boundary.rateDen / 1e6),
        ]);
      }),
    );
  });

  test('waits while paused', () => {
    const paused: Timeline = { ...line, state: 'paused' };
    expect(boundaryUs(paused)).toBeUndefined();
    expect(lineOfNext(paused, { epoch: 2 })).toBeUndefined();
    expect(positionAt(paused, at(2 ** 40)).trackId).toBe('a');
  });
});
