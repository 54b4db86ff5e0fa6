import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { AttemptLimit, createSecret, PartyKeys, type Nonces } from '@tutti/sync/protocol';
import { acceptLinks, challengePeer, connectLink, proveToHost } from '@tutti/sync/transport';

interface TestHost extends AsyncDisposable {
  readonly port: number;
  /** What came of each connection, in order. */
  readonly outcomes: Promise<Nonces | undefined>[];
}

async function startHost(keys: PartyKeys, now: () => number = () => 0): Promise<TestHost> {
  const server = createServer();
  const attempts = new AttemptLimit(now);
  const outcomes: Promise<Nonces | undefined>[] = [];
  const links = acceptLinks({
    server,
    onLink: (link) => outcomes.push(challengePeer(link, { keys, sessionId: 'session', name: 'party', attempts })),
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    outcomes,
    async [Symbol.asyncDispose]() {
      await links.close();
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

const keys = new PartyKeys(createSecret());

describe('the handshake', () => {
  test('gives both ends the same nonces, new ones each time', async () => {
    await using host = await startHost(keys);
    const seen: string[] = [];
    for (let index = 0; index < 2; index++) {
      const link = await connectLink({ host: '127.0.0.1', port: host.port });
      const proven = await proveToHost(link, keys);
      expect(proven).toMatchObject({ sessionId: 'session', name: 'party' });
      expect(await host.outcomes[index]).toEqual(proven.nonces);
      seen.push(proven.nonces.host, proven.nonces.node);
    }
    expect(new Set(seen).size).toBe(4);
  });

  test('refuses a wrong secret, after five for a minute a right one too', async () => {
    let nowMs = 0;
    await using host = await startHost(keys, () => nowMs);
    const attempt = async (secret: PartyKeys): Promise<unknown> => {
      const link = await connectLink({ host: '127.0.0.1', port: host.port });
      return proveToHost(link, secret).catch((error: unknown) => error);
    };
    for (let index = 0; index < 5; index++) {
      expect(await attempt(new PartyKeys(createSecret()))).toMatchObject({ code: 'sync/denied' });
      expect(await host.outcomes[index]).toBeUndefined();
    }
    expect(await attempt(keys)).toMatchObject({ code: 'sync/locked', message: expect.stringContaining('60 seconds') });
    nowMs = 60_000;
    expect(await attempt(keys)).toMatchObject({ sessionId: 'session' });
  });

  test('reads nothing before the proof, and an overheard proof opens nothing', async () => {
    await using host = await startHost(keys);
    const talk = async (say: (socket: WebSocket, challenge: { nonce: string }) => void): Promise<unknown> => {
      const socket = new WebSocket(`ws://127.0.0.1:${host.port}/party`);
      const [challenge] = (await once(socket, 'message')) as [Buffer];
      say(socket, JSON.parse(challenge.toString()) as { nonce: string });
      const [answer] = (await once(socket, 'message')) as [Buffer];
      return JSON.parse(answer.toString());
    };
    const command = { type: 'command', id: 1, command: { kind: 'stop' } };
    expect(await talk((socket) => socket.send(JSON.stringify(command)))).toEqual({ type: 'reject', reason: 'denied' });
    let overheard = '';
    await talk((socket, challenge) => {
      const nonces = { host: challenge.nonce, node: 'n'.repeat(22) };
      overheard = JSON.stringify({ type: 'prove', nonce: nonces.node, proof: keys.proof('node', 'session', nonces) });
      socket.send(overheard);
    });
    expect(await talk((socket) => socket.send(overheard))).toEqual({ type: 'reject', reason: 'denied' });
  });

  test('a host that does not know the secret is not trusted', async () => {
    const impostor = createServer();
    await using _links = acceptLinks({
      server: impostor,
      onLink: (link) => {
        link.send({ type: 'challenge', version: 1, sessionId: 'session', name: 'party', nonce: 'h'.repeat(22) });
        void link.receive().then(() => link.send({ type: 'accepted', proof: 'p'.repeat(43) }));
      },
    });
    impostor.listen(0, '127.0.0.1');
    await once(impostor, 'listening');
    const link = await connectLink({ host: '127.0.0.1', port: (impostor.address() as AddressInfo).port });
    await expect(proveToHost(link, keys)).rejects.toMatchObject({ code: 'sync/denied' });
    impostor.close();
  });

  test('another version of the protocol is told', async () => {
    const server = createServer();
    await using _links = acceptLinks({
      server,
      onLink: (link) => link.send({ type: 'challenge', version: 2, sessionId: 's', name: 'p', nonce: 'h'.repeat(22) }),
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const link = await connectLink({ host: '127.0.0.1', port: (server.address() as AddressInfo).port });
    await expect(proveToHost(link, keys)).rejects.toMatchObject({ code: 'sync/version' });
    server.close();
  });
});
