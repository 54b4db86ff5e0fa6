import { describe, expect, test } from 'vitest';
import { lineAt, planFrom, planWith, sessionUs, type Timeline, type TimelinePlan } from '@tutti/sync';

const line = (epoch: number, t0Us: number, state: Timeline['state'] = 'playing'): Timeline => ({
  epoch,
  trackId: 'a',
  hash: 'aa',
  frame0: 0,
  t0Us: sessionUs(t0Us),
  rateNum: 48_000,
  rateDen: 1,
  state,
});
const planned = (...lines: Timeline[]): TimelinePlan => lines.reduce<TimelinePlan>(planWith, []);

describe('plan of timelines', () => {
  test('a scheduled pause leaves the playing line in force until its own time', () => {
    const plan = planned(line(1, 100), line(2, 500, 'paused'));
    expect(lineAt(plan, sessionUs(99))).toBeUndefined();
    expect(lineAt(plan, sessionUs(499))?.state).toBe('playing');
    expect(lineAt(plan, sessionUs(500))?.state).toBe('paused');
  });

  test('a newer line takes the place of what would begin with it or after it', () => {
    const plan = planned(line(1, 100), line(2, 500), line(3, 300));
    expect(plan.map(({ epoch }) => epoch)).toEqual([1, 3]);
  });

  test('a line that comes twice or late changes nothing', () => {
    const plan = planned(line(1, 100), line(3, 300));
    expect(planWith(plan, line(3, 300))).toBe(plan);
    expect(planWith(plan, line(2, 200))).toBe(plan);
  });

  test('lines that are over are let go, the one that holds stays', () => {
    const plan = planned(line(1, 100), line(2, 200), line(3, 300));
    expect(planFrom(plan, sessionUs(250)).map(({ epoch }) => epoch)).toEqual([2, 3]);
    expect(planFrom(plan, sessionUs(50))).toBe(plan);
  });
});
