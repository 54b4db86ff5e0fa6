import { toNetError } from './error-conversion.ts';
import type { Exchange, ResponseHead } from './exchange.ts';
import { NetError } from './net-error.ts';
import type { RequestSlot } from './request-limits.ts';
import type { ResponseHeaders } from './response-headers.ts';
import type { Scope } from './scope.ts';
import type { Target } from './target.ts';

/** Most bytes of an unwanted body that are read so that its connection can be used again. */
const DISCARD_BYTES = 65_536;
/** Longest wait for an unwanted body, in milliseconds. */
const DISCARD_MS = 1000;

/** Made once: a stack for each released answer would cost more than all else that ends one. */
const RELEASED = new Error('released');

/** What an answer is made of. */
export interface AnswerParts {
  readonly head: ResponseHead;
  readonly exchange: Exchange;
  readonly target: Target;
  readonly slot: RequestSlot;
  readonly scope: Scope;
  readonly idleTimeoutMs: number;
  readonly timeToFirstByteMs: number;
  /** Called when the idle timeout has struck. */
  readonly onStall: () => void;
}

/** One HTTP answer: its head, and its body as it comes. Holds a request slot until the body ends or is released. */
export class Answer {
  readonly status: number;
  readonly headers: ResponseHeaders;
  /** The last hop: where the answer came from. */
  readonly target: Target;
  readonly timeToFirstByteMs: number;
  readonly #exchange: Exchange;
  readonly #slot: RequestSlot;
  readonly #scope: Scope;
  readonly #idleTimeoutMs: number;
  readonly #onStall: () => void;
  readonly #onAbort = () => this.release();

  constructor(parts: AnswerParts) {
    this.status = parts.head.status;
    this.headers = parts.head.headers;
    this.target = parts.target;
    this.timeToFirstByteMs = parts.timeToFirstByteMs;
    this.#exchange = parts.exchange;
    this.#slot = parts.slot;
    this.#scope = parts.scope;
    this.#idleTimeoutMs = parts.idleTimeoutMs;
    this.#onStall = parts.onStall;
    this.#scope.signal.addEventListener('abort', this.#onAbort);
    if (this.#scope.signal.aborted) this.release();
  }

  /**
   * The next bytes, or undefined at the end of the answer. The idle timeout runs only while somebody waits here, so a
   * slow reader is not a stalled server.
   */
  async read(): Promise<Uint8Array | undefined> {
    this.#scope.throwIfEnded();
    const { label } = this.target;
    const timer = setTimeout(() => {
      this.#onStall();
      this.#exchange.abort(new NetError('net/timeout', `GET ${label}: no data for ${this.#idleTimeoutMs} ms`, { url: label }));
    }, this.#idleTimeoutMs);
    try {
      const bytes = await this.#exchange.read();
      if (bytes === undefined) this.release();
      return bytes;
    } catch (error) {
      this.release();
      throw this.#scope.judged(toNetError(error, this.target, 'body'));
    } finally {
      clearTimeout(timer);
    }
  }

  /** Frees the slot; closes the connection unless the answer has come whole. Idempotent. */
  release(): void {
    this.#scope.signal.removeEventListener('abort', this.#onAbort);
    this.#exchange.abort(RELEASED);
    this.#slot.release();
  }

  /** Frees the slot at once and reads away a small unwanted body, so that the connection can be used again. */
  discard(): void {
    this.#scope.signal.removeEventListener('abort', this.#onAbort);
    discardBody(this.#exchange);
    this.#slot.release();
  }
}

/** Reads away a small body that nobody wants; a long or slow one loses its connection. */
export function discardBody(exchange: Exchange): void {
  exchange.discard(DISCARD_BYTES);
  setTimeout(() => exchange.abort(new Error('an unwanted body took too long')), DISCARD_MS).unref();
}
