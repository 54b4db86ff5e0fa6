import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { boundUsAt, identityClockMap, localUs, toLocal, toSession, type SessionUs } from '@tutti/sync';
import { linkProfiles } from './virtual/link-profiles.ts';
import { VirtualClock } from './virtual/virtual-clock.ts';
import { VirtualDac } from './virtual/virtual-dac.ts';
import { VirtualLink } from './virtual/virtual-link.ts';
import { VirtualNode } from './virtual/virtual-node.ts';
import { VirtualPlayer } from './virtual/virtual-player.ts';
import { VirtualWorld } from './virtual/virtual-world.ts';

const seeds = fc.integer({ min: 1, max: 1_000_000 });
const offsets = fc.integer({ min: 0, max: 1e13 });
const ppms = fc.integer({ min: -100, max: 100 });

describe('conversions against clocks that the test knows', () => {
  const worlds = fc.record({
    seed: seeds,
    host: fc.record({ offsetUs: offsets, ppm: ppms, wanderPpm: fc.constantFrom(0, 0.01) }),
    clock: fc.record({ offsetUs: offsets, ppm: ppms, wanderPpm: fc.constantFrom(0, 0.01) }),
    profile: fc.constantFrom(...Object.values(linkProfiles)),
    seconds: fc.integer({ min: 2, max: 60 }),
  });

  test('both ways stay within the bound, now and a little ahead', () => {
    fc.assert(
      fc.property(worlds, ({ seed, host: hostOptions, clock: clockOptions, profile, seconds }) => {
        const world = new VirtualWorld();
        const host = new VirtualClock({ seed, ...hostOptions });
        const clock = new VirtualClock({ seed: seed + 1, ...clockOptions });
        const node = new VirtualNode({ world, host, clock, link: new VirtualLink(profile, seed + 2) });
        world.runUntil(seconds * 1e6);
        const map = node.client.map!;
        for (const trueUs of [world.nowUs, world.nowUs + 2e6]) {
          const local = localUs(clock.at(trueUs));
          const session = host.at(trueUs) as SessionUs;
          // Both clocks are read in whole microseconds.
          const boundUs = boundUsAt(map, local) + 2;
          expect(Math.abs(toSession(map, local) - session)).toBeLessThanOrEqual(boundUs);
          expect(Math.abs(toLocal(map, session) - local)).toBeLessThanOrEqual(boundUs);
        }
      }),
      { numRuns: 200 },
    );
  });
});

describe('the first frame', () => {
  const devices = fc.record({
    sampleRate: fc.constantFrom(44_100, 48_000, 96_000),
    quantumFrames: fc.constantFrom(128, 441, 1024, 2048),
    latencyUs: fc.integer({ min: 0, max: 200_000 }),
  });

  test('is right to the frame when nothing is noisy, whatever the device', () => {
    fc.assert(
      fc.property(devices, offsets, fc.constantFrom(100_000, 2_000_000), (device, offsetUs, leadUs) => {
        const world = new VirtualWorld();
        const clock = new VirtualClock({ seed: 1, offsetUs });
        const dac = new VirtualDac({ seed: 2, clock, ...device });
        const map = identityClockMap(localUs(0));
        const player = new VirtualPlayer({ world, clock, host: clock, dac, map: () => map, leadUs });
        world.runUntil(3e6);
        expect(Math.abs(player.heard[0]!.errorUs)).toBeLessThanOrEqual(1e6 / device.sampleRate);
      }),
      { numRuns: 100 },
    );
  });
});
