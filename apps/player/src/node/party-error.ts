/**
 * - `party/incomplete`: not every byte of a source could be had.
 * - `party/wrong-bytes`: what came is not what the host named, three times in a row.
 * - `party/unknown-track`, `party/bad-card`: the host does not have this track, or describes it in a way that makes no sense.
 * - `party/local-source`: a file of the host's computer was named from another one.
 * - `party/nothing-to-play`: the queue is empty, or at its end.
 * - `party/host-gone`: the host ended without a word and did not come back.
 * - `party/cache-in-use`: another process writes the cache that the host needs.
 */
export type PartyErrorCode =
  | 'party/incomplete'
  | 'party/wrong-bytes'
  | 'party/unknown-track'
  | 'party/bad-card'
  | 'party/local-source'
  | 'party/nothing-to-play'
  | 'party/host-gone'
  | 'party/cache-in-use';

/** Every failure of a party that belongs to no layer below. */
export class PartyError extends Error {
  override readonly name = 'PartyError';
  readonly code: PartyErrorCode;

  constructor(code: PartyErrorCode, message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.code = code;
  }

  /** Whether trying again later, without changing anything, may succeed. */
  get isRecoverable(): boolean {
    return this.code === 'party/incomplete' || this.code === 'party/wrong-bytes';
  }
}
