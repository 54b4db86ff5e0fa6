import { once } from 'node:events';
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createSecret, AttemptLimit, PartyKeys, type HostMessage, type PeerMessage } from '@tutti/sync/protocol';
import { connectLink, proveToHost } from '@tutti/sync/transport';
import { fixturePath } from '@tutti/fixtures';
import { describe, expect, test } from 'vitest';
import { InvitationFiles } from '../../src/node/invitation-file.ts';
import { receiveVisit } from '../../src/node/host-visit.ts';
import { hostParty, joinParty, type TestHost } from './party-rig.ts';

async function introduced(party: TestHost) {
  const link = await connectLink({ host: '127.0.0.1', port: party.host.port });
  await proveToHost(link, party.keys);
  return link;
}

const hello = { type: 'hello', role: 'node', nodeId: 'n', name: 'n', output: 'x', hasDevice: false, volumeDb: 0 } as const;

describe('a visit', () => {
  test('of a node that commands ends it', async () => {
    await using party = await hostParty();
    const link = await introduced(party);
    link.send(hello);
    expect(await link.receive()).toMatchObject({ type: 'welcome', nodeNumber: 1 });
    link.send({ type: 'command', id: 1, command: { kind: 'stop' } });
    await link.ended;
    await party.until(({ members }) => members[0]?.isConnected === false);
  });

  test('of a node that does not know the time is told to the host before it plays', async () => {
    await using party = await hostParty();
    const link = await introduced(party);
    link.send(hello);
    await link.receive();
    await party.host.add([fixturePath('part-1.flac')], 'me');
    await party.host.command({ kind: 'play' });
    expect(party.events).toContainEqual({ type: 'measuring', nodeId: 'n', name: 'n' });
    link.close();
  });

  test('of somebody who takes another node’s place is refused', async () => {
    await using party = await hostParty();
    await using node = await joinParty(party);
    await node.until(({ type }) => type === 'joined');
    const [member] = party.host.view.members;
    for (const resumeToken of [undefined, 'guessed']) {
      const link = await introduced(party);
      link.send({ ...hello, nodeId: member!.nodeId, ...(resumeToken === undefined ? {} : { resumeToken }) });
      expect(await link.receive()).toEqual({ type: 'reject', reason: 'expired' });
    }
    expect(party.host.view.members).toHaveLength(1);
  });

  test('of a controller tells what became of each command, in order', async () => {
    await using party = await hostParty();
    const link = await introduced(party);
    link.send({ type: 'control', name: 'me' });
    link.send({ type: 'command', id: 7, command: { kind: 'status' } });
    link.send({ type: 'command', id: 8, command: { kind: 'pause' } });
    link.send({ type: 'command', id: 9, command: { kind: 'remove', trackId: 'none' } });
    expect(await link.receive()).toMatchObject({ type: 'session', session: { name: 'party', queue: [], members: [] } });
    expect(await link.receive()).toEqual({ type: 'outcome', id: 7 });
    expect(await link.receive()).toMatchObject({ type: 'outcome', id: 8, code: 'party/nothing-to-play' });
    expect(await link.receive()).toMatchObject({ type: 'outcome', id: 9, code: 'sync/unknown-track' });
    link.send({ type: 'bye', reason: 'done' });
    expect(await link.ended).toEqual({ error: undefined });
  });

  test.each([
    ['garbage', '{{{{'],
    ['a message too long', JSON.stringify({ type: 'bye', reason: 'x'.repeat(2 << 20) })],
    ['a host’s own message', JSON.stringify({ type: 'end', reason: 'x' })],
  ])('that sends %s ends, and the party goes on', async (_, text) => {
    await using party = await hostParty();
    await using node = await joinParty(party);
    await node.until(({ type }) => type === 'joined');
    const socket = new WebSocket(`ws://127.0.0.1:${party.host.port}/party`);
    await once(socket, 'message');
    socket.addEventListener('error', () => undefined);
    socket.send(text);
    await once(socket, 'close');
    const link = await introduced(party);
    link.send({ type: 'control', name: 'me' });
    link.send({ type: 'command', id: 1, command: { kind: 'status' } });
    expect(await link.receive()).toMatchObject({ session: { members: [{ isConnected: true }] } });
    link.close();
  });

  test('is told apart by where it comes from: only the host’s own computer may name its files', async () => {
    const keys = new PartyKeys(createSecret());
    const asked: boolean[] = [];
    for (const remoteAddress of ['192.168.1.20', '127.0.0.1', '::1', '::ffff:127.0.0.1', '::ffff:10.0.0.1']) {
      const link = scriptedLink(remoteAddress, keys, [
        { type: 'control', name: 'me' },
        { type: 'command', id: 1, command: { kind: 'status' } },
      ]);
      await receiveVisit(link, {
        keys,
        sessionId: 's',
        name: 'p',
        attempts: new AttemptLimit(() => 0),
        members: undefined as never,
        after: () => ({ [Symbol.dispose]() {} }),
        onNews: () => {},
        onCommand: async (_command, { isLocal }) => void asked.push(isLocal),
      });
    }
    expect(asked).toEqual([false, true, true, true, false]);
  });
});

/** The host's end of a link whose other end knows the secret and says these things. */
function scriptedLink(remoteAddress: string, keys: PartyKeys, script: PeerMessage[]): Parameters<typeof receiveVisit>[0] {
  return {
    remoteAddress,
    send(message: HostMessage) {
      if (message.type !== 'challenge') return;
      const nonces = { host: message.nonce, node: 'n'.repeat(22) };
      script.unshift({ type: 'prove', nonce: nonces.node, proof: keys.proof('node', message.sessionId, nonces) });
    },
    receive: async () => script.shift(),
    ended: Promise.resolve({ error: undefined }),
    close() {},
  };
}

describe('invitation files', () => {
  test('are the owner’s alone, one per live party, and go with it', async () => {
    const directory = await mkdtemp(path.join(tmpdir(), 'tutti-'));
    try {
      const files = new InvitationFiles(path.join(directory, 'parties'));
      expect(await files.list()).toEqual([]);
      const invitation = { host: '127.0.0.1', port: 17401, secret: createSecret() };
      const forget = await files.keep(invitation);
      const forgetOther = await files.keep({ ...invitation, port: 9 });
      expect((await files.list()).map(({ port }) => port)).toEqual([9, 17401]);
      expect((await files.list())[1]).toEqual(invitation);
      const file = path.join(directory, 'parties', '17401.json');
      expect((await stat(file)).mode & 0o777).toBe(0o600);
      expect((await stat(path.dirname(file))).mode & 0o777).toBe(0o700);
      expect(await readFile(file, 'utf8')).toContain(String(process.pid));
      await forget();
      await forgetOther();
      expect(await files.list()).toEqual([]);
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
  });
});
