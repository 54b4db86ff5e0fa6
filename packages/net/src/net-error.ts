export type NetErrorCode =
  | 'net/bad-url'
  | 'net/connect-failed'
  | 'net/timeout'
  | 'net/reset'
  | 'net/body-too-short'
  | 'net/body-too-long'
  | 'net/body-too-large'
  | 'net/status'
  | 'net/not-found'
  | 'net/forbidden'
  | 'net/unsatisfiable-range'
  | 'net/range-mismatch'
  | 'net/representation-changed'
  | 'net/unexpected-html'
  | 'net/unexpected-encoding'
  | 'net/bad-redirect'
  | 'net/tls'
  | 'net/protocol'
  | 'net/closed';

/** Statuses that may pass by themselves. */
const PASSING_STATUSES: readonly number[] = [408, 425, 429, 500, 502, 503, 504];

export interface NetErrorContext {
  /** Request URL without query, fragment and credentials. */
  readonly url: string;
  readonly status?: number;
  /** Attempts made, the failing one included. */
  readonly attempts?: number;
  /** Length of the whole representation, where a 416 told it. */
  readonly totalLength?: number | undefined;
  /** How long the server asked to be left alone, in milliseconds. */
  readonly retryAfterMs?: number | undefined;
  readonly cause?: unknown;
}

/** Every failure of this package. Messages and context hold no secret: no query, key, cookie or authorization. */
export class NetError extends Error {
  override readonly name = 'NetError';
  readonly code: NetErrorCode;
  readonly url: string;
  readonly status: number | undefined;
  readonly attempts: number | undefined;
  readonly totalLength: number | undefined;
  readonly retryAfterMs: number | undefined;

  constructor(code: NetErrorCode, message: string, context: NetErrorContext) {
    super(message, context.cause === undefined ? undefined : { cause: context.cause });
    this.code = code;
    this.url = context.url;
    this.status = context.status;
    this.attempts = context.attempts;
    this.totalLength = context.totalLength;
    this.retryAfterMs = context.retryAfterMs;
  }

  /** The same failure, saying how many attempts were made. */
  withAttempts(attempts: number): NetError {
    if (attempts <= 1) return this;
    const { url, status, totalLength, retryAfterMs, cause } = this;
    return new NetError(this.code, `${this.message} (${attempts} attempts)`, {
      url,
      attempts,
      totalLength,
      retryAfterMs,
      cause,
      ...(status === undefined ? {} : { status }),
    });
  }

  /** Whether the same request may succeed later without any change. */
  get isRecoverable(): boolean {
    switch (this.code) {
      case 'net/connect-failed':
      case 'net/timeout':
      case 'net/reset':
      case 'net/body-too-short':
      case 'net/representation-changed':
        return true;
      case 'net/status':
        return this.status !== undefined && PASSING_STATUSES.includes(this.status);
      case 'net/bad-url':
      case 'net/body-too-long':
      case 'net/body-too-large':
      case 'net/not-found':
      case 'net/forbidden':
      case 'net/unsatisfiable-range':
      case 'net/range-mismatch':
      case 'net/unexpected-html':
      case 'net/unexpected-encoding':
      case 'net/bad-redirect':
      case 'net/tls':
      case 'net/protocol':
      case 'net/closed':
        return false;
    }
  }
}
