import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fixturePath, startOrigin } from '@tutti/fixtures';
import { createSecret } from '@tutti/sync/protocol';
import { describe, expect, test } from 'vitest';
import { openCache } from '../../src/compose.ts';
import { TrackLibrary, type ServedBytes } from '../../src/node/track-library.ts';
import { temporaryHome } from '../run-tutti.ts';
import { hostParty, joinParty, type TestHost, type TestNode } from './party-rig.ts';
import { startTcpRelay } from './tcp-relay.ts';

const started = (node: TestNode, trackId?: string) =>
  node.until(
    (event) =>
      event.type === 'player' && event.event.type === 'started' && (trackId ?? event.event.trackId) === event.event.trackId,
  );
const joined = (node: TestNode) => node.until((event) => event.type === 'joined');
/** Signs of life so often that a silence shows at once. */
const brisk = { heartbeatMs: 50, timeoutMs: 400 };

async function playFile(party: TestHost, file = fixturePath('part-1.flac')): Promise<void> {
  await party.host.add([file], 'me');
  await party.until(({ queue }) => queue[0]?.status === 'ready');
  await party.host.command({ kind: 'play' });
}

describe('joining', () => {
  test('late, a node enters at the live position', async () => {
    await using party = await hostParty();
    await using one = await joinParty(party, { name: 'one' });
    await joined(one);
    await playFile(party);
    await started(one);
    await using two = await joinParty(party, { name: 'two' });
    await started(two);
    expect(two.player.lines.at(-1)).toEqual(one.player.lines.at(-1));
    // What it was told to prepare is where the music is, not where it began.
    const prepared = two.player.calls.filter((call) => call.startsWith('prepare')).map((call) => Number(call.split(' ')[2]));
    expect(Math.max(...prepared)).toBeGreaterThan(0);
  });

  test('a full session refuses, and has room again when somebody has gone', async () => {
    await using party = await hostParty({ maxNodes: 1 });
    const one = await joinParty(party, { name: 'one' });
    await joined(one);
    await using two = await joinParty(party, { name: 'two' });
    expect(await two.outcome).toMatchObject({ code: 'sync/session-full', message: 'Session is full.' });
    await one[Symbol.asyncDispose]();
    await party.until(({ members }) => members.length === 0);
    await using three = await joinParty(party, { name: 'three' });
    await joined(three);
  });

  test('with a wrong secret is refused, also after a right one was', async () => {
    await using party = await hostParty();
    await using stranger = await joinParty(party, { secret: createSecret() });
    expect(await stranger.outcome).toMatchObject({ code: 'sync/denied' });
    await using friend = await joinParty(party);
    await joined(friend);
    expect(party.host.view.members).toHaveLength(1);
  });
});

describe('a lost connection', () => {
  test('is made again in the same place, and the music goes on', async () => {
    await using party = await hostParty({ timing: brisk });
    await using relay = await startTcpRelay(party.host.port);
    await using node = await joinParty(party, { port: relay.port, timing: brisk });
    await joined(node);
    await playFile(party);
    await started(node);
    const [before] = party.host.view.members;
    const lines = node.player.lines.length;
    relay.cut();
    await node.until((event) => event.type === 'reconnecting');
    await node.until((event) => event.type === 'joined' && event.isAgain);
    const { members } = await party.until((view) => view.members[0]?.isConnected === true);
    expect(members.map(({ nodeId, nodeNumber }) => [nodeId, nodeNumber])).toEqual([[before!.nodeId, before!.nodeNumber]]);
    // The line that it follows already changes nothing.
    expect(node.player.lines).toHaveLength(lines);
    expect(node.player.frameNow()).toBeGreaterThan(0);
  });

  test('of one node does not touch the others, and its place is kept', async () => {
    await using party = await hostParty({ timing: brisk });
    await using relay = await startTcpRelay(party.host.port);
    await using one = await joinParty(party, { name: 'one' });
    await using two = await joinParty(party, { name: 'two', port: relay.port, timing: brisk });
    await Promise.all([joined(one), joined(two)]);
    await playFile(party);
    await Promise.all([started(one), started(two)]);
    relay.setOpen(false);
    relay.cut();
    await party.until(({ members }) => members.some(({ isConnected, name }) => name === 'two' && !isConnected));
    await party.host.add([fixturePath('part-2.flac')], 'me');
    // The next track is ready without the one that is away.
    await party.until(({ queue }) => queue[1]?.status === 'ready');
    expect(party.host.view.state).toBe('playing');
    expect(party.host.view.members).toHaveLength(2);
    relay.setOpen(true);
    await two.until((event) => event.type === 'joined' && event.isAgain);
    await party.until(({ members, queue }) => members.every(({ isConnected }) => isConnected) && queue[1]?.status === 'ready');
  });
});

describe('the end of a host', () => {
  test('that says so ends its nodes', async () => {
    const party = await hostParty();
    await using node = await joinParty(party);
    await joined(node);
    await party[Symbol.asyncDispose]();
    expect(await node.outcome).toBe('Session ended.');
  });

  test('without a word is noticed; with stop, nodes stop when it does not come back', async () => {
    await using party = await hostParty({ timing: brisk });
    await using relay = await startTcpRelay(party.host.port);
    await using node = await joinParty(party, { port: relay.port, timing: brisk, patienceMs: 0 });
    await joined(node);
    relay.setOpen(false);
    relay.cut();
    expect(await node.outcome).toMatchObject({ code: 'party/host-gone', message: 'Host disconnected — session ended.' });
  });

  test('without a word lets nodes finish what they have, when asked to', async () => {
    await using party = await hostParty({ timing: brisk, onHostGone: 'finish' });
    await using relay = await startTcpRelay(party.host.port);
    const player = { durationFrames: 48_000 * 2 };
    await using node = await joinParty(party, { port: relay.port, timing: brisk, patienceMs: 0, player });
    await joined(node);
    await playFile(party);
    await started(node);
    relay.setOpen(false);
    relay.cut();
    expect(await node.outcome).toMatchObject({ code: 'party/host-gone' });
    expect(node.events.some((event) => event.type === 'player' && event.event.type === 'ended')).toBe(true);
  });

  test('that has begun another session sends nodes away', async () => {
    const secret = createSecret();
    const first = await hostParty({ secret, timing: brisk });
    await using relay = await startTcpRelay(first.host.port);
    await using node = await joinParty({ host: first.host, secret }, { port: relay.port, timing: brisk });
    await joined(node);
    await using second = await hostParty({ secret });
    relay.setTarget(second.host.port);
    relay.cut();
    expect(await node.outcome).toMatchObject({ code: 'party/host-gone' });
    await first[Symbol.asyncDispose]();
  });
});

describe('bytes', () => {
  test('that a link corrupted are fetched again, and never played', async () => {
    await using home = await temporaryHome();
    const file = home.file('noise.wav');
    await writeFile(file, Buffer.concat([Buffer.from('RIFF'), Buffer.alloc(300_000, 7)]));
    await using party = await hostParty();
    await using relay = await startTcpRelay(party.host.port);
    let corrupted = 0;
    relay.rewrite = (bytes) => {
      const at = bytes.indexOf(Buffer.alloc(1000, 7));
      if (at < 0 || corrupted >= 2) return bytes;
      corrupted++;
      const changed = Buffer.from(bytes);
      changed[at + 500] = 8;
      return changed;
    };
    await using node = await joinParty(party, { port: relay.port });
    await joined(node);
    await party.host.add([file], 'me');
    await party.until(({ queue }) => queue[0]?.status === 'ready');
    expect(corrupted).toBe(2);
    expect(node.events.filter(({ type }) => type === 'track-failed')).toEqual([]);
  });

  test('that are wrong three times are given up: the others play without that node', async () => {
    await using home = await temporaryHome();
    await using cache = await openCache({ directory: home.file('cache') });
    const library = new LyingLibrary({ cache: async () => cache, variant: 'auto' });
    await using party = await hostParty({ library });
    await using node = await joinParty(party);
    await joined(node);
    await party.host.add([fixturePath('part-1.flac')], 'me');
    const failed = await node.until(({ type }) => type === 'track-failed');
    expect(failed).toMatchObject({ error: { code: 'party/wrong-bytes' } });
    expect(library.asked).toBe(3);
    await party.until(({ queue }) => queue[0]?.status === 'ready');
    expect(party.events).toContainEqual(expect.objectContaining({ type: 'node-failed', name: 'node' }));
  });

  test('that are in a node’s cache already are not fetched again', async () => {
    await using origin = await startOrigin();
    await using home = await temporaryHome();
    await using cache = await openCache({ directory: home.file('cache') });
    const library = new LyingLibrary({ cache: async () => cache, variant: 'auto' });
    library.lies = false;
    const asked: number[] = [];
    for (let evening = 0; evening < 2; evening++) {
      await using party = await hostParty({ library });
      await using node = await joinParty(party, { directory: home.file('node'), keepsDirectory: true });
      await joined(node);
      await party.host.add([origin.url('hls/fmp4/multivariant.m3u8')], 'me');
      await party.until(({ queue }) => queue[0]?.status === 'ready');
      asked.push(library.asked);
    }
    expect(asked[0]).toBeGreaterThan(5);
    expect(asked[1]).toBe(asked[0]);
  });

  test('that do not decode on a node are passed over, and the host is told', async () => {
    await using party = await hostParty();
    const onPrepare = async (): Promise<void> => {
      throw Object.assign(new Error('there is no audio in it'), { code: 'decode/not-media' });
    };
    await using node = await joinParty(party, { player: { onPrepare } });
    await joined(node);
    await playFile(party);
    const { queue } = await party.until((view) => view.queue[0]?.status === 'failed');
    expect(queue[0]?.message).toBe('there is no audio in it');
    expect(party.events).toContainEqual(expect.objectContaining({ type: 'node-failed', message: 'there is no audio in it' }));
  });
});

test('sources that cannot be had are failed, each with its sentence, and the rest goes on', async () => {
  await using origin = await startOrigin();
  await using party = await hostParty();
  await using node = await joinParty(party);
  await joined(node);
  await expect(party.host.add([path.join(import.meta.dirname, 'nothing.flac')], 'me')).rejects.toMatchObject({
    code: 'source/not-found',
  });
  await party.host.add([origin.url('missing.flac'), fixturePath('part-1.flac')], 'me');
  const { queue } = await party.until((view) => view.queue[1]?.status === 'ready');
  expect(queue[0]).toMatchObject({ status: 'failed' });
  expect(queue[0]?.message).toContain('missing.flac');
});

/** Gives bytes that are not what was named, and counts how often it was asked. */
class LyingLibrary extends TrackLibrary {
  asked = 0;
  lies = true;

  override bytes(sha256: string): ServedBytes | undefined {
    const served = super.bytes(sha256);
    if (served === undefined) return undefined;
    this.asked++;
    if (!this.lies) return served;
    return {
      ...served,
      async *read({ start, end }) {
        yield new Uint8Array(end - start);
      },
    };
  }
}
