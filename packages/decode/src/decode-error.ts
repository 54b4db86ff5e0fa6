/** Why the decoder could not go on. */
export type DecodeErrorCode =
  /** A command (seek, close) arrived while a read was waiting; the call may be repeated. */
  | 'decode/interrupted'
  /** The bytes are media, but this codec, container or variant of them is not decoded; the message names both. */
  | 'decode/unsupported'
  /** The bytes are not media that any reader recognises (an HTML page, a text file, noise). */
  | 'decode/not-media'
  /** There are no bytes at all, or no audio in them. */
  | 'decode/empty'
  /** The bytes are of a known format but too damaged to be decoded. */
  | 'decode/damaged'
  /** The byte source could not be made or broke its contract. What a source throws by itself is never wrapped in this. */
  | 'decode/source'
  /** The WebAssembly module trapped. The decoder is unusable. */
  | 'decode/trap'
  /** The decoder was closed. */
  | 'decode/closed'
  /** The byte source cannot seek. */
  | 'decode/not-seekable';

/** What decoding throws. `isRecoverable` says whether repeating the call on the same decoder can succeed. */
export class DecodeError extends Error {
  override readonly name = 'DecodeError';
  readonly code: DecodeErrorCode;

  constructor(code: DecodeErrorCode, message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.code = code;
  }

  get isRecoverable(): boolean {
    return isRecoverableCode(this.code);
  }
}

function isRecoverableCode(code: DecodeErrorCode): boolean {
  switch (code) {
    case 'decode/interrupted':
    case 'decode/not-seekable':
      return true;
    case 'decode/unsupported':
    case 'decode/not-media':
    case 'decode/empty':
    case 'decode/damaged':
    case 'decode/source':
    case 'decode/trap':
    case 'decode/closed':
      return false;
  }
}
