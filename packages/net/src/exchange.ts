import type { Dispatcher } from 'undici';
import type { ResponseHeaders } from './response-headers.ts';

/** Unread body bytes from which on the connection is held up. */
const HIGH_WATER_BYTES = 262_144;

/** Status and header fields of an answer. */
export interface ResponseHead {
  readonly status: number;
  readonly headers: ResponseHeaders;
}

/**
 * One request on one connection, below undici's streams: an abort is felt at once, also while the connection is still
 * being made, and bytes that came before a break are given before its error.
 */
export class Exchange implements Dispatcher.DispatchHandler {
  readonly #head = Promise.withResolvers<ResponseHead>();
  readonly #onSent: () => void;
  #controller: Dispatcher.DispatchController | undefined;
  #chunks: Uint8Array[] = [];
  #unreadBytes = 0;
  #state: 'open' | 'ended' | 'broken' = 'open';
  #error: unknown;
  #discardLimit: number | undefined;
  #wake: (() => void) | undefined;

  /** `onSent` is called when the connection stands and the request goes out. */
  constructor(onSent: () => void) {
    this.#onSent = onSent;
  }

  /** Resolves with the answer's head; rejects with what broke the exchange before it, or the reason of `abort`. */
  get head(): Promise<ResponseHead> {
    return this.#head.promise;
  }

  /** The next bytes; undefined at the end. Rejects with what broke the body. For one reader at a time. */
  async read(): Promise<Uint8Array | undefined> {
    for (;;) {
      const chunk = this.#chunks.shift();
      if (chunk !== undefined) {
        this.#unreadBytes -= chunk.length;
        if (this.#unreadBytes < HIGH_WATER_BYTES) this.#controller?.resume();
        return chunk;
      }
      if (this.#state === 'broken') throw this.#error;
      if (this.#state === 'ended') return undefined;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  /** Ends it with `reason`: unread bytes are dropped, the connection is closed unless the answer has come whole. */
  abort(reason: Error): void {
    this.#chunks = [];
    this.#unreadBytes = 0;
    if (this.#state !== 'open') return;
    this.#break(reason);
    this.#controller?.abort(reason);
  }

  /** Reads away the rest, up to `limitBytes`, so that the connection can be used again. */
  discard(limitBytes: number): void {
    this.#discardLimit = limitBytes - this.#unreadBytes;
    this.#chunks = [];
    this.#unreadBytes = 0;
    this.#controller?.resume();
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#state === 'broken') controller.abort(this.#error as Error);
    else this.#onSent();
  }

  onResponseStart(_controller: Dispatcher.DispatchController, status: number, headers: ResponseHeaders): void {
    if (status >= 200) this.#head.resolve({ status, headers });
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Uint8Array): void {
    if (this.#state !== 'open') return;
    if (this.#discardLimit !== undefined) {
      this.#discardLimit -= chunk.length;
      if (this.#discardLimit < 0) this.abort(new Error('more than was worth reading away'));
      return;
    }
    this.#chunks.push(chunk);
    this.#unreadBytes += chunk.length;
    if (this.#unreadBytes >= HIGH_WATER_BYTES) controller.pause();
    this.#wake?.();
  }

  onResponseEnd(): void {
    if (this.#state === 'open') this.#state = 'ended';
    this.#wake?.();
  }

  onResponseError(_controller: Dispatcher.DispatchController | undefined, error: Error): void {
    if (this.#state === 'open') this.#break(error);
  }

  #break(error: unknown): void {
    this.#state = 'broken';
    this.#error = error;
    this.#head.reject(error);
    this.#wake?.();
  }
}
