import { Agent } from 'undici';
import { Answer, discardBody } from './answer.ts';
import type { Clock } from './clock.ts';
import { toNetError } from './error-conversion.ts';
import { Exchange, type ResponseHead } from './exchange.ts';
import type { RequestPriority } from './http-client.ts';
import { NetError } from './net-error.ts';
import { isRedirect, RedirectTrail } from './redirects.ts';
import { composeHeaders, type HeaderWishes } from './request-headers.ts';
import type { RequestLimits, RequestSlot } from './request-limits.ts';
import { headerOf } from './response-headers.ts';
import type { Scope } from './scope.ts';
import type { Target } from './target.ts';

export interface SenderTimeouts {
  readonly connectTimeoutMs: number;
  readonly firstByteTimeoutMs: number;
  readonly idleTimeoutMs: number;
}

/** One request as it goes out. */
export interface Order {
  readonly target: Target;
  readonly wishes: HeaderWishes;
  readonly priority: RequestPriority;
  readonly scope: Scope;
  /** A slot for `target` that is held already; else one is waited for, ahead of new requests. */
  readonly slot: RequestSlot | undefined;
  /** Longest time until the answer, waiting for a slot not counted, in milliseconds. */
  readonly leftMs: number;
}

/** Sends requests over one pool of connections: slots, redirects and the waits for connection and first byte. */
export class Sender {
  readonly #agent: Agent;
  readonly #limits: RequestLimits;
  readonly #timeouts: SenderTimeouts;
  readonly #clock: Clock;

  constructor(options: { readonly limits: RequestLimits; readonly timeouts: SenderTimeouts; readonly clock: Clock }) {
    this.#limits = options.limits;
    this.#timeouts = options.timeouts;
    this.#clock = options.clock;
    this.#agent = new Agent({
      connect: { timeout: options.timeouts.connectTimeoutMs },
      // The waits are timed here, exactly; idle gaps by the answer, and only while somebody reads.
      headersTimeout: 0,
      bodyTimeout: 0,
      // One connection per request under way: cancelling a body then really stops its bytes.
      allowH2: false,
      pipelining: 1,
    });
  }

  /** Sends one request and follows its redirects. Rejects with a `NetError`, or the reason of the scope's end. */
  async send(order: Order): Promise<Answer> {
    const { target, scope, priority } = order;
    const trail = new RedirectTrail(target);
    let slot = order.slot;
    try {
      slot ??= await this.#limits.acquire(target.origin, { priority, isContinuation: true, signal: scope.signal });
      const deadlineMs = this.#clock.nowMs() + order.leftMs;
      for (;;) {
        if (slot.origin !== trail.current.origin) {
          slot.release();
          slot = await this.#limits.acquire(trail.current.origin, { priority, isContinuation: true, signal: scope.signal });
        }
        const sentMs = this.#clock.nowMs();
        const { head, exchange } = await this.#request(order, trail, deadlineMs - sentMs);
        if (!isRedirect(head.status)) {
          return new Answer({
            head,
            exchange,
            target: trail.current,
            slot,
            scope,
            idleTimeoutMs: this.#timeouts.idleTimeoutMs,
            timeToFirstByteMs: this.#clock.nowMs() - sentMs,
          });
        }
        discardBody(exchange);
        trail.follow(head.status, headerOf(head.headers, 'location'));
      }
    } catch (error) {
      slot?.release();
      throw scope.judged(toNetError(error, trail.current, 'head'));
    }
  }

  /** Destroys every connection. */
  async close(): Promise<void> {
    await this.#agent.destroy();
  }

  /** One hop: resolves with the answer's head. */
  async #request(
    { scope, wishes }: Order,
    trail: RedirectTrail,
    leftMs: number,
  ): Promise<{ readonly head: ResponseHead; readonly exchange: Exchange }> {
    const { current: target, hasLeftOrigin } = trail;
    scope.throwIfEnded();
    const headers = composeHeaders(wishes, target, { hasLeftOrigin });
    const expire = (what: string, waitedMs: number) => () => {
      const message = `GET ${target.label}: ${what} ${target.authority} within ${Math.round(waitedMs)} ms`;
      exchange.abort(new NetError('net/timeout', message, { url: target.label }));
    };
    const wait = (what: string, limitMs: number) => {
      const waitedMs = Math.max(0, Math.min(limitMs, leftMs));
      return setTimeout(expire(what, waitedMs), waitedMs);
    };
    const exchange = new Exchange(() => {
      clearTimeout(timer);
      timer = wait('no answer from', this.#timeouts.firstByteTimeoutMs);
    });
    let timer = wait('no connection to', this.#timeouts.connectTimeoutMs);
    const onAbort = () => exchange.abort(new Error('cancelled'));
    scope.signal.addEventListener('abort', onAbort);
    try {
      this.#agent.dispatch({ origin: target.origin, path: target.path, method: 'GET', headers }, exchange);
      return { head: await exchange.head, exchange };
    } finally {
      clearTimeout(timer);
      scope.signal.removeEventListener('abort', onAbort);
    }
  }
}
