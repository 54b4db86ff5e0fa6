export type OutputErrorCode =
  | 'output/no-device'
  | 'output/no-audio-library'
  | 'output/no-space'
  | 'output/broken-pipe'
  | 'output/unwritable';

/** Nothing to play on, or the place to write to failed. The message says what to do. */
export class OutputError extends Error {
  override readonly name = 'OutputError';
  readonly code: OutputErrorCode;

  constructor(code: OutputErrorCode, message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.code = code;
  }

  /** Whether trying again later, without changing anything, may succeed. */
  get isRecoverable(): boolean {
    return false;
  }
}
