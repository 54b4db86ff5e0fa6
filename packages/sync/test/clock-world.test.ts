import { describe, expect, test, vi } from 'vitest';
import { identityClockMap, localUs, SessionClock, type ClockClientEvent } from '@tutti/sync';
import { linkProfiles } from './virtual/link-profiles.ts';
import { pair } from './virtual/survey.ts';
import { VirtualClock } from './virtual/virtual-clock.ts';
import { VirtualLink, type LinkProfile } from './virtual/virtual-link.ts';
import { VirtualNode } from './virtual/virtual-node.ts';
import { VirtualWorld } from './virtual/virtual-world.ts';

const second = 1_000_000;

function solo(seed: number, profile: LinkProfile = linkProfiles.lan) {
  const world = new VirtualWorld();
  const parts = pair(seed, profile);
  const events: ClockClientEvent[] = [];
  const node = new VirtualNode({ world, ...parts, wallUs: (trueUs) => trueUs, onEvent: (event) => events.push(event) });
  return { world, ...parts, node, events };
}

/** Runs on in steps of 100 ms, and returns the largest error and whether it ever exceeded its bound. */
function watch(world: VirtualWorld, node: VirtualNode, untilUs: number): { readonly worstUs: number; readonly isHonest: boolean } {
  let worstUs = 0;
  let isHonest = true;
  while (world.nowUs < untilUs) {
    world.runUntil(Math.min(untilUs, world.nowUs + 100_000));
    if (node.error === undefined) continue;
    worstUs = Math.max(worstUs, Math.abs(node.error.us));
    isHonest &&= Math.abs(node.error.us) <= node.error.boundUs;
  }
  return { worstUs, isHonest };
}

describe('clock client', () => {
  test('knows the sign: a host that is ahead and faster reads ahead and faster', () => {
    const world = new VirtualWorld();
    const host = new VirtualClock({ seed: 1, offsetUs: 7_000_000, ppm: 30 });
    const clock = new VirtualClock({ seed: 2, offsetUs: 2_000_000, ppm: -20 });
    const link = new VirtualLink(linkProfiles.lan, 3);
    const node = new VirtualNode({ world, host, clock, link });
    world.runUntil(120 * second);
    expect(node.client.map!.offsetUs).toBeGreaterThan(5_000_000);
    expect(Math.abs(node.client.map!.skewPpm - 50)).toBeLessThan(1);
    expect(Math.abs(node.error!.us)).toBeLessThan(10);
  });

  test('has a map after the first group, and is ready after four', () => {
    const { world, node, events } = solo(1, linkProfiles.wan);
    world.runUntil(second);
    const maps = events.filter((event) => event.type === 'map');
    expect(maps.map(({ isReady }) => isReady).indexOf(true)).toBe(3);
    expect(node.client.isReady).toBe(true);
  });

  test('sends two probes a second once settled, and no more than twice that at the join', () => {
    const world = new VirtualWorld();
    let sent = 0;
    const { host, clock, link } = pair(1, linkProfiles.lan);
    const counted = { arrivals: (way: 'up' | 'down', us: number) => ((sent += way === 'up' ? 1 : 0), link.arrivals(way, us)) };
    const node = new VirtualNode({ world, host, clock, link: counted as VirtualLink });
    world.runUntil(10 * second);
    expect(sent).toBeLessThanOrEqual(16 + 20 * 4);
    sent = 0;
    world.runUntil(110 * second);
    expect(sent).toBeGreaterThanOrEqual(196);
    expect(sent).toBeLessThanOrEqual(204);
    node.client.close();
    sent = 0;
    world.runUntil(120 * second);
    expect(sent).toBe(0);
  });

  test('measures anew after a sleep of 30 s, although its clock stood still', () => {
    const { world, clock, node } = solo(2);
    watch(world, node, 60 * second);
    const before = node.client.map!.validFromUs;
    clock.suspend(60 * second, 30 * second);
    world.runUntil(90.5 * second);
    expect(node.client.map!.validFromUs).toBeGreaterThan(before);
    expect(Math.abs(node.error!.us)).toBeLessThanOrEqual(node.error!.boundUs);
    const { worstUs, isHonest } = watch(world, node, 150 * second);
    expect(isHonest).toBe(true);
    expect(worstUs).toBeLessThan(50);
  });

  test('without a wall clock it notices the sleep with the next group', () => {
    const world = new VirtualWorld();
    const parts = pair(2, linkProfiles.lan);
    const node = new VirtualNode({ world, ...parts });
    world.runUntil(60 * second);
    parts.clock.suspend(60 * second, 30 * second);
    world.runUntil(93 * second);
    expect(Math.abs(node.error!.us)).toBeLessThan(50);
  });

  test('a stopped process tells that its map is lost, and is back at once', () => {
    const { world, node, events } = solo(3);
    world.runUntil(60 * second);
    node.freeze(10 * second);
    world.runUntil(70.6 * second);
    expect(events.map(({ type }) => type)).toContain('lost');
    expect(node.client.isReady).toBe(true);
    expect(watch(world, node, 90 * second)).toMatchObject({ isHonest: true });
  });

  test('a wall clock that is set by an hour, here or at the host, changes nothing', () => {
    const world = new VirtualWorld();
    const events: ClockClientEvent[] = [];
    const wallUs = (trueUs: number): number => trueUs + (trueUs > 60 * second ? 3600 * second : 0);
    const node = new VirtualNode({ world, ...pair(4, linkProfiles.lan), wallUs, onEvent: (event) => events.push(event) });
    world.runUntil(59 * second);
    const { validFromUs } = node.client.map!;
    const { worstUs, isHonest } = watch(world, node, 90 * second);
    expect(worstUs).toBeLessThan(10);
    expect(isHonest).toBe(true);
    expect(node.client.map!.validFromUs).toBe(validFromUs);
    expect(events.some(({ type }) => type === 'lost')).toBe(false);
  });

  test('a node that is killed and started again is in time within half a second', () => {
    const { world, node } = solo(5);
    world.runUntil(60 * second);
    node.restart();
    expect(node.error).toBeUndefined();
    world.runUntil(60.5 * second);
    expect(node.client.isReady).toBe(true);
    expect(Math.abs(node.error!.us)).toBeLessThan(50);
  });

  test('says once that nobody answers, and keeps an honest map of what it knew', () => {
    const { world, link, node, events } = solo(6);
    world.runUntil(60 * second);
    link.arrivals = () => [];
    expect(watch(world, node, 360 * second)).toMatchObject({ isHonest: true });
    expect(events.filter(({ type }) => type === 'silent')).toHaveLength(1);
  });

  test('measures a path that is slower than its patience, at the same pace', () => {
    const far = { baseUs: 300_000, jitterUs: 1000 };
    const { world, link, node } = solo(8, { up: far, down: far });
    const send = vi.spyOn(link, 'arrivals');
    world.runUntil(20 * second);
    expect(node.client.isReady).toBe(true);
    expect(Math.abs(node.error!.us)).toBeLessThan(2000);
    send.mockClear();
    world.runUntil(120 * second);
    expect(send.mock.calls.filter(([way]) => way === 'up').length).toBeLessThanOrEqual(204);
  });

  test('an answer that comes after its group was closed does not begin the next one', () => {
    const { world, link } = solo(10);
    world.runUntil(20 * second);
    const direct = link.arrivals.bind(link);
    let sent = 0;
    link.arrivals = (way, trueUs) => {
      sent += way === 'up' ? 1 : 0;
      // The last of each group comes back after its patience.
      return direct(way, trueUs).map((us) => us + (way === 'down' && sent % 4 === 0 ? 300_000 : 0));
    };
    world.runUntil(120 * second);
    expect(sent).toBeGreaterThanOrEqual(190);
    expect(sent).toBeLessThanOrEqual(204);
  });

  test.each([
    ['up', 2000],
    ['up', 10_000],
    ['down', 300],
    ['down', 10_000],
  ] as const)('a path that is longer %s by %d µs for a while moves the estimate, but never beyond its bound', (way, longerUs) => {
    const { world, link, node } = solo(9);
    const direct = link.arrivals.bind(link);
    const { lan } = linkProfiles;
    const detour = new VirtualLink({ ...lan, [way]: { ...lan[way], baseUs: lan[way].baseUs + longerUs } }, 9);
    world.runUntil(60 * second);
    link.arrivals = (direction, trueUs) => detour.arrivals(direction, trueUs);
    expect(watch(world, node, 400 * second)).toMatchObject({ isHonest: true });
    expect(node.error!.boundUs).toBeGreaterThan(longerUs / 2);
    const { skewPpm } = node.client.map!;
    link.arrivals = direct;
    expect(watch(world, node, 700 * second)).toMatchObject({ isHonest: true });
    expect(Math.abs(node.error!.us)).toBeLessThan(10);
    expect(Math.abs(node.client.map!.skewPpm - skewPpm)).toBeLessThan(1);
  });

  test('ignores answers that nobody waits for', () => {
    const { world, node } = solo(7);
    world.runUntil(60 * second);
    const before = node.client.map;
    const t1Us = node.nowUs;
    for (const sequence of [0, 1, 2 ** 31]) {
      node.client.receive({ sequence, t1Us, t2Us: 0 as never, t3Us: 0 as never }, t1Us);
    }
    expect(node.client.map).toEqual(before);
  });
});

describe('session clock', () => {
  test('never runs backwards while maps follow one another', () => {
    for (let seed = 1; seed <= 20; seed += 1) {
      const world = new VirtualWorld();
      const session = new SessionClock();
      const onEvent = (event: ClockClientEvent): void => {
        if (event.type === 'map') session.follow(event.map);
      };
      const node = new VirtualNode({ world, ...pair(seed, linkProfiles.busyWifi), onEvent });
      let last = 0;
      let backwards = 0;
      for (let atUs = 500_000; atUs < 30 * second; atUs += 1000) {
        world.runUntil(atUs);
        const now = session.at(node.nowUs) ?? 0;
        if (now < last) backwards += 1;
        last = now;
      }
      expect(backwards).toBe(0);
      expect(last).toBeGreaterThan(5_000 * second);
    }
  });

  test('stands still where a newer map says less, and is set back only by one that begins anew', () => {
    const session = new SessionClock();
    const map = { ...identityClockMap(localUs(0)), offsetUs: 1000 };
    expect(session.at(localUs(5))).toBeUndefined();
    session.follow(map);
    expect(session.at(localUs(5000))).toBe(6000);
    session.follow({ ...map, offsetUs: 400 });
    expect(session.at(localUs(5100))).toBe(6000);
    expect(session.at(localUs(5700))).toBe(6100);
    session.follow({ ...map, offsetUs: -5000, validFromUs: localUs(5800) });
    expect(session.at(localUs(5900))).toBe(900);
  });
});

describe('a large party', () => {
  test('a hundred nodes of one host agree, and their bounds hold', () => {
    const world = new VirtualWorld();
    const { host } = pair(1, linkProfiles.lan);
    const nodes = Array.from({ length: 100 }, (_, index) => {
      const { clock, link } = pair(index + 1, index % 4 === 0 ? linkProfiles.wifi : linkProfiles.lan);
      return new VirtualNode({ world, host, clock, link });
    });
    const worst = { lanUs: 0, wifiUs: 0, violations: 0 };
    for (let atUs = 30 * second; atUs <= 600 * second; atUs += second) {
      world.runUntil(atUs);
      for (const [index, { error }] of nodes.entries()) {
        const key = index % 4 === 0 ? 'wifiUs' : 'lanUs';
        worst[key] = Math.max(worst[key], Math.abs(error!.us));
        if (Math.abs(error!.us) > error!.boundUs) worst.violations += 1;
      }
    }
    expect(worst.violations).toBe(0);
    expect(worst.lanUs).toBeLessThanOrEqual(15);
    expect(worst.wifiUs).toBeLessThanOrEqual(500);
  });

  const isLong = process.env['TUTTI_SYNC_SOAK'] !== undefined;
  const count = isLong ? 100 : 4;
  test(`${count} nodes stay in time for 24 hours`, { timeout: isLong ? 1_800_000 : 120_000 }, () => {
    const profiles = [linkProfiles.lan, linkProfiles.wifi, linkProfiles.busyWifi, linkProfiles.relay];
    for (let seed = 1; seed <= count; seed += 1) {
      const world = new VirtualWorld();
      const node = new VirtualNode({ world, ...pair(seed, profiles[seed % profiles.length]!) });
      let violations = 0;
      for (let atUs = 30 * second; atUs <= 86_400 * second; atUs += second) {
        world.runUntil(atUs);
        if (Math.abs(node.error!.us) > node.error!.boundUs) violations += 1;
      }
      expect(violations).toBe(0);
      node.client.close();
    }
  });
});
