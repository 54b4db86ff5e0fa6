import type { NodeReport, PartyKeys, Nonces, HostMessage, PeerMessage } from '@tutti/sync/protocol';
import { createNonce, isSameText, viewOf } from '@tutti/sync/protocol';
import { SyncError } from '@tutti/sync';
import type { ClockResponder, Link } from '@tutti/sync/transport';
import type { PartyMemory, Seats } from './party-memory.ts';

export type PeerLink = Link<PeerMessage, HostMessage>;
type Hello = Extract<PeerMessage, { type: 'hello' }>;

export interface MembersOptions {
  readonly memory: PartyMemory;
  readonly responder: ClockResponder;
  readonly keys: PartyKeys;
  readonly onHostGone: 'stop' | 'finish';
  readonly after: (ms: number, run: () => void) => Disposable;
  /** A node took its place, for the first time or again. */
  readonly onJoined: (nodeId: string) => void;
  /** A node has no connection any more. */
  readonly onDisconnected: (nodeId: string) => void;
}

interface Seat {
  readonly nodeNumber: number;
  readonly resumeToken: string;
  link: PeerLink | undefined;
  /** Gives the place up. */
  expiry: Disposable | undefined;
}

/** A node that lost its connection keeps its place so long (P-043). */
const RESUME_MS = 60_000;

/** The nodes of a party: their places, their connections, and their right to the time. */
export class HostMembers implements Seats, Disposable {
  readonly #options: MembersOptions;
  readonly #seats = new Map<string, Seat>();

  constructor(options: MembersOptions) {
    this.#options = options;
  }

  send(nodeId: string, message: HostMessage): void {
    this.#seats.get(nodeId)?.link?.send(message);
  }

  broadcast(message: HostMessage): void {
    for (const { link } of this.#seats.values()) link?.send(message);
  }

  /** Gives a node a place, or its own again, and says so. Throws `SyncError` `sync/session-full` or `sync/expired`. */
  join(link: PeerLink, hello: Hello, nonces: Nonces): void {
    const { keys, memory, onHostGone, onJoined, responder } = this.#options;
    const seat = this.#seatFor(hello);
    const { nodeId, name, volumeDb } = hello;
    memory.apply({ type: 'joined', nodeId, nodeNumber: seat.nodeNumber, name, volumeDb });
    memory.apply({ type: 'reported', nodeId, report: firstReport(hello) });
    this.#seats.set(nodeId, seat);
    seat.expiry?.[Symbol.dispose]();
    seat.expiry = undefined;
    // What is left of an earlier connection must not speak for the node any more.
    seat.link?.close();
    seat.link = link;
    responder.admit(seat.nodeNumber, keys.clockKey(nonces));
    const { line } = memory.state;
    link.send({
      type: 'welcome',
      nodeNumber: seat.nodeNumber,
      clockPort: responder.port,
      resumeToken: seat.resumeToken,
      onHostGone,
      session: viewOf(memory.state),
      volumeDb,
      ...(line === undefined ? {} : { line }),
    });
    onJoined(nodeId);
  }

  /** A connection has ended: the place is kept for a minute, unless the node said that it goes. */
  disconnect(link: PeerLink, nodeId: string, { isForGood }: { readonly isForGood: boolean }): void {
    const seat = this.#seats.get(nodeId);
    if (seat?.link !== link) return;
    const { after, memory, onDisconnected, responder } = this.#options;
    seat.link = undefined;
    responder.dismiss(seat.nodeNumber);
    memory.apply({ type: 'disconnected', nodeId });
    onDisconnected(nodeId);
    if (isForGood) this.#giveUp(nodeId);
    else seat.expiry = after(RESUME_MS, () => this.#giveUp(nodeId));
  }

  [Symbol.dispose](): void {
    for (const { expiry, link } of this.#seats.values()) {
      expiry?.[Symbol.dispose]();
      link?.close();
    }
    this.#seats.clear();
  }

  #seatFor({ nodeId, resumeToken }: Hello): Seat {
    const known = this.#seats.get(nodeId);
    if (known !== undefined) {
      if (resumeToken !== undefined && isSameText(resumeToken, known.resumeToken)) return known;
      throw new SyncError('sync/expired', 'this node is there already');
    }
    const { maxNodes, members } = this.#options.memory.state;
    // A place that is only kept goes to who is here.
    const absent = members.find(({ isConnected }) => !isConnected);
    if (members.length >= maxNodes && absent !== undefined) this.#giveUp(absent.nodeId);
    if (this.#options.memory.state.members.length >= maxNodes) throw new SyncError('sync/session-full', 'session is full');
    const taken = new Set(Array.from(this.#seats.values(), (seat) => seat.nodeNumber));
    let nodeNumber = 1;
    while (taken.has(nodeNumber)) nodeNumber++;
    return { nodeNumber, resumeToken: createNonce(), link: undefined, expiry: undefined };
  }

  #giveUp(nodeId: string): void {
    this.#seats.get(nodeId)?.expiry?.[Symbol.dispose]();
    this.#seats.delete(nodeId);
    this.#options.memory.apply({ type: 'left', nodeId });
  }
}

/** What is known of a node before it has measured anything. */
function firstReport({ hasDevice, output, volumeDb }: Hello): NodeReport {
  const counts = { underruns: 0, snaps: 0, bufferedSeconds: 0 };
  return { isClockReady: false, ...counts, latencySource: 'none', output, hasDevice, volumeDb };
}
