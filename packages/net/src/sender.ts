// oxlint-disable-next-line typescript/triple-slash-reference -- ambient types of an untyped module must follow whoever imports this file
/// <reference path="./undici-agent.d.ts" />
import type { LookupFunction } from 'node:net';
import Agent from 'undici/lib/dispatcher/agent.js';
import { Answer, discardBody } from './answer.ts';
import type { Clock } from './clock.ts';
import { CookieJars } from './cookie-jar.ts';
import { toNetError } from './error-conversion.ts';
import { Exchange, type ResponseHead } from './exchange.ts';
import type { RequestPriority } from './http-client.ts';
import { NetError } from './net-error.ts';
import { isRedirect, RedirectTrail } from './redirects.ts';
import { composeHeaders, type HeaderWishes } from './request-headers.ts';
import type { RequestLimits, RequestSlot } from './request-limits.ts';
import { headerOf, headersOf } from './response-headers.ts';
import type { Scope } from './scope.ts';
import type { Target } from './target.ts';

export interface SenderTimeouts {
  readonly connectTimeoutMs: number;
  readonly firstByteTimeoutMs: number;
  readonly idleTimeoutMs: number;
}

export interface ConnectionOptions {
  readonly http2: boolean;
  readonly certificateAuthorities: readonly string[] | undefined;
  readonly lookup: LookupFunction | undefined;
}

/** One request as it goes out. */
export interface Order {
  readonly target: Target;
  readonly wishes: HeaderWishes;
  readonly priority: RequestPriority;
  readonly cookieJar: string | undefined;
  readonly scope: Scope;
  /** A slot for `target` that is held already; else one is waited for, ahead of new requests. */
  readonly slot: RequestSlot | undefined;
  /** Longest time until the answer, waiting for a slot not counted, in milliseconds. */
  readonly leftMs: number;
}

/** Sends requests over one pool of connections: slots, redirects and the waits for connection and first byte. */
export class Sender {
  readonly #cookies = new CookieJars();
  readonly #connection: ConnectionOptions;
  readonly #agents = new Set<Agent>();
  #agent: Agent;
  readonly #limits: RequestLimits;
  readonly #timeouts: SenderTimeouts;
  readonly #clock: Clock;

  constructor(options: {
    readonly limits: RequestLimits;
    readonly timeouts: SenderTimeouts;
    readonly clock: Clock;
    readonly connection: ConnectionOptions;
  }) {
    this.#limits = options.limits;
    this.#timeouts = options.timeouts;
    this.#clock = options.clock;
    this.#connection = options.connection;
    this.#agent = this.#openAgent();
  }

  /** Sends one request and follows its redirects. Rejects with a `NetError`, or the reason of the scope's end. */
  async send(order: Order): Promise<Answer> {
    const { target, scope, priority, wishes } = order;
    const waiting = { kind: wishes.kind, priority, isContinuation: true, signal: scope.signal };
    const trail = new RedirectTrail(target);
    let slot = order.slot;
    try {
      slot ??= await this.#limits.acquire(target.origin, waiting);
      const deadlineMs = this.#clock.nowMs() + order.leftMs;
      for (;;) {
        if (slot.origin !== trail.current.origin) {
          slot.release();
          slot = await this.#limits.acquire(trail.current.origin, waiting);
        }
        const sentMs = this.#clock.nowMs();
        const { head, exchange, agent } = await this.#request(order, trail, deadlineMs - sentMs);
        if (!isRedirect(head.status)) {
          return new Answer({
            head,
            exchange,
            target: trail.current,
            slot,
            scope,
            idleTimeoutMs: this.#timeouts.idleTimeoutMs,
            onStall: () => this.#leaveConnections(agent),
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

  /** Destroys every connection and forgets every cookie. */
  async close(): Promise<void> {
    this.#cookies.clear();
    await Promise.all(Array.from(this.#agents, (agent) => agent.destroy()));
  }

  #openAgent(): Agent {
    const { certificateAuthorities, http2, lookup } = this.#connection;
    const agent = new Agent({
      connect: {
        timeout: this.#timeouts.connectTimeoutMs,
        ...(certificateAuthorities === undefined ? {} : { ca: [...certificateAuthorities] }),
        ...(lookup === undefined ? {} : { lookup }),
      },
      // The waits are timed here, exactly; idle gaps by the answer, and only while somebody reads.
      headersTimeout: 0,
      bodyTimeout: 0,
      allowH2: http2,
      // Over HTTP/1.1 one connection per request under way: cancelling a body then really stops its bytes.
      pipelining: 1,
    });
    this.#agents.add(agent);
    return agent;
  }

  /**
   * Over HTTP/2 requests share a connection, and one that has gone silent would swallow every retry: later requests get new
   * connections, and the old ones go when their answers have ended.
   */
  #leaveConnections(agent: Agent): void {
    if (!this.#connection.http2 || agent !== this.#agent) return;
    this.#agent = this.#openAgent();
    const forget = () => void this.#agents.delete(agent);
    agent.close().then(forget, forget);
  }

  /** One hop: resolves with the answer's head. */
  async #request(
    { cookieJar, scope, wishes }: Order,
    trail: RedirectTrail,
    leftMs: number,
  ): Promise<{ readonly head: ResponseHead; readonly exchange: Exchange; readonly agent: Agent }> {
    const { current: target, hasLeftOrigin } = trail;
    scope.throwIfEnded();
    const agent = this.#agent;
    const headers = composeHeaders(wishes, target, { hasLeftOrigin, cookies: this.#cookies.textFor(cookieJar, target) });
    const expire = (what: string, waitedMs: number) => () => {
      this.#leaveConnections(agent);
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
      agent.dispatch({ origin: target.origin, path: target.path, method: 'GET', headers }, exchange);
      const head = await exchange.head;
      this.#cookies.store(cookieJar, target, headersOf(head.headers, 'set-cookie'));
      return { head, exchange, agent };
    } finally {
      clearTimeout(timer);
      scope.signal.removeEventListener('abort', onAbort);
    }
  }
}
