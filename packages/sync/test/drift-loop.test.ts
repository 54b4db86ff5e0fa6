import { describe, expect, test } from 'vitest';
import { DriftLoop, localUs, type DriftCorrection } from '@tutti/sync';
import { Random } from './virtual/random.ts';
import { percentile } from './virtual/survey.ts';

const stepUs = 20_000;

/** Feeds errors every 20 ms of local time, from `fromUs` for `seconds`. */
function feed(loop: DriftLoop, fromUs: number, seconds: number, errorUs: (atUs: number) => number): DriftCorrection[] {
  const corrections: DriftCorrection[] = [];
  for (let atUs = fromUs; atUs < fromUs + seconds * 1e6; atUs += stepUs) {
    corrections.push(loop.update({ errorUs: errorUs(atUs), atUs: localUs(atUs) }));
  }
  return corrections;
}
const snapsOf = (corrections: readonly DriftCorrection[]): number[] => corrections.flatMap(({ snap }) => (snap ? [snap.byUs] : []));

describe('drift loop', () => {
  test.each([80, -80])(
    'holds a device that is off by %d ppm within 40 µs, through noise of 40 µs and 200 ms of dead time',
    (ppm) => {
      const deadSteps = 10;
      const settled: number[] = [];
      for (let seed = 1; seed <= 12; seed += 1) {
        const random = new Random(seed);
        const loop = new DriftLoop();
        const queue = Array.from({ length: deadSteps }, () => 0);
        let errorUs = 0;
        for (let atUs = 0; atUs < 300e6; atUs += stepUs) {
          // What was decided some time ago is heard now; a fast device is early.
          errorUs -= ((ppm + queue.shift()!) * stepUs) / 1e6;
          // A fresh measurement every 100 ms.
          if (atUs % 100_000 === 0) {
            const { correctionPpm, snap } = loop.update({ errorUs: errorUs + random.normal(40), atUs: localUs(atUs) });
            expect(snap).toBeUndefined();
            queue.push(correctionPpm);
          } else queue.push(queue.at(-1)!);
          if (atUs > 100e6) settled.push(Math.abs(errorUs));
        }
      }
      expect(percentile(settled, 0.95)).toBeLessThanOrEqual(40);
      expect(percentile(settled, 1)).toBeLessThanOrEqual(150);
    },
  );

  test('late sound is hurried, early sound held back', () => {
    expect(feed(new DriftLoop(), 0, 5, () => 300).at(-1)!.correctionPpm).toBeGreaterThan(10);
    expect(feed(new DriftLoop(), 0, 5, () => -300).at(-1)!.correctionPpm).toBeLessThan(-10);
  });

  test('plays at the rate that the maps know before any error shows', () => {
    const loop = new DriftLoop();
    for (let atUs = 0; atUs < 5e6; atUs += stepUs) {
      expect(loop.update({ errorUs: 0, atUs: localUs(atUs), knownPpm: -80 }).correctionPpm).toBe(-80);
    }
  });

  test.each([undefined, 0])('stays calm when what it decides is heard two seconds later (known rate: %s)', (knownPpm) => {
    const loop = new DriftLoop();
    const queue = Array.from({ length: 2e6 / stepUs }, () => 0);
    let errorUs = 400;
    let worstUs = 0;
    for (let atUs = 0; atUs < 240e6; atUs += stepUs) {
      errorUs -= (queue.shift()! * stepUs) / 1e6;
      const rate = knownPpm === undefined ? {} : { knownPpm };
      queue.push(loop.update({ errorUs, atUs: localUs(atUs), ...rate }).correctionPpm);
      if (atUs > 60e6) worstUs = Math.max(worstUs, Math.abs(errorUs));
      expect(Math.abs(errorUs)).toBeLessThanOrEqual(400);
    }
    expect(worstUs).toBeLessThan(60);
    expect(Math.abs(errorUs)).toBeLessThan(1);
  });

  test('after a start, with the rate known, an error is gone in ten seconds and leaves no overshoot', () => {
    const loop = new DriftLoop();
    let errorUs = 400;
    let leastUs = errorUs;
    for (let atUs = 0; atUs < 60e6; atUs += stepUs) {
      errorUs -= (loop.update({ errorUs, atUs: localUs(atUs), knownPpm: 0 }).correctionPpm * stepUs) / 1e6;
      leastUs = Math.min(leastUs, errorUs);
      if (atUs === 10e6) expect(errorUs).toBeLessThan(40);
    }
    expect(leastUs).toBeGreaterThan(-20);
  });

  test('an error that a young map shows only after the start is jumped over once, and steered out when it comes later', () => {
    const jumps = (fromSeconds: number): number[] => {
      const loop = new DriftLoop();
      const found: number[] = [];
      let errorUs = 0;
      for (let atUs = 0; atUs < 10e6; atUs += stepUs) {
        if (atUs === fromSeconds * 1e6) errorUs += 1500;
        const { snap } = loop.update({ errorUs, atUs: localUs(atUs), knownPpm: 0 });
        if (snap !== undefined) found.push(atUs);
        errorUs -= snap?.byUs ?? 0;
      }
      return found;
    };
    expect(jumps(1).length).toBeGreaterThan(0);
    expect(Math.max(...jumps(1))).toBeLessThan(2.5e6);
    expect(jumps(5)).toEqual([]);
  });

  test('changes by at most 100 ppm in a second, up to 1000 ppm', () => {
    const loop = new DriftLoop({ snapUs: 1e9, startSnapUs: 1e9 });
    let before = 0;
    let steepest = 0;
    const corrections = feed(loop, 0, 60, () => 20_000);
    for (const { correctionPpm } of corrections) {
      steepest = Math.max(steepest, Math.abs(correctionPpm - before));
      before = correctionPpm;
    }
    expect(steepest).toBeLessThanOrEqual((100 * stepUs) / 1e6 + 1e-9);
    expect(before).toBe(1000);
  });

  test('what the limits held back does not wind up', () => {
    const loop = new DriftLoop({ snapUs: 1e9, startSnapUs: 1e9 });
    feed(loop, 0, 120, () => 20_000);
    const after = feed(loop, 120e6, 60, () => 0);
    expect(Math.abs(after.at(-1)!.correctionPpm)).toBeLessThan(200);
  });

  test('jumps over more than 5 ms, at most once in 30 s', () => {
    const loop = new DriftLoop();
    feed(loop, 0, 40, () => 0);
    const jumps = snapsOf(feed(loop, 40e6, 59, () => 8000));
    expect(jumps).toHaveLength(2);
    expect(jumps[0]).toBeGreaterThan(5000);
    expect(snapsOf(feed(loop, 99e6, 20, () => 4000))).toEqual([]);
  });

  test('one wild measurement is no reason to jump', () => {
    const loop = new DriftLoop();
    feed(loop, 0, 10, () => 0);
    expect(snapsOf(feed(loop, 10e6, 10, (atUs) => (atUs === 12e6 ? 60_000 : 0)))).toEqual([]);
  });

  test('after a start it listens, jumps once over more than half a millisecond, and closes', () => {
    const loop = new DriftLoop();
    const first = feed(loop, 0, 1, (atUs) => (atUs <= 300_000 ? 2000 : 0));
    expect(snapsOf(first)).toEqual([2000]);
    expect(first[0]!.correctionPpm).toBe(0);
    loop.restart();
    expect(snapsOf(feed(loop, 1e6, 1, (atUs) => (atUs <= 1_300_000 ? -1500 : 0)))).toEqual([-1500]);
    loop.restart();
    expect(snapsOf(feed(loop, 2e6, 1, () => 400))).toEqual([]);
  });

  test('remembers the rate over a restart', () => {
    const loop = new DriftLoop();
    let errorUs = 0;
    for (let atUs = 0; atUs < 200e6; atUs += stepUs) {
      errorUs += ((60 - loop.update({ errorUs, atUs: localUs(atUs) }).correctionPpm) * stepUs) / 1e6;
    }
    loop.restart();
    expect(loop.update({ errorUs: 0, atUs: localUs(200e6) }).correctionPpm).toBeCloseTo(60, 0);
  });
});
