import { describe, expect, it } from 'vitest';
import { bolaRung } from '../src/abr/bola.ts';
import { AbrController } from '../src/abr/controller.ts';
import { decideRung, lockedRung, rungsWithin } from '../src/abr/rules.ts';
import type { RuleInput, RuleSettings } from '../src/abr/rules.ts';
import { ThroughputMemory } from '../src/abr/throughput-memory.ts';
import { ThroughputEstimator } from '../src/abr/throughput.ts';

function ladder(cached: readonly number[] = []): RuleInput['rungs'] {
  return [64_000, 128_000, 256_000].map((bandwidth, index) => ({ bandwidth, isCached: cached.includes(index) }));
}

function decide(input: Partial<RuleInput>, settings?: RuleSettings): ReturnType<typeof decideRung> {
  return decideRung(
    {
      rungs: ladder(),
      current: 1,
      bitsPerSecond: 200_000,
      secondsSinceSwitch: 60,
      bufferSeconds: 24,
      lookAheadSeconds: 30,
      segmentSeconds: 4,
      isOffline: false,
      ...input,
    },
    settings,
  );
}

describe('hybrid rule', () => {
  it('starts at the lowest rung without an estimate, and where the remembered one allows', () => {
    expect(decide({ current: undefined, bitsPerSecond: undefined })).toEqual({ index: 0, reason: 'start' });
    expect(decide({ current: undefined, bitsPerSecond: 320_000 })).toEqual({ index: 2, reason: 'start' });
  });

  it('goes up to the highest rung within 0.85 of the estimate', () => {
    expect(decide({ bitsPerSecond: 301_000 })).toEqual({ index: 1, reason: 'keep' });
    expect(decide({ bitsPerSecond: 302_000 })).toEqual({ index: 2, reason: 'up' });
  });

  it('goes up only when the buffer allows it too, or when the rung needs less than a third of the line', () => {
    expect(decide({ bitsPerSecond: 700_000, bufferSeconds: 6 })).toEqual({ index: 1, reason: 'keep' });
    expect(decide({ bitsPerSecond: 700_000, bufferSeconds: 20 })).toEqual({ index: 2, reason: 'up' });
    expect(decide({ bitsPerSecond: 770_000, bufferSeconds: 4 })).toEqual({ index: 2, reason: 'up' });
  });

  it('waits four seconds before it goes up, and does not wait to go down', () => {
    expect(decide({ bitsPerSecond: 1e9, secondsSinceSwitch: 3 })).toEqual({ index: 1, reason: 'keep' });
    expect(decide({ bitsPerSecond: 1, secondsSinceSwitch: 0 })).toEqual({ index: 0, reason: 'down' });
  });

  it('rides out a slow line on a full buffer, and goes down on an empty one', () => {
    expect(decide({ bitsPerSecond: 100_000, bufferSeconds: 26 })).toEqual({ index: 1, reason: 'keep' });
    expect(decide({ bitsPerSecond: 100_000, bufferSeconds: 3 })).toEqual({ index: 0, reason: 'down' });
  });

  it('goes down when the next segment would take more than half of what the buffer holds', () => {
    expect(decide({ current: 2, bitsPerSecond: 80_000, bufferSeconds: 26 })).toEqual({ index: 2, reason: 'keep' });
    expect(decide({ current: 2, bitsPerSecond: 78_000, bufferSeconds: 26 })).toEqual({ index: 1, reason: 'down' });
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
    const input = { bitsPerSecond: 256_000, secondsSinceSwitch: 3 };
    expect(decide(input, { safety: 1, dwellSeconds: 2 })).toEqual({ index: 2, reason: 'up' });
    expect(decide(input, { safety: 0.9, dwellSeconds: 2 })).toEqual({ index: 1, reason: 'keep' });
  });

  it('locks to an end of the ladder, or to the nearest bit rate that is not above the asked one', () => {
    expect(lockedRung(ladder(), 'lowest')).toBe(0);
    expect(lockedRung(ladder(), 'highest')).toBe(2);
    expect(lockedRung(ladder(), 128_000)).toBe(1);
    expect(lockedRung(ladder(), 255_999)).toBe(1);
    expect(lockedRung(ladder(), 10)).toBe(0);
  });

  it.each([
    [{}, [64_000, 128_000, 256_000]],
    [{ maxBitsPerSecond: 128_000 }, [64_000, 128_000]],
    [{ minBitsPerSecond: 100_000, maxBitsPerSecond: 200_000 }, [128_000]],
    [{ maxBitsPerSecond: 1000 }, [64_000]],
    [{ minBitsPerSecond: 300_000 }, [256_000]],
    [{ minBitsPerSecond: 130_000, maxBitsPerSecond: 200_000 }, [128_000]],
  ])('keeps to the limits %o, or as near as the ladder allows', (limits, bandwidths) => {
    expect(rungsWithin(ladder(), limits).map(({ bandwidth }) => bandwidth)).toEqual(bandwidths);
  });
});

describe('BOLA', () => {
  it('climbs from the lowest rung to the highest as the buffer fills', () => {
    const bandwidths = [48_000, 96_000, 160_000, 256_000, 320_000];
    const climb = Array.from({ length: 25 }, (_, bufferSeconds) =>
      bolaRung({ bandwidths, bufferSeconds, segmentSeconds: 4, targetSeconds: 24 }),
    );
    expect(climb).toEqual(climb.toSorted((one, other) => one - other));
    expect(climb[0]).toBe(0);
    expect(climb.at(-1)).toBe(4);
  });
});

describe('controller', () => {
  it('goes up again only after the dwell by its clock', () => {
    let nowMs = 0;
    const throughput = { bitsPerSecond: 170_000 };
    const controller = new AbrController({ throughput, nowMs: () => nowMs });
    const situation = { rungs: ladder(), bufferSeconds: 26, lookAheadSeconds: 30, segmentSeconds: 4, isOffline: false };
    expect(controller.decide({ ...situation, current: 0 })).toEqual({ index: 1, reason: 'up' });
    throughput.bitsPerSecond = 1_000_000;
    nowMs = 3999;
    expect(controller.decide({ ...situation, current: 1 })).toEqual({ index: 1, reason: 'keep' });
    nowMs = 4000;
    expect(controller.decide({ ...situation, current: 1 })).toEqual({ index: 2, reason: 'up' });
  });
});

describe('throughput memory', () => {
  it('gives half of what the last session with an origin measured, however many sessions measured nothing', () => {
    const memory = new ThroughputMemory();
    const first = memory.begin('https://a.example/1.m3u8');
    expect(first.bitsPerSecond).toBeUndefined();
    Object.defineProperty(first, 'lastBitsPerSecond', { value: 800_000 });
    expect(memory.begin('https://a.example/2.m3u8').bitsPerSecond).toBe(400_000);
    expect(memory.begin('https://a.example/3.m3u8').bitsPerSecond).toBe(400_000);
    expect(memory.begin('https://b.example/1.m3u8').bitsPerSecond).toBeUndefined();
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
