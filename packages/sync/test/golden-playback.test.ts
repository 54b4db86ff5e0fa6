import { describe, expect, test } from 'vitest';
import { identityClockMap, localUs } from '@tutti/sync';
import { linkProfiles } from './virtual/link-profiles.ts';
import { pair, percentile } from './virtual/survey.ts';
import { VirtualClock } from './virtual/virtual-clock.ts';
import { VirtualDac } from './virtual/virtual-dac.ts';
import { VirtualNode } from './virtual/virtual-node.ts';
import { VirtualPlayer } from './virtual/virtual-player.ts';
import { VirtualWorld } from './virtual/virtual-world.ts';

const second = 1_000_000;
/** Polls close to the callback, a crystal that wanders, 21 ms to the ear. */
const native = { wanderPpm: 0.01, latencyUs: 21_333, latenessUs: 40, noiseUs: 5 } as const;

interface Party {
  readonly seed: number;
  readonly nodes: number;
  readonly seconds: number;
  readonly leadUs: number;
  readonly playFromUs?: number;
}

/** Nodes on a LAN with devices of +80 and −80 ppm in turn, and what each of them made heard. */
function play({ seed, nodes, seconds, leadUs, playFromUs = 0 }: Party): VirtualPlayer[] {
  const world = new VirtualWorld();
  const { host } = pair(seed, linkProfiles.lan);
  const players = Array.from({ length: nodes }, (_, index) => {
    const { clock, link } = pair(seed + index, linkProfiles.lan);
    const node = new VirtualNode({ world, clock, host, link });
    const dac = new VirtualDac({ seed: 1000 * seed + index, clock, ppm: index % 2 === 0 ? 80 : -80, ...native });
    return new VirtualPlayer({ world, clock, host, dac, map: () => node.client.map, leadUs, playFromUs });
  });
  world.runUntil(seconds * second);
  return players;
}

/** |error| of what was heard from a true time on, in microseconds. */
function errorsFrom(player: VirtualPlayer, fromUs: number): number[] {
  return player.heard.filter(({ atUs }) => atUs > fromUs).map(({ errorUs }) => Math.abs(errorUs));
}

describe('playback in step, in the simulated world', () => {
  test.each([200_000, 2_000_000])('devices of ±80 ppm stay within a sample of 48 kHz with %d µs queued', (leadUs) => {
    const players = [1, 2, 3].flatMap((seed) => play({ seed: 10 * seed, nodes: 4, seconds: 200, leadUs }));
    const errorsUs = players.flatMap((player) => errorsFrom(player, 30 * second));
    expect(percentile(errorsUs, 0.95)).toBeLessThanOrEqual(21);
    expect(percentile(errorsUs, 1)).toBeLessThanOrEqual(40);
    expect(players.reduce((sum, { snaps }) => sum + snaps, 0)).toBe(0);
  });

  test('nodes that have known their clocks for ten seconds are in step from the first frame on', () => {
    const players = [1, 2, 3].flatMap((seed) =>
      play({ seed: 10 * seed, nodes: 4, seconds: 40, leadUs: 2_000_000, playFromUs: 10 * second }),
    );
    expect(
      percentile(
        players.flatMap((player) => errorsFrom(player, 0)),
        1,
      ),
    ).toBeLessThanOrEqual(40);
  });

  test('a device that was opened just now is in step ten seconds later', () => {
    const players = [1, 2, 3].flatMap((seed) => play({ seed: 10 * seed, nodes: 4, seconds: 30, leadUs: 200_000 }));
    expect(
      percentile(
        players.flatMap((player) => errorsFrom(player, 0)),
        1,
      ),
    ).toBeLessThanOrEqual(500);
    expect(
      percentile(
        players.flatMap((player) => errorsFrom(player, 12 * second)),
        1,
      ),
    ).toBeLessThanOrEqual(60);
  });

  test('without any noise the first frame is right to the frame', () => {
    const world = new VirtualWorld();
    const clock = new VirtualClock({ seed: 1, offsetUs: 77_000_000 });
    const dac = new VirtualDac({ seed: 2, clock, latencyUs: 21_333 });
    const map = identityClockMap(localUs(0));
    const player = new VirtualPlayer({ world, clock, host: clock, dac, map: () => map, leadUs: 200_000 });
    world.runUntil(10 * second);
    expect(Math.abs(player.heard[0]!.errorUs)).toBeLessThan(1e6 / 48_000);
    expect(percentile(errorsFrom(player, 0), 1)).toBeLessThan(1e6 / 48_000);
  });

  test('after an underrun it is back in step within a second and a half, with one jump', () => {
    const world = new VirtualWorld();
    const { clock, host, link } = pair(5, linkProfiles.lan);
    const node = new VirtualNode({ world, clock, host, link });
    const dac = new VirtualDac({ seed: 6, clock, ppm: 80, ...native });
    dac.underrun(60 * second, 120_000);
    const player = new VirtualPlayer({ world, clock, host, dac, map: () => node.client.map, leadUs: 200_000 });
    world.runUntil(120 * second);
    expect(player.steps).toHaveLength(1);
    expect(player.snaps).toBe(1);
    expect(percentile(errorsFrom(player, 61.5 * second), 1)).toBeLessThan(100);
  });
});
