import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { describe, expect, test } from 'vitest';
import { announceParty, findParties, type FoundParty } from '../../src/node/discovery.ts';

/** Whether this machine hears its own multicast: some containers do not. */
async function hearsMulticast(): Promise<boolean> {
  const socket = createSocket({ type: 'udp4', reuseAddr: true });
  try {
    socket.bind(0);
    await once(socket, 'listening');
    socket.addMembership('224.0.0.251');
    socket.setMulticastLoopback(true);
    const heard = once(socket, 'message', { signal: AbortSignal.timeout(1000) }).then(
      () => true,
      () => false,
    );
    socket.send('x', socket.address().port, '224.0.0.251', () => undefined);
    return await heard;
  } catch {
    return false;
  } finally {
    socket.close();
  }
}

const hasMulticast = await hearsMulticast();
if (!hasMulticast) console.warn('skipped: discovery of parties, because this machine does not hear its own multicast');

describe.skipIf(!hasMulticast)('parties on this network', () => {
  const { signal } = new AbortController();
  const until = async (isFound: (parties: readonly FoundParty[]) => boolean): Promise<readonly FoundParty[]> => {
    for (;;) {
      const parties = await findParties({ forMs: 500, signal });
      if (isFound(parties)) return parties;
    }
  };

  test('are found by name, address and number of nodes, and told without a secret', async () => {
    const port = 20_000 + (process.pid % 10_000);
    const announcement = await announceParty({ name: 'Küche', hostName: 'kitchen', port, maxNodes: 8 });
    try {
      const parties = await until((found) => found.some((party) => party.port === port));
      const party = parties.find((each) => each.port === port);
      expect(party).toMatchObject({ name: 'Küche', hostName: 'kitchen', port, nodeCount: 0, maxNodes: 8 });
      expect(party!.host).toMatch(/^[0-9a-f.:]+$/);
      announcement.update(3);
      await until((found) => found.some((each) => each.port === port && each.nodeCount === 3));
    } finally {
      announcement[Symbol.dispose]();
    }
  });

  test('are not looked for after an abort', async () => {
    const controller = new AbortController();
    const finding = findParties({ forMs: 60_000, signal: controller.signal });
    controller.abort(new Error('enough'));
    await expect(finding).rejects.toThrow('enough');
  });
});
