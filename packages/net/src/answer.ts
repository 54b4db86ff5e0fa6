import type { Dispatcher } from 'undici';
import { toNetError } from './error-conversion.ts';
import { NetError } from './net-error.ts';
import type { RequestSlot } from './request-limits.ts';
import type { ResponseHeaders } from './response-headers.ts';
import type { Scope } from './scope.ts';
import type { Target } from './target.ts';

/** Most bytes of an unwanted body that are read so that its connection can be used again. */
const DISCARD_BYTES = 65_536;
/** Longest wait for an unwanted body, in milliseconds. */
const DISCARD_MS = 1000;

/** What an answer is made of. */
export interface AnswerParts {
  readonly response: Dispatcher.ResponseData;
  readonly target: Target;
  readonly slot: RequestSlot;
  readonly scope: Scope;
  readonly idleTimeoutMs: number;
  readonly timeToFirstByteMs: number;
}

/** One HTTP answer: its head, and its body as it comes. Holds a request slot until the body ends or is released. */
export class Answer {
  readonly status: number;
  readonly headers: ResponseHeaders;
  /** The last hop: where the answer came from. */
  readonly target: Target;
  readonly timeToFirstByteMs: number;
  readonly #body: Dispatcher.ResponseData['body'];
  readonly #bytes: AsyncIterator<Uint8Array>;
  readonly #slot: RequestSlot;
  readonly #scope: Scope;
  readonly #idleTimeoutMs: number;
  readonly #onAbort = () => this.release();

  constructor(parts: AnswerParts) {
    this.status = parts.response.statusCode;
    this.headers = parts.response.headers;
    this.target = parts.target;
    this.timeToFirstByteMs = parts.timeToFirstByteMs;
    this.#body = parts.response.body;
    // Errors reach whoever reads; without a listener one that nobody reads would end the process.
    this.#body.on('error', () => undefined);
    this.#bytes = this.#body[Symbol.asyncIterator]() as AsyncIterator<Uint8Array>;
    this.#slot = parts.slot;
    this.#scope = parts.scope;
    this.#idleTimeoutMs = parts.idleTimeoutMs;
    this.#scope.signal.addEventListener('abort', this.#onAbort);
  }

  /**
   * The next bytes, or undefined at the end of the answer. The idle timeout runs only while somebody waits here, so a
   * slow reader is not a stalled server.
   */
  async read(): Promise<Uint8Array | undefined> {
    this.#scope.throwIfEnded();
    const { label } = this.target;
    const timer = setTimeout(() => {
      this.#body.destroy(new NetError('net/timeout', `GET ${label}: no data for ${this.#idleTimeoutMs} ms`, { url: label }));
    }, this.#idleTimeoutMs);
    try {
      const next = await this.#bytes.next();
      if (next.done !== true) return next.value;
    } catch (error) {
      this.release();
      throw this.#scope.judged(toNetError(error, this.target, 'body'));
    } finally {
      clearTimeout(timer);
    }
    this.release();
    return undefined;
  }

  /** Frees the slot; closes the connection unless the body has ended. Idempotent. */
  release(): void {
    this.#scope.signal.removeEventListener('abort', this.#onAbort);
    if (!this.#body.readableEnded) this.#body.destroy();
    this.#slot.release();
  }

  /** Frees the slot at once and reads away a small unwanted body, so that the connection can be used again. */
  discard(): void {
    discardBody(this.#body);
    this.#scope.signal.removeEventListener('abort', this.#onAbort);
    this.#slot.release();
  }
}

/** Reads away a small body that nobody wants; a long or slow one loses its connection. */
export function discardBody(body: Dispatcher.ResponseData['body']): void {
  const timer = setTimeout(() => body.destroy(), DISCARD_MS);
  timer.unref();
  body.on('error', () => undefined);
  body.once('close', () => clearTimeout(timer));
  void body.dump({ limit: DISCARD_BYTES }).catch(() => undefined);
}
