import type { PartyErrorCode } from './protocol/party-error-code.ts';

/**
 * - `sync/bad-number`: not a safe integer, or not a number at all, where one is needed.
 * - `sync/bad-timeline`: numbers that make no timeline; the message names the field.
 * - `sync/out-of-range`: a musical value outside its range; the message carries range and value.
 */
export type SyncErrorCode = 'sync/bad-number' | 'sync/bad-timeline' | 'sync/out-of-range' | PartyErrorCode;

/** A value outside of its range. */
interface ValueRange {
  readonly min: number;
  readonly max: number;
  readonly value: number;
}

/** Every failure of this package. */
export class SyncError extends Error {
  override readonly name = 'SyncError';
  readonly code: SyncErrorCode;
  /** With `sync/out-of-range`: what was allowed, and what came. */
  readonly range: ValueRange | undefined;

  constructor(code: SyncErrorCode, message: string, options?: { readonly cause?: unknown; readonly range?: ValueRange }) {
    super(message, options);
    this.code = code;
    this.range = options?.range;
  }

  /** Whether trying again later, without changing anything, may succeed. */
  get isRecoverable(): boolean {
    return ['sync/unreachable', 'sync/link-lost', 'sync/session-full', 'sync/locked'].includes(this.code);
  }
}
