export type StreamErrorCode =
  | 'stream/closed'
  | 'stream/empty'
  | 'stream/not-media'
  | 'stream/not-found'
  | 'stream/unreadable'
  | 'stream/incomplete';

/** Every failure of this package that is not one of a layer below. `label` names the source without secrets. */
export class StreamError extends Error {
  override readonly name = 'StreamError';
  readonly code: StreamErrorCode;
  readonly label: string;

  constructor(code: StreamErrorCode, message: string, options: { readonly label: string; readonly cause?: unknown }) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.label = options.label;
  }

  /** Whether trying again later, without changing anything, may succeed. */
  get isRecoverable(): boolean {
    switch (this.code) {
      case 'stream/incomplete':
        return true;
      case 'stream/closed':
      case 'stream/empty':
      case 'stream/not-media':
      case 'stream/not-found':
      case 'stream/unreadable':
        return false;
    }
  }
}
