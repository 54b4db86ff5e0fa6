export type HlsErrorCode =
  /** The body is not an HLS playlist: an HTML page, a plain list of URLs, other text. */
  | 'hls/not-a-playlist'
  /** The body is a playlist that breaks the format in a way that cannot be repaired; `line` says where. */
  | 'hls/bad-playlist'
  /** More bytes, segments or variants than a playlist may have here. */
  | 'hls/too-large'
  /** A media playlist without a single segment. */
  | 'hls/no-segments'
  /** Every variant was left out; the message says why. */
  | 'hls/no-playable-variant'
  /** SAMPLE-AES, another method, or only key formats that are not `identity`. */
  | 'hls/unsupported-encryption'
  /** A key that is not 16 bytes long, or that its processor refused. */
  | 'hls/bad-key'
  /** The origin says that a key does not exist, or refuses to give it. */
  | 'hls/key-missing'
  /** Ciphertext that does not decrypt: wrong key, wrong IV or damaged bytes. */
  | 'hls/bad-ciphertext'
  /** A live or event playlist that has not ended. */
  | 'hls/live'
  /** The origin says that a segment or an init section does not exist. */
  | 'hls/segment-missing'
  /** The source was closed. */
  | 'hls/closed';

export interface HlsErrorContext {
  /** URL of the playlist, segment or key concerned; it is stored without query, fragment and credentials. */
  readonly url: string;
  /** Line of the playlist, counted from 1. */
  readonly line?: number | undefined;
  /** Media sequence number of the segment concerned. */
  readonly mediaSequence?: number | undefined;
  readonly cause?: unknown;
}

/** Every failure of this package that is not one of a layer below. Messages and context hold no query and no key. */
export class HlsError extends Error {
  override readonly name = 'HlsError';
  readonly code: HlsErrorCode;
  readonly url: string;
  readonly line: number | undefined;
  readonly mediaSequence: number | undefined;

  constructor(code: HlsErrorCode, message: string, context: HlsErrorContext) {
    super(message, context.cause === undefined ? undefined : { cause: context.cause });
    this.code = code;
    this.url = publicUrl(context.url);
    this.line = context.line;
    this.mediaSequence = context.mediaSequence;
  }

  /** Whether trying again later, without changing anything, may succeed. */
  get isRecoverable(): boolean {
    switch (this.code) {
      case 'hls/no-segments':
      case 'hls/live':
        return true;
      case 'hls/not-a-playlist':
      case 'hls/bad-playlist':
      case 'hls/too-large':
      case 'hls/no-playable-variant':
      case 'hls/unsupported-encryption':
      case 'hls/bad-key':
      case 'hls/key-missing':
      case 'hls/bad-ciphertext':
      case 'hls/segment-missing':
      case 'hls/closed':
        return false;
    }
  }
}

/** The part of a URL that may appear in messages: no query, no fragment, no credentials. */
export function publicUrl(url: string): string {
  const parsed = URL.parse(url);
  if (parsed === null) return url.replace(/[?#].*$/su, '');
  if (parsed.protocol === 'data:') return 'data:';
  parsed.username = '';
  parsed.password = '';
  parsed.search = '';
  parsed.hash = '';
  return parsed.href;
}
