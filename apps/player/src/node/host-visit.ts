import { SyncError } from '@tutti/sync';
import type { AttemptLimit, HostMessage, PartyCommand, PartyKeys, PeerMessage } from '@tutti/sync/protocol';
import { monotonicUs } from '@tutti/sync/monotonic';
import { challengePeer } from '@tutti/sync/transport';
import type { HostMembers, PeerLink } from './host-member.ts';

/** Messages of a node that has its place. */
export type NodeNews = Extract<PeerMessage, { type: 'progress' | 'got' | 'armed' | 'measured' | 'failed' | 'report' }>;

export interface VisitOptions {
  readonly keys: PartyKeys;
  readonly sessionId: string;
  readonly name: string;
  readonly attempts: AttemptLimit;
  readonly members: HostMembers;
  readonly after: (ms: number, run: () => void) => Disposable;
  readonly onNews: (nodeId: string, news: NodeNews) => void;
  /** Does what a controller asks; what it throws is told to the controller. */
  readonly onCommand: (command: PartyCommand, controller: Controller) => Promise<void>;
}

/** Who gives commands. */
export interface Controller {
  readonly name: string;
  /** Whether it runs on the host's own computer. */
  readonly isLocal: boolean;
  send(message: HostMessage): void;
}

/** Who connects has this long to prove the secret and say what it wants. */
const INTRODUCTION_MS = 5000;

/** Receives one connection: proof first, then a node's place or a controller's commands, until it ends. Never rejects. */
export async function receiveVisit(link: PeerLink, options: VisitOptions): Promise<void> {
  try {
    const introduction = options.after(INTRODUCTION_MS, () => link.close());
    const nonces = await challengePeer(link, options);
    const first = nonces === undefined ? undefined : await link.receive();
    introduction[Symbol.dispose]();
    if (nonces === undefined || first === undefined) return;
    if (first.type === 'control') await serveController(link, first.name, options);
    else if (first.type === 'hello') {
      options.members.join(link, first, nonces);
      await serveNode(link, first.nodeId, options);
    } else refuse(link, 'denied');
  } catch (error) {
    const code = error instanceof SyncError ? error.code : undefined;
    if (code === 'sync/session-full') refuse(link, 'full');
    else if (code === 'sync/expired') refuse(link, 'expired');
    else link.close();
  }
}

async function serveNode(link: PeerLink, nodeId: string, { members, onNews }: VisitOptions): Promise<void> {
  let isForGood = false;
  try {
    for (let message = await link.receive(); message !== undefined; message = await link.receive()) {
      const t2Us = monotonicUs();
      switch (message.type) {
        case 'probe':
          link.send({ type: 'time', sequence: message.sequence, t1Us: message.t1Us, t2Us, t3Us: monotonicUs() });
          break;
        case 'bye':
          isForGood = true;
          break;
        case 'progress':
        case 'got':
        case 'armed':
        case 'measured':
        case 'failed':
        case 'report':
          onNews(nodeId, message);
          break;
        case 'prove':
        case 'hello':
        case 'control':
        case 'command':
          // Only controllers command; nobody is introduced twice.
          throw new SyncError('sync/bad-message', `a node said ${message.type} out of turn`);
      }
    }
  } finally {
    members.disconnect(link, nodeId, { isForGood });
  }
}

async function serveController(link: PeerLink, name: string, { onCommand }: VisitOptions): Promise<void> {
  const controller: Controller = { name, isLocal: isLoopback(link.remoteAddress), send: (message) => link.send(message) };
  for (let message = await link.receive(); message !== undefined && message.type !== 'bye'; message = await link.receive()) {
    if (message.type !== 'command') throw new SyncError('sync/bad-message', `a controller said ${message.type} out of turn`);
    const { command, id } = message;
    try {
      await onCommand(command, controller);
      link.send({ type: 'outcome', id });
    } catch (error) {
      link.send({ type: 'outcome', id, ...describe(error) });
    }
  }
  link.close();
}

function describe(error: unknown): { readonly message: string; readonly code: string } {
  const code = error instanceof Error && 'code' in error ? String(error.code) : 'party/failed';
  return { message: (error instanceof Error ? error.message : String(error)).slice(0, 1000), code };
}

function isLoopback(address: string): boolean {
  return address === '::1' || /^(?:::ffff:)?127\./.test(address);
}

function refuse(link: PeerLink, reason: 'full' | 'expired' | 'denied'): void {
  link.send({ type: 'reject', reason });
  link.close();
}
