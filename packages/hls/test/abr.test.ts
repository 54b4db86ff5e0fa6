import { describe, expect, it } from 'vitest';
import { decideRung, lockedRung } from '../src/abr/rules.ts';
import type { RuleInput } from '../src/abr/rules.ts';
import { ThroughputEstimator } from '../src/abr/throughput.ts';

function ladder(cached: readonly number[] = []): RuleInput['rungs'] {
  return [64_000, 128_000, 256_000].map((bandwidth, index) => ({ bandwidth, isCached: cached.includes(index) }));
}

function decide(input: Partial<RuleInput>): ReturnType<typeof decideRung> {
  return decideRung({ rungs: ladder(), current: 1, bitsPerSecond: 200_000, secondsSinceSwitch: 60, isOffline: false, ...input });
}

describe('throughput rule', () => {
  it('starts at the lowest rung without an estimate, and where the remembered one allows', () => {
    expect(decide({ current: undefined, bitsPerSecond: undefined })).toEqual({ index: 0, reason: 'start' });
    expect(decide({ current: undefined, bitsPerSecond: 320_000 })).toEqual({ index: 2, reason: 'start' });
  });

  it('takes the highest rung within 0.8 of the estimate', () => {
    expect(decide({ bitsPerSecond: 319_999 })).toEqual({ index: 1, reason: 'keep' });
    expect(decide({ bitsPerSecond: 320_000 })).toEqual({ index: 2, reason: 'up' });
  });

  it('waits ten seconds before it goes up, and goes down at once', () => {
    expect(decide({ bitsPerSecond: 1e9, secondsSinceSwitch: 9 })).toEqual({ index: 1, reason: 'keep' });
    expect(decide({ bitsPerSecond: 1, secondsSinceSwitch: 0 })).toEqual({ index: 0, reason: 'down' });
  });

  it('prefers a cached rung that is at least as good, online and offline', () => {
    expect(decide({ rungs: ladder([2]) })).toEqual({ index: 2, reason: 'cached' });
    expect(decide({ rungs: ladder([0]), bitsPerSecond: 1e9 })).toEqual({ index: 2, reason: 'up' });
    expect(decide({ rungs: ladder([0]), isOffline: true })).toEqual({ index: 0, reason: 'cached' });
    expect(decide({ rungs: ladder([1]), isOffline: true })).toEqual({ index: 1, reason: 'keep' });
  });

  it('stays on a cached rung though a better one is cached too, so that a mix plays again as it was', () => {
    expect(decide({ rungs: ladder([1, 2]), current: 1, bitsPerSecond: undefined })).toEqual({ index: 1, reason: 'keep' });
    expect(decide({ rungs: ladder([1, 2]), current: 1, isOffline: true })).toEqual({ index: 1, reason: 'keep' });
    expect(decide({ rungs: ladder([2]), current: 1, isOffline: true })).toEqual({ index: 2, reason: 'cached' });
    expect(decide({ rungs: ladder([1]), current: 1, bitsPerSecond: 1e9 })).toEqual({ index: 2, reason: 'up' });
  });

  it('keeps what plays when nothing is known, offline too', () => {
    expect(decide({ current: 2, bitsPerSecond: undefined })).toEqual({ index: 2, reason: 'keep' });
    expect(decide({ current: 2, isOffline: true })).toEqual({ index: 2, reason: 'keep' });
    expect(decide({ current: undefined, isOffline: true })).toEqual({ index: 0, reason: 'start' });
  });

  it('never changes to a substitute of the same bandwidth', () => {
    const rungs = [100, 100, 200, 200].map((bandwidth) => ({ bandwidth, isCached: false }));
    expect(decide({ rungs, current: undefined, bitsPerSecond: 1e9 }).index).toBe(2);
    expect(decide({ rungs, current: 3, bitsPerSecond: 1e9 })).toEqual({ index: 3, reason: 'keep' });
    expect(lockedRung(rungs, 'highest')).toBe(2);
  });

  it('takes another safety factor and dwell', () => {
    const input = { rungs: ladder(), current: 1, bitsPerSecond: 256_000, secondsSinceSwitch: 3, isOffline: false };
    expect(decideRung(input, { safety: 1, dwellSeconds: 2 })).toEqual({ index: 2, reason: 'up' });
    expect(decideRung(input, { safety: 0.4, dwellSeconds: 2 })).toEqual({ index: 0, reason: 'down' });
  });

  it('locks to an end of the ladder, or to the nearest bit rate that is not above the asked one', () => {
    expect(lockedRung(ladder(), 'lowest')).toBe(0);
    expect(lockedRung(ladder(), 'highest')).toBe(2);
    expect(lockedRung(ladder(), 128_000)).toBe(1);
    expect(lockedRung(ladder(), 255_999)).toBe(1);
    expect(lockedRung(ladder(), 10)).toBe(0);
  });
});

describe('throughput estimator', () => {
  function estimator(remembered?: number): { readonly estimator: ThroughputEstimator; readonly advance: (ms: number) => void } {
    let nowMs = 0;
    return {
      estimator: new ThroughputEstimator({ nowMs: () => nowMs, rememberedBitsPerSecond: remembered }),
      advance: (ms) => {
        nowMs += ms;
      },
    };
  }

  it('knows nothing at first, or half of what it remembers', () => {
    expect(estimator().estimator.bitsPerSecond).toBeUndefined();
    expect(estimator(500_000).estimator.bitsPerSecond).toBe(250_000);
  });

  it('measures the rate of a steady body', () => {
    const { estimator: throughput, advance } = estimator();
    const transfer = throughput.begin();
    for (let step = 0; step < 50; step += 1) {
      advance(100);
      transfer.add(25_000);
    }
    expect(throughput.bitsPerSecond).toBeCloseTo(2_000_000, 3);
  });

  it('adds up parallel bodies and leaves idle time out', () => {
    const { estimator: throughput, advance } = estimator();
    for (let round = 0; round < 5; round += 1) {
      const transfers = [throughput.begin(), throughput.begin()];
      for (let step = 0; step < 10; step += 1) {
        advance(100);
        for (const transfer of transfers) transfer.add(12_500);
      }
      for (const transfer of transfers) transfer.end();
      advance(60_000);
    }
    expect(throughput.bitsPerSecond ?? 0).toBeGreaterThan(1_900_000);
    expect(throughput.bitsPerSecond ?? 0).toBeLessThan(2_100_000);
  });

  it('follows a drop faster than a rise', () => {
    const after = (first: number, second: number): number => {
      const { estimator: throughput, advance } = estimator();
      const transfer = throughput.begin();
      for (const bytes of [first, second]) {
        for (let step = 0; step < 20; step += 1) {
          advance(100);
          transfer.add(bytes);
        }
      }
      return (throughput.bitsPerSecond ?? 0) / (second * 80);
    };
    expect(after(100_000, 20_000)).toBeLessThan(3.3);
    expect(after(20_000, 100_000)).toBeLessThan(0.7);
  });

  it('ignores small samples and what comes after the end of a transfer', () => {
    const { estimator: throughput, advance } = estimator();
    const transfer = throughput.begin();
    advance(1);
    transfer.add(1000);
    transfer.end();
    transfer.add(1_000_000);
    transfer.end();
    expect(throughput.bitsPerSecond).toBeUndefined();
  });
});
