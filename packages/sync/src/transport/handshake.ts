import type { AttemptLimit } from '../protocol/attempt-limit.ts';
import { PROTOCOL_VERSION, type HostMessage, type PeerMessage } from '../protocol/messages.ts';
import { createNonce, type Nonces, type PartyKeys } from '../protocol/party-keys.ts';
import { SyncError } from '../sync-error.ts';
import type { Link } from './websocket-link.ts';

export interface ChallengeOptions {
  readonly keys: PartyKeys;
  readonly sessionId: string;
  /** Name of the session. */
  readonly name: string;
  readonly attempts: AttemptLimit;
}

/** What a node knows after the host has proven itself. */
export interface ProvenHost {
  readonly sessionId: string;
  readonly name: string;
  readonly nonces: Nonces;
}

/**
 * The host's side: nothing else is read before the other end has proven the secret. Gives the connection's nonces, or `undefined`
 * when the other end went away or was refused, which it was told. Rejects with the link's error.
 */
export async function challengePeer(link: Link<PeerMessage, HostMessage>, options: ChallengeOptions): Promise<Nonces | undefined> {
  const { attempts, keys, name, sessionId } = options;
  const host = createNonce();
  link.send({ type: 'challenge', version: PROTOCOL_VERSION, sessionId, name, nonce: host });
  const answer = await link.receive();
  if (answer === undefined) return undefined;
  const waitMs = attempts.waitMs(link.remoteAddress);
  if (waitMs > 0) return refuse(link, { type: 'reject', reason: 'locked', retryAfterSeconds: Math.ceil(waitMs / 1000) });
  if (answer.type !== 'prove') return refuse(link, { type: 'reject', reason: 'denied' });
  const nonces = { host, node: answer.nonce };
  if (!keys.isProof(answer.proof, 'node', sessionId, nonces)) {
    attempts.wrong(link.remoteAddress);
    return refuse(link, { type: 'reject', reason: 'denied' });
  }
  attempts.right(link.remoteAddress);
  link.send({ type: 'accepted', proof: keys.proof('host', sessionId, nonces) });
  return nonces;
}

/**
 * The node's side. Rejects with `SyncError` `sync/denied`, `sync/locked`, `sync/version`, or with the link's error; the message says
 * what to do.
 */
export async function proveToHost(link: Link<HostMessage, PeerMessage>, keys: PartyKeys): Promise<ProvenHost> {
  const challenge = await received(link);
  if (challenge.type !== 'challenge') throw unexpected(link, challenge);
  const { name, sessionId, version } = challenge;
  if (version !== PROTOCOL_VERSION) {
    const message = `${link.remoteAddress} speaks version ${version} of the party protocol and this program ${PROTOCOL_VERSION}: use the same release`;
    throw new SyncError('sync/version', message);
  }
  const nonces = { host: challenge.nonce, node: createNonce() };
  link.send({ type: 'prove', nonce: nonces.node, proof: keys.proof('node', sessionId, nonces) });
  const answer = await received(link);
  if (answer.type !== 'accepted') throw unexpected(link, answer);
  if (keys.isProof(answer.proof, 'host', sessionId, nonces)) return { sessionId, name, nonces };
  throw new SyncError('sync/denied', `${link.remoteAddress} does not know the secret of this invitation: check its address`);
}

/** The host's next message. Rejects with `sync/link-lost` when there is none. */
export async function received(link: Link<HostMessage, PeerMessage>): Promise<HostMessage> {
  const message = await link.receive();
  if (message === undefined) throw new SyncError('sync/link-lost', `${link.remoteAddress} closed the connection`);
  return message;
}

/** What a message that was not hoped for means. */
export function unexpected(link: Link<HostMessage, PeerMessage>, message: HostMessage): SyncError {
  const where = link.remoteAddress;
  if (message.type !== 'reject') return new SyncError('sync/bad-message', `${where} said ${message.type} out of turn`);
  switch (message.reason) {
    case 'full':
      return new SyncError('sync/session-full', 'Session is full.');
    case 'denied':
      return new SyncError('sync/denied', `${where} refused: the secret is missing or wrong; copy the whole invitation`);
    case 'locked':
      return new SyncError(
        'sync/locked',
        `${where} refused: too many wrong secrets; try again in ${message.retryAfterSeconds ?? 60} seconds`,
      );
    case 'version':
      return new SyncError('sync/version', `${where} speaks another version of the party protocol: use the same release`);
    case 'expired':
      return new SyncError('sync/expired', `${where} no longer knows this node: join again`);
  }
}

function refuse(link: Link<PeerMessage, HostMessage>, message: HostMessage): undefined {
  link.send(message);
  link.close();
}
