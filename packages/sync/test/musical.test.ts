import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { sessionUs, SyncError } from '@tutti/sync';
import {
  addTicks,
  channel,
  channelA,
  channelB,
  defaultPpqn,
  defaultTempo,
  MusicalClock,
  nearestTempo,
  ppqn,
  sessionUsOfTick,
  subtractTicks,
  tempo,
  tickAt,
  ticks,
  type MusicalLine,
} from '@tutti/sync/musical';

function refused(run: () => unknown): SyncError {
  try {
    run();
  } catch (error) {
    if (error instanceof SyncError) return error;
  }
  throw new Error('nothing was refused');
}

describe('ticks', () => {
  test('are whole, ordered, added, and subtracted down to nothing', () => {
    expect(ticks(1) < ticks(2)).toBe(true);
    expect(addTicks(ticks(40), ticks(2))).toBe(42);
    expect(subtractTicks(ticks(100), ticks(50))).toBe(50);
    expect(subtractTicks(ticks(50), ticks(100))).toBe(0);
    expect(refused(() => ticks(-1)).code).toBe('sync/bad-number');
    expect(refused(() => ticks(0.5)).code).toBe('sync/bad-number');
  });

  test('a quarter note has 960 of them, or what is said, but not none', () => {
    expect(defaultPpqn).toBe(960);
    expect(ppqn(480)).toBe(480);
    expect(refused(() => ppqn(0)).message).toContain('0 is not above 0');
  });

  test('survive JSON', () => {
    expect(ticks(JSON.parse(JSON.stringify(ticks(42))) as number)).toBe(42);
    expect(tempo(JSON.parse(JSON.stringify(tempo(140))) as number)).toBe(140);
  });
});

describe('tempo', () => {
  test('lies within 20 and 400, 120 where nothing is said', () => {
    expect(defaultTempo).toBe(120);
    expect([tempo(20), tempo(400)]).toEqual([20, 400]);
    for (const value of [19.9, 400.1, Number.NaN]) {
      const error = refused(() => tempo(value));
      expect(error.code).toBe('sync/out-of-range');
      expect(error.range).toEqual({ min: 20, max: 400, value });
    }
    expect([nearestTempo(5), nearestTempo(140), nearestTempo(1000)]).toEqual([20, 140, 400]);
  });
});

describe('channel', () => {
  test('is one of two', () => {
    expect([channel(0), channel(1)]).toEqual([channelA, channelB]);
    expect(refused(() => channel(2)).code).toBe('sync/out-of-range');
    expect(channel(JSON.parse(JSON.stringify(channelB)) as number)).toBe(channelB);
  });
});

describe('musical clock', () => {
  test('begins at tick 0 and tempo 120, and knows exactly when the last tick was', () => {
    const time = { us: 7_000_000, nowUs: () => time.us };
    const clock = new MusicalClock(time);
    expect(clock.position).toEqual({ ticks: 0, tempo: 120 });
    time.us += 1_000_000;
    clock.tick();
    expect(clock.position.ticks).toBe(1);
    expect(clock.sinceLastTickUs).toBe(0);
    time.us += 5000;
    expect(clock.sinceLastTickUs).toBe(5000);
  });

  test('takes the nearest tempo it can', () => {
    const clock = new MusicalClock({ nowUs: () => 0 });
    clock.setTempo(1000);
    expect(clock.position.tempo).toBe(400);
    clock.setTempo(1);
    expect(clock.position.tempo).toBe(20);
    expect(structuredClone(clock.position)).toEqual({ ticks: 0, tempo: 20 });
  });
});

describe('musical line', () => {
  const line: MusicalLine = { t0Us: sessionUs(1_000_000), tick0: ticks(0), tempo: tempo(120), ppqn: defaultPpqn };

  test('at 120 a quarter note lasts half a second, after a day too', () => {
    expect(sessionUsOfTick(line, ticks(960))).toBe(1_500_000);
    expect(sessionUsOfTick(line, ticks(960 * 2 * 86_400))).toBe(1_000_000 + 86_400_000_000);
    expect(tickAt(line, sessionUs(1_500_000))).toBe(960);
    expect(tickAt(line, sessionUs(1_499_999))).toBe(959);
    expect(tickAt(line, sessionUs(0))).toBe(0);
  });

  test('a tick has come at its time, and not one microsecond before', () => {
    const lines = fc.record({
      t0Us: fc.nat(2 ** 45).map(sessionUs),
      tick0: fc.nat(1000).map(ticks),
      tempo: fc.integer({ min: 200, max: 4000 }).map((tenths) => tempo(tenths / 10)),
      ppqn: fc.constantFrom(24, 96, 480, 960).map(ppqn),
    });
    fc.assert(
      fc.property(lines, fc.nat(10_000_000), (at, later) => {
        const tick = addTicks(at.tick0, ticks(later));
        const atUs = sessionUsOfTick(at, tick);
        expect(tickAt(at, atUs)).toBe(tick);
        if (later > 0) expect(tickAt(at, sessionUs(atUs - 1))).toBe(tick - 1);
      }),
    );
  });
});
