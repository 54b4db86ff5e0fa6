import type { PreparedTrack } from './party-player.ts';

/** Who was asked to prepare a track, and what they answered. */
export class RollCall {
  readonly #expected: Set<string>;
  readonly #answers: PreparedTrack[] = [];
  readonly #done = Promise.withResolvers<readonly PreparedTrack[]>();
  #isOverdue = false;

  constructor(nodeIds: Iterable<string>) {
    this.#expected = new Set(nodeIds);
    this.#settle();
  }

  /**
   * Resolves with the answers once everybody has answered or gone; after the deadline with those that came, the first one being waited
   * for in any case. Empty when nobody can.
   */
  get answers(): Promise<readonly PreparedTrack[]> {
    return this.#done.promise;
  }

  /** `undefined`: this node cannot, or is gone. */
  answer(nodeId: string, prepared: PreparedTrack | undefined): void {
    if (!this.#expected.delete(nodeId)) return;
    if (prepared !== undefined) this.#answers.push(prepared);
    this.#settle();
  }

  /** From now on nobody else is waited for: the rest joins late. */
  deadline(): void {
    this.#isOverdue = true;
    this.#settle();
  }

  /** Nobody is interested any more. */
  abandon(): void {
    this.#done.resolve([]);
  }

  #settle(): void {
    if (this.#expected.size === 0 || (this.#isOverdue && this.#answers.length > 0)) this.#done.resolve(this.#answers);
  }
}
