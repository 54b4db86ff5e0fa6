export type SyncErrorCode = 'sync/bad-timeline';

/** Every failure of this package. */
export class SyncError extends Error {
  override readonly name = 'SyncError';
  readonly code: SyncErrorCode;

  constructor(code: SyncErrorCode, message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.code = code;
  }

  /** Whether trying again later, without changing anything, may succeed. */
  get isRecoverable(): boolean {
    return false;
  }
}
