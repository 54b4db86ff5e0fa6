import type { PartyMemory, Seats } from './party-memory.ts';
import type { PreparedTrack } from './party-player.ts';

export interface RollCallsOptions {
  readonly memory: PartyMemory;
  readonly seats: Seats;
  readonly after: (ms: number, run: () => void) => Disposable;
}

/** Nodes have this long to prepare a track before it begins without them. */
const PREPARE_MS = 1500;

/** Asks nodes to prepare tracks, and gathers what they answer. */
export class RollCalls implements Disposable {
  readonly #options: RollCallsOptions;
  readonly #open = new Map<string, RollCall>();

  constructor(options: RollCallsOptions) {
    this.#options = options;
  }

  /**
   * Asks every node that has the track to be able to begin it at `frame`. Resolves with the track as they found it, once all have
   * answered or their time is over; with `undefined` when nobody can, or did in time, or when the same track is called again.
   */
  async call(trackId: string, hash: string, frame: number): Promise<Pick<PreparedTrack, 'sampleRate'> | undefined> {
    const { after, memory, seats } = this.#options;
    const able = memory.state.members.filter(({ has, isConnected }) => isConnected && has.has(hash)).map(({ nodeId }) => nodeId);
    const roll = new RollCall(able);
    this.#open.get(trackId)?.abandon();
    this.#open.set(trackId, roll);
    using _deadline = after(PREPARE_MS, () => roll.deadline());
    for (const nodeId of able) seats.send(nodeId, { type: 'prepare', trackId, hash, frame });
    const answers = await roll.answers;
    if (this.#open.get(trackId) === roll) this.#open.delete(trackId);
    return answers[0];
  }

  /** A node can begin the track, or with `undefined` cannot. */
  answer(nodeId: string, trackId: string, prepared: PreparedTrack | undefined): void {
    this.#open.get(trackId)?.answer(nodeId, prepared);
  }

  /** A node is gone: nobody waits for it. */
  left(nodeId: string): void {
    for (const roll of this.#open.values()) roll.answer(nodeId, undefined);
  }

  /** Nobody is waited for any more. */
  [Symbol.dispose](): void {
    for (const roll of this.#open.values()) roll.abandon();
  }
}

/** Who was asked to prepare a track, and what they answered. */
class RollCall {
  readonly #expected: Set<string>;
  readonly #answers: PreparedTrack[] = [];
  readonly #done = Promise.withResolvers<readonly PreparedTrack[]>();

  constructor(nodeIds: Iterable<string>) {
    this.#expected = new Set(nodeIds);
    this.#settle();
  }

  /** Resolves with the answers once everybody has answered or gone, and with those that came at the deadline. */
  get answers(): Promise<readonly PreparedTrack[]> {
    return this.#done.promise;
  }

  /** `undefined`: this node cannot, or is gone. */
  answer(nodeId: string, prepared: PreparedTrack | undefined): void {
    if (!this.#expected.delete(nodeId)) return;
    if (prepared !== undefined) this.#answers.push(prepared);
    this.#settle();
  }

  /** Nobody else is waited for: the rest joins late. */
  deadline(): void {
    this.#done.resolve(this.#answers);
  }

  /** Nobody is interested any more. */
  abandon(): void {
    this.#done.resolve([]);
  }

  #settle(): void {
    if (this.#expected.size === 0) this.#done.resolve(this.#answers);
  }
}
