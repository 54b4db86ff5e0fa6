import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { DeviceMap, localUs, type DeviceStep, type LocalUs } from '@tutti/sync';
import { Random } from './virtual/random.ts';
import { VirtualClock } from './virtual/virtual-clock.ts';
import { VirtualDac, type VirtualDacOptions } from './virtual/virtual-dac.ts';

const second = 1_000_000;

interface Polls {
  /** Between two of them. Default 20 ms. */
  readonly everyUs?: number;
  /** How much later than the device's own noise makes it one is told that comes at this time. */
  readonly lateUs?: (atUs: number) => number;
  /** Called after each. */
  readonly check?: () => void;
}

function watch(options: Partial<VirtualDacOptions>) {
  const clock = new VirtualClock({ seed: 1, offsetUs: 3_000_000_000 });
  const dac = new VirtualDac({ seed: 2, clock, latencyUs: 21_333, ...options });
  const steps: DeviceStep[] = [];
  const map = new DeviceMap({ sampleRate: 48_000, stepFrames: 1024, onStep: (step) => steps.push(step) });
  let nowUs = 0;
  const run = (untilUs: number, { everyUs = 20_000, lateUs, check }: Polls = {}): void => {
    for (; nowUs < untilUs; nowUs += everyUs) {
      const sample = dac.poll(nowUs);
      map.add({ ...sample, localUs: localUs(sample.localUs + Math.round(lateUs?.(nowUs) ?? 0)) });
      check?.();
    }
  };
  /** Map minus truth for the frame that is reached `aheadUs` from now, in microseconds. */
  const errorUs = (aheadUs = 0): number => {
    const frame = dac.frameAt(nowUs + aheadUs);
    return map.localUsAt(frame)! - clock.exactAt(dac.heardAt(frame));
  };
  return { clock, dac, map, steps, run, errorUs };
}

describe('device map', () => {
  test('knows nothing until it has seen a fifth of a second', () => {
    const { map, run } = watch({});
    run(100_000);
    expect(map.isReady).toBe(false);
    expect(map.localUsAt(0)).toBeUndefined();
    expect(map.frameAt(localUs(0))).toBeUndefined();
    run(300_000);
    expect(map.isReady).toBe(true);
  });

  test.each([0, 80, -80])('a device of %d ppm without noise is mapped to two microseconds, two seconds ahead too', (ppm) => {
    const { map, run, errorUs } = watch({ ppm });
    run(10 * second);
    expect(Math.abs(errorUs())).toBeLessThanOrEqual(2);
    expect(Math.abs(errorUs(2 * second))).toBeLessThanOrEqual(2);
    expect(Math.abs(map.ratePpm - ppm)).toBeLessThan(0.5);
  });

  test.each([80, -80])('learns the rate of a device that is off by %d ppm', (ppm) => {
    const { map, run, errorUs } = watch({ ppm, latenessUs: 40, noiseUs: 5 });
    run(20 * second);
    expect(Math.abs(map.ratePpm - ppm)).toBeLessThan(2);
    expect(Math.abs(errorUs(2 * second))).toBeLessThan(15);
    expect(map.spreadUs).toBeLessThan(15);
  });

  test('believes the earliest polls: lateness hardly shows', () => {
    const { run, errorUs } = watch({ latenessUs: 400 });
    run(20 * second);
    expect(errorUs()).toBeGreaterThan(0);
    expect(errorUs()).toBeLessThan(100);
  });

  test('frameAt and localUsAt are inverse', () => {
    const { map, run } = watch({ ppm: 50, latenessUs: 100 });
    run(12 * second);
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 48_000 * 86_400 }), (frame) => {
        // Local time is whole microseconds, which are 0.048 frames.
        expect(Math.abs(map.frameAt(map.localUsAt(frame)!)! - frame)).toBeLessThan(0.03);
      }),
    );
  });

  test('an underrun is a step: told with its size, and the map is right again at once', () => {
    const { dac, map, steps, run, errorUs } = watch({ ppm: 80, latenessUs: 40 });
    dac.underrun(10 * second, 90_000);
    run(10 * second);
    expect(steps).toEqual([]);
    run(10.4 * second);
    expect(steps).toHaveLength(1);
    expect(Math.abs(steps[0]!.byUs - 90_000)).toBeLessThan(100);
    expect(Math.abs(errorUs(2 * second))).toBeLessThan(60);
    expect(Math.abs(map.ratePpm - 80)).toBeLessThan(4);
    run(40 * second);
    expect(steps).toHaveLength(1);
  });

  test('seconds in which every poll is late by milliseconds do not move it', () => {
    const { map, steps, run, errorUs } = watch({ ppm: 80, latenessUs: 40 });
    const random = new Random(7);
    run(10 * second);
    // Two seconds of every three, as on a machine that has too much to do.
    run(19 * second, { lateUs: (atUs) => (atUs % (3 * second) < 2 * second ? 1500 + random.exponential(3000) : 0) });
    run(20 * second);
    expect(steps).toEqual([]);
    expect(Math.abs(errorUs(2 * second))).toBeLessThan(30);
    expect(Math.abs(map.ratePpm - 80)).toBeLessThan(4);
  });

  test('ten seconds in which no poll is on time are no other rate', () => {
    const { map, run, errorUs } = watch({ ppm: 80, latenessUs: 40 });
    const random = new Random(7);
    run(60 * second);
    run(70 * second, {
      lateUs: () => 80 + random.exponential(300),
      check: () => expect(Math.abs(errorUs())).toBeLessThan(30),
    });
    run(90 * second);
    expect(Math.abs(errorUs(2 * second))).toBeLessThan(15);
    expect(Math.abs(map.ratePpm - 80)).toBeLessThan(1);
  });

  test('after a loss of whole blocks the map is as exact as before, at once', () => {
    const { dac, steps, run, errorUs } = watch({ ppm: 80, latenessUs: 40 });
    run(60 * second);
    const beforeUs = errorUs();
    dac.underrun(60 * second, 64_000);
    const random = new Random(9);
    run(70 * second, {
      everyUs: 60_000,
      lateUs: () => random.exponential(300),
      check: () => {
        if (steps.length > 0) expect(Math.abs(errorUs() - beforeUs)).toBeLessThan(10);
      },
    });
    expect(steps.map(({ byUs }) => Math.round(byUs / 1000))).toEqual([64]);
  });

  test('where every poll came late after such a loss, it is so a few seconds later', () => {
    const { dac, steps, run, errorUs } = watch({ ppm: 80, latenessUs: 40 });
    run(60 * second);
    const beforeUs = errorUs();
    dac.underrun(60 * second, 64_000);
    const random = new Random(9);
    run(64.5 * second, { everyUs: 60_000, lateUs: (atUs) => (atUs < 60.7 * second ? 2000 : random.exponential(300)) });
    expect(steps).toHaveLength(1);
    expect(Math.abs(errorUs() - beforeUs)).toBeLessThan(10);
    run(80 * second);
    expect(Math.abs(errorUs(2 * second) - beforeUs)).toBeLessThan(10);
  });

  test('a loss that is almost of whole blocks is told from them after a few seconds', () => {
    const { dac, steps, run, errorUs } = watch({ ppm: 80, latenessUs: 40 });
    run(60 * second);
    dac.underrun(60 * second, 64_400);
    run(64 * second);
    expect(steps).toHaveLength(1);
    expect(Math.abs(errorUs(2 * second))).toBeLessThan(30);
  });

  test('two underruns in one second do not unsettle the rate, however late the polls come after them', () => {
    const { dac, map, steps, run, errorUs } = watch({ ppm: 80, latenessUs: 40 });
    const random = new Random(9);
    dac.underrun(60 * second, 45_000);
    dac.underrun(60.8 * second, 25_000);
    run(61.5 * second);
    expect(steps).toHaveLength(2);
    run(70 * second, {
      everyUs: 60_000,
      lateUs: () => random.exponential(300),
      check: () => expect(Math.abs(map.ratePpm - 80)).toBeLessThan(3),
    });
    run(80 * second);
    expect(Math.abs(errorUs(2 * second))).toBeLessThan(15);
  });

  test('a loss of less than a quantum is a step after three seconds', () => {
    const { dac, map, steps, run, errorUs } = watch({ ppm: 80, latenessUs: 40 });
    dac.underrun(10 * second, 3000);
    run(12.9 * second);
    expect(steps).toEqual([]);
    run(13.5 * second);
    expect(steps).toHaveLength(1);
    expect(Math.abs(steps[0]!.byUs - 3000)).toBeLessThan(60);
    expect(Math.abs(errorUs(2 * second))).toBeLessThan(60);
    expect(Math.abs(map.ratePpm - 80)).toBeLessThan(4);
  });

  test('a few late polls are no step', () => {
    const { map, steps, dac, run } = watch({});
    run(10 * second);
    const before = map.localUsAt(1e6);
    for (const atUs of [10, 10.05, 10.1, 10.15]) {
      const sample = dac.poll(atUs * second);
      map.add({ ...sample, localUs: localUs(sample.localUs + 200_000) });
    }
    expect(steps).toEqual([]);
    run(11 * second);
    expect(steps).toEqual([]);
    expect(Math.abs(map.localUsAt(1e6)! - before!)).toBeLessThanOrEqual(1);
  });

  test('polls that find the same frame again say nothing, however long the device stands still', () => {
    const { map, steps, dac, run } = watch({ latenessUs: 40 });
    run(10 * second);
    const last = dac.poll(10 * second);
    map.add(last);
    const before = map.localUsAt(1e6);
    for (let lateUs = 0; lateUs < 500_000; lateUs += 5000) map.add({ ...last, localUs: localUs(last.localUs + lateUs) });
    expect(steps).toEqual([]);
    expect(map.localUsAt(1e6)).toBe(before);
  });

  test('a device that stumbles again and again is no rate: the map waits until it rests, and never leaves what crystals can do', () => {
    const map = new DeviceMap({ sampleRate: 48_000, stepFrames: 512 });
    const stallUs = 21_333;
    let lateUs = 0;
    const observe = (callback: number): void => {
      map.add({ localUs: localUs(Math.round((callback * 1024 * 1e6) / 48_000 + lateUs)), deviceFrame: callback * 1024 });
    };
    for (let callback = 0; callback < 500; callback += 1) {
      if (callback > 100 && callback < 300 && callback % 3 === 0) lateUs += stallUs;
      observe(callback);
      expect(Math.abs(map.ratePpm)).toBeLessThanOrEqual(300);
    }
    const frame = 500 * 1024;
    expect(Math.abs(map.localUsAt(frame)! - ((frame * 1e6) / 48_000 + lateUs))).toBeLessThan(50);
    expect(Math.abs(map.ratePpm)).toBeLessThan(5);
  });

  test('a clock that is set back is a step too', () => {
    const steps: DeviceStep[] = [];
    const map = new DeviceMap({ sampleRate: 1000, stepFrames: 10, onStep: (step) => steps.push(step) });
    for (let frame = 0; frame < 10_000; frame += 10) {
      map.add({ deviceFrame: frame, localUs: (frame * 1000 - (frame >= 5000 ? 30_000 : 0)) as LocalUs });
    }
    expect(steps.map(({ byUs }) => Math.round(byUs))).toEqual([-30_000]);
    expect(map.localUsAt(20_000)).toBe(19_970_000);
  });

  test.each([5, -5, 20, -20, 100, -100])('a clock that is slewed by %d ppm from some moment on is followed', (ppm) => {
    const random = new Random(3);
    const steps: DeviceStep[] = [];
    const map = new DeviceMap({ sampleRate: 48_000, stepFrames: 1024, onStep: (step) => steps.push(step) });
    const changeSeconds = 200;
    const trueUs = (frame: number): number => {
      const seconds = frame / 48_000;
      return seconds * 1e6 + Math.max(0, seconds - changeSeconds) * ppm;
    };
    for (let frame = 0; frame < 300 * 48_000; frame += 4096) {
      map.add({ deviceFrame: frame, localUs: Math.round(trueUs(frame) + random.exponential(40)) as LocalUs });
      const sinceSeconds = frame / 48_000 - changeSeconds;
      const errorUs = (map.localUsAt(frame) ?? 0) - trueUs(frame);
      if (sinceSeconds > -100 && sinceSeconds <= 0) expect(Math.abs(errorUs)).toBeLessThan(15);
      if (sinceSeconds > 40) expect(Math.abs(errorUs), `${sinceSeconds} s later`).toBeLessThan(40);
    }
    // What crystals and time servers do is no step; beyond that it is at most a few.
    expect(steps.length).toBeLessThanOrEqual(Math.abs(ppm) <= 20 ? 0 : 3);
  });

  test('a reset forgets where it was, but not how fast', () => {
    const { map, run } = watch({ ppm: 80 });
    run(20 * second);
    map.reset();
    expect(map.isReady).toBe(false);
    expect(Math.abs(map.ratePpm - 80)).toBeLessThan(1);
  });
});
