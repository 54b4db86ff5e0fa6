import { boundUsAt, toSession } from '@tutti/sync';
import { monotonicUs } from '@tutti/sync/monotonic';
import { describe, expect, test } from 'vitest';
import { hostParty, joinParty, type TestNode } from './party-rig.ts';
import { startTcpRelay } from './tcp-relay.ts';
import { startUdpRelay, type UdpPath } from './udp-relay.ts';

/** Joins over a path of which the clock's datagrams see the bad side; gives the node once it trusts its clock. */
async function joinOver(path: UdpPath, use: (node: TestNode, datagrams: () => number) => Promise<void>): Promise<void> {
  await using party = await hostParty();
  await using udp = await startUdpRelay(party.host.clockPort, path);
  await using tcp = await startTcpRelay(party.host.port);
  tcp.rewrite = (bytes) =>
    Buffer.from(bytes.toString('latin1').replace(`"clockPort":${party.host.clockPort}`, `"clockPort":${udp.port}`), 'latin1');
  await using node = await joinParty(party, { port: tcp.port });
  await node.until((event) => event.type === 'clock' && event.event.type === 'map' && event.event.isReady);
  await use(node, () => udp.receivedCount);
}

/** On one machine session time is local time: what the map says beyond that is its error. */
function expectBoundHolds(node: TestNode): void {
  const maps = node.events.flatMap((event) => (event.type === 'clock' && event.event.type === 'map' ? [event.event.map] : []));
  expect(maps.length).toBeGreaterThan(0);
  for (const map of maps) {
    const errorUs = Math.abs(toSession(map, map.referenceUs) - map.referenceUs);
    expect(errorUs).toBeLessThanOrEqual(boundUsAt(map, map.referenceUs));
  }
}

describe('the clock', () => {
  test('keeps its bound over a path with 20 ± 20 ms of jitter, 5 % of loss and asymmetry', async () => {
    await joinOver({ upMs: [0, 40], downMs: [10, 50], loss: 0.05 }, async (node, datagrams) => {
      expect(datagrams()).toBeGreaterThan(4);
      expectBoundHolds(node);
      const map = node.player.clock!;
      expect(boundUsAt(map, monotonicUs())).toBeLessThan(60_000);
    });
  });

  test('comes over the control channel when no datagram gets through', async () => {
    await joinOver({ upMs: [0, 0], downMs: [0, 0], loss: 1 }, async (node, datagrams) => {
      expect(datagrams()).toBeGreaterThan(2);
      expectBoundHolds(node);
    });
  });
});
