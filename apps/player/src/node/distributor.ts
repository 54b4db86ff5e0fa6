import { nextTrack, type SessionMember, type SessionTrack } from '@tutti/sync/protocol';
import type { PartyMemory, Seats } from './party-memory.ts';

/**
 * Tells nodes which tracks to fetch: what plays first, then what follows, one at a time each, so that the line is never taken by a track
 * that nobody waits for yet.
 */
export class Distributor {
  readonly #memory: PartyMemory;
  readonly #seats: Seats;
  /** By node, what it was told to fetch and has not answered. */
  readonly #asked = new Map<string, string>();

  constructor(options: { readonly memory: PartyMemory; readonly seats: Seats }) {
    this.#memory = options.memory;
    this.#seats = options.seats;
  }

  /** The state has changed: asks who has nothing to do. */
  proceed(): void {
    const { state } = this.#memory;
    const current = state.tracks.find(({ trackId }) => trackId === state.currentId);
    const wanted = [current, nextTrack(state)].filter((track) => track !== undefined);
    for (const member of state.members) {
      if (!member.isConnected) this.#asked.delete(member.nodeId);
      else this.#ask(member, wanted);
    }
  }

  /** A node has fetched what it was told to, or given up. */
  answered(nodeId: string, hash: string): void {
    if (this.#asked.get(nodeId) === hash) this.#asked.delete(nodeId);
  }

  /** A node that connects anew has forgotten what it was told. */
  forget(nodeId: string): void {
    this.#asked.delete(nodeId);
  }

  #ask({ has, lacks, nodeId }: SessionMember, wanted: readonly SessionTrack[]): void {
    for (const { hash, trackId } of wanted) {
      if (hash === undefined || has.has(hash) || lacks.has(hash)) continue;
      if (this.#asked.has(nodeId)) return;
      this.#asked.set(nodeId, hash);
      this.#seats.send(nodeId, { type: 'fetch', trackId, hash });
      return;
    }
  }
}
