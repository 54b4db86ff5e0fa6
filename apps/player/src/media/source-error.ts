export type SourceErrorCode =
  | 'source/bad-url'
  | 'source/not-found'
  | 'source/bad-playlist'
  | 'source/local-hls'
  | 'source/empty-folder'
  | 'source/unsupported-scheme';

/** What the user named cannot be a source. The message says what would be. */
export class SourceError extends Error {
  override readonly name = 'SourceError';
  readonly code: SourceErrorCode;

  constructor(code: SourceErrorCode, message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.code = code;
  }

  /** Whether trying again later, without changing anything, may succeed. */
  get isRecoverable(): boolean {
    return false;
  }
}
