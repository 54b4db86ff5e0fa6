import { randomUUID } from 'node:crypto';
import { createHttpClient } from '@tutti/net';
import { PartyKeys } from '@tutti/sync/protocol';
import { authorityOf } from '@tutti/sync/transport';
import { runPeer } from '../node/peer.ts';
import { TrackStore } from '../node/track-store.ts';
import { shortHostName } from './host.ts';
import { openPartyOutput, type PartyOutputOptions } from './party-output.ts';
import { joinTarget } from './party-target.ts';
import { openSession, type CommonOptions } from './session.ts';
import { NodeTeller } from './tell-party.ts';

export interface JoinCommandOptions extends CommonOptions, PartyOutputOptions {
  readonly name?: string;
  readonly secret?: string;
}

/** `tutti join [HOST]`: a node of a party until the host or Ctrl-C ends it. */
export async function runJoin(address: string | undefined, options: JoinCommandOptions): Promise<void> {
  await using session = openSession(options);
  const { reporter, signal } = session;
  const { host, port, secret } = await joinTarget(address, options.secret, session);
  const keys = new PartyKeys(secret);
  const { store } = await session.cache();
  await using client = createHttpClient();
  await using source = new TrackStore({ store, client, origin: `http://${authorityOf(host, port)}`, token: keys.mediaToken });
  const { description, hasDevice, player } = await openPartyOutput(options, reporter);
  const name = options.name ?? shortHostName();
  const node = { nodeId: randomUUID(), name, output: description, hasDevice, volumeDb: options.volume ?? 0 };
  try {
    const farewell = await runPeer({ host, port, keys, node, player, source, onEvent: new NodeTeller(reporter).tell, signal });
    reporter.event('ended', { reason: farewell });
    reporter.line(farewell);
  } finally {
    await player.close();
  }
}
