import { NetError } from './net-error.ts';

/** Never thrown, and made once: an abort without a reason makes a `DOMException` with a stack each time. */
const ENDED = new Error('ended');

/** How long one request may live: until the caller aborts, the client closes, or the body is let go. */
export class Scope {
  readonly signal: AbortSignal;
  readonly #caller: AbortSignal | undefined;
  readonly #closed: AbortSignal;
  readonly #own = new AbortController();
  readonly #label: string;

  constructor(options: { readonly caller: AbortSignal | undefined; readonly closed: AbortSignal; readonly label: string }) {
    this.#caller = options.caller;
    this.#closed = options.closed;
    this.#label = options.label;
    this.signal = AbortSignal.any([options.closed, this.#own.signal, ...(options.caller === undefined ? [] : [options.caller])]);
  }

  /** Ends the request from inside. Idempotent. */
  end(): void {
    this.#own.abort(ENDED);
  }

  /** What to throw for `error`: the caller's own reason when it cancelled, unwrapped; else what happened. */
  judged(error: unknown): unknown {
    if (this.#caller?.aborted === true) return this.#caller.reason;
    if (this.#closed.aborted) return new NetError('net/closed', `GET ${this.#label}: the client is closed`, { url: this.#label });
    if (this.#own.signal.aborted)
      return new NetError('net/closed', `GET ${this.#label}: the body was closed`, { url: this.#label });
    return error;
  }

  /** Throws when the request has ended. */
  throwIfEnded(): void {
    if (this.signal.aborted) throw this.judged(this.signal.reason);
  }
}
