import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  AutomationLane,
  GainCurve,
  gainOfDecibels,
  gainRampSeconds,
  placeAutomation,
  sessionUs,
  silenceDb,
  SyncError,
  unityDb,
  volumeDb,
  type AutomationPoint,
  type SessionUs,
} from '@tutti/sync';
import { defaultPpqn, tempo, ticks, type MusicalLine } from '@tutti/sync/musical';

const rate = 48_000;
const rampFrames = Math.round(gainRampSeconds * rate);
const frameAt = (atUs: SessionUs): number => (atUs * rate) / 1e6;
const beat: MusicalLine = { t0Us: sessionUs(2_000_000), tick0: ticks(0), tempo: tempo(120), ppqn: defaultPpqn };

describe('volume', () => {
  test('is −96 to 0 dBFS, and −96 is silence', () => {
    expect(gainOfDecibels(unityDb)).toBe(1);
    expect(gainOfDecibels(-6)).toBeCloseTo(0.501, 3);
    expect(gainOfDecibels(-20)).toBeCloseTo(0.1, 6);
    expect(gainOfDecibels(silenceDb)).toBe(0);
    expect([volumeDb(-96), volumeDb(0)]).toEqual([-96, 0]);
    for (const value of [1, -100, Number.NaN]) expect(() => volumeDb(value)).toThrow(SyncError);
  });
});

describe('gain curve', () => {
  test('a change is a straight ramp of 5 ms that begins at its frame', () => {
    const curve = new GainCurve(0, rampFrames);
    curve.set(1000, silenceDb);
    expect(rampFrames).toBe(240);
    expect([curve.at(0), curve.at(1000), curve.at(1120), curve.at(1240), curve.at(9999)]).toEqual([1, 1, 0.5, 0, 0]);
  });

  test('a change within a ramp goes on from where that is', () => {
    const curve = new GainCurve(0, rampFrames);
    curve.set(1000, silenceDb);
    curve.set(1120, 0);
    expect(curve.at(1120)).toBe(0.5);
    expect(curve.at(1240)).toBe(0.75);
    expect(curve.at(1360)).toBe(1);
  });

  test('a change voids what was to come later, and what is past can be forgotten', () => {
    const curve = new GainCurve(0, rampFrames);
    curve.set(1000, -6);
    curve.set(5000, silenceDb);
    curve.set(3000, 0);
    expect(curve.at(9000)).toBe(1);
    const [before, within] = [curve.at(3100), curve.at(3200)];
    curve.forgetBefore(3050);
    expect([curve.at(3100), curve.at(3200)]).toEqual([before, within]);
  });

  test('blocks of any length, rendered again or not, are scaled by the gain of each frame', () => {
    const changes = fc.array(fc.record({ frame: fc.nat(2000), decibels: fc.constantFrom(-96, -20, -6, -3, 0) }), { maxLength: 8 });
    const cuts = fc.array(fc.nat(2400), { maxLength: 6 });
    fc.assert(
      fc.property(changes, cuts, (sets, at) => {
        const curve = new GainCurve(-1, rampFrames);
        for (const { frame, decibels } of sets.toSorted((a, b) => a.frame - b.frame)) curve.set(frame, decibels);
        const samples = new Float32Array(2400 * 2).fill(1);
        const edges = [...new Set([0, ...at, 2400])].sort((a, b) => a - b);
        for (const [index, edge] of edges.slice(0, -1).entries()) {
          curve.apply(samples.subarray(edge * 2, edges[index + 1]! * 2), edge, 2);
        }
        const expected = Float32Array.from({ length: 2400 * 2 }, (_, sample) => curve.at(Math.floor(sample / 2)));
        expect(samples).toEqual(expected);
      }),
    );
  });
});

describe('automation', () => {
  test('a recorded fader moves at its ticks, to the sample', () => {
    const fader = [0, 480, 960, 1920].map((tick, index) => ({ tick: ticks(tick), volumeDb: [0, -3, -6, silenceDb][index]! }));
    const lane = new AutomationLane();
    expect(lane.add(placeAutomation(fader, beat))).toBe(2_000_000);
    const curve = lane.curve(frameAt, rampFrames);
    // Tick 480 is a quarter of a second after the line began.
    const frame = 2.25 * rate;
    expect(curve.at(frame)).toBe(1);
    expect(curve.at(frame + 1)).toBeLessThan(1);
    expect(curve.at(frame + rampFrames)).toBeCloseTo(gainOfDecibels(-3), 12);
    expect(curve.at(3 * rate)).toBeCloseTo(gainOfDecibels(-6), 12);
    expect(curve.at(3 * rate + rampFrames)).toBe(0);
  });

  test('the mute sequence survives JSON, and a mute leaves the volume alone', () => {
    const recorded: AutomationPoint[] = [
      { tick: ticks(0), muted: true },
      { tick: ticks(0), volumeDb: -6 },
      { tick: ticks(960), muted: false },
    ];
    const sent = JSON.parse(JSON.stringify(recorded)) as AutomationPoint[];
    expect(sent).toEqual(recorded);
    const lane = new AutomationLane();
    lane.add(placeAutomation(sent, beat));
    const curve = lane.curve(frameAt, rampFrames);
    expect(curve.at(2 * rate + rampFrames)).toBe(0);
    expect(curve.at(2.5 * rate)).toBe(0);
    expect(curve.at(2.5 * rate + rampFrames)).toBeCloseTo(gainOfDecibels(-6), 12);
  });

  test('is the same on every node: only the order of arrival may differ', () => {
    const points = Array.from({ length: 20 }, (_, index) => ({ atUs: sessionUs(index * 50_000 + index), volumeDb: -index }));
    const all = new AutomationLane();
    all.add(points);
    fc.assert(
      fc.property(fc.shuffledSubarray(points, { minLength: 20 }), (shuffled) => {
        const lane = new AutomationLane();
        for (const point of shuffled) lane.add([point]);
        const [a, b] = [all.curve(frameAt, rampFrames), lane.curve(frameAt, rampFrames)];
        for (let frame = 0; frame < rate; frame += 97) expect(b.at(frame)).toBe(a.at(frame));
      }),
    );
  });

  test('forgets the past without changing what follows', () => {
    const lane = new AutomationLane();
    lane.add([
      { atUs: sessionUs(0), volumeDb: -20 },
      { atUs: sessionUs(1_000_000), muted: true },
      { atUs: sessionUs(2_000_000), muted: false },
    ]);
    const before = lane.curve(frameAt, rampFrames);
    lane.forgetBefore(sessionUs(1_500_000));
    const after = lane.curve(frameAt, rampFrames);
    for (const frame of [1.5, 2, 2.002, 3]) expect(after.at(frame * rate)).toBe(before.at(frame * rate));
    lane.forgetBefore(sessionUs(9_000_000));
    expect(lane.isIdle).toBe(false);
    expect(lane.curve(frameAt, rampFrames).at(0)).toBeCloseTo(0.1, 12);
    expect(new AutomationLane().isIdle).toBe(true);
  });
});
