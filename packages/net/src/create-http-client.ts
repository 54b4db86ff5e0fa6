import type { LookupFunction } from 'node:net';
import { acceptAnswer } from './acceptance.ts';
import { type AskedRange, isAskable } from './byte-range.ts';
import { type Clock, systemClock } from './clock.ts';
import { HealingBody, type OpenedAnswer } from './healing-body.ts';
import type { HttpBody, HttpClient, HttpRequest, HttpText, NetEvent } from './http-client.ts';
import type { Representation } from './representation.ts';
import type { HeadersProvider } from './request-headers.ts';
import { RequestLimits } from './request-limits.ts';
import { RetryPolicy, type RetryOptions } from './retry-policy.ts';
import { Scope } from './scope.ts';
import { Sender } from './sender.ts';
import { parseTarget, type Target } from './target.ts';
import { PLAYLIST_CODINGS, readWhole } from './whole-body.ts';

/** One line per event: fields first. */
export interface NetLogger {
  debug(fields: Readonly<Record<string, unknown>>, message: string): void;
  warn(fields: Readonly<Record<string, unknown>>, message: string): void;
}

export interface HttpClientOptions {
  /** Until a connection stands, in milliseconds. Default 10 000. */
  readonly connectTimeoutMs?: number;
  /** From the request to the answer's head, in milliseconds. Default 10 000. */
  readonly firstByteTimeoutMs?: number;
  /** Between two pieces of a body, while somebody waits for it, in milliseconds. Default 15 000. */
  readonly idleTimeoutMs?: number;
  readonly retry?: RetryOptions;
  /** Requests under way per origin. Default 6. */
  readonly perOriginRequests?: number;
  /** Requests under way in total. Default 16. */
  readonly totalRequests?: number;
  /** Default `tutti`. */
  readonly userAgent?: string;
  /** From 0 to below 1: for jitter. Default `Math.random`. */
  readonly random?: () => number;
  /** Default: the system's monotonic clock. */
  readonly clock?: Clock;
  /** More headers for each request and each redirect's hop; credentials among them stay on the first URL's origin. */
  readonly headers?: HeadersProvider;
  /**
   * Speak HTTP/2 with servers that offer it by TLS. Default false: undici tells a stream of unknown length
   * that the server cancels as ended in order, so that a cut-off body would pass for a whole one.
   */
  readonly http2?: boolean;
  /** Certificate authorities to trust instead of the system's, in PEM. */
  readonly certificateAuthorities?: readonly string[];
  /** Finds the addresses of a host name. Default: `dns.lookup`. */
  readonly lookup?: LookupFunction;
  /** Default: silent. */
  readonly logger?: NetLogger;
}

/** Most bytes of a whole resource, unless the request says otherwise. */
const DEFAULT_MAX_BYTES = 16 * 1024 * 1024;

/** Makes the HTTP client. It owns its connections: `close()` destroys them. */
export function createHttpClient(options: HttpClientOptions = {}): HttpClient {
  return new UndiciHttpClient(options);
}

/** What every attempt at one request has in common. */
interface Task {
  readonly request: HttpRequest;
  readonly target: Target;
  readonly scope: Scope;
  readonly codings: readonly string[];
}

/** The part of a request that changes when a body is healed. */
interface Part {
  readonly range: AskedRange | undefined;
  readonly expected: Representation | undefined;
  readonly isContinuation: boolean;
}

class UndiciHttpClient implements HttpClient {
  readonly #limits: RequestLimits;
  readonly #sender: Sender;
  readonly #policy: RetryPolicy;
  readonly #clock: Clock;
  readonly #userAgent: string;
  readonly #provider: HeadersProvider | undefined;
  readonly #logger: NetLogger | undefined;
  readonly #listeners = new Set<(event: NetEvent) => void>();
  readonly #closed = new AbortController();

  constructor(options: HttpClientOptions) {
    const { connectTimeoutMs = 10_000, firstByteTimeoutMs = 10_000, idleTimeoutMs = 15_000 } = options;
    this.#clock = options.clock ?? systemClock;
    this.#limits = new RequestLimits({ perOrigin: options.perOriginRequests ?? 6, total: options.totalRequests ?? 16 });
    this.#sender = new Sender({
      limits: this.#limits,
      timeouts: { connectTimeoutMs, firstByteTimeoutMs, idleTimeoutMs },
      clock: this.#clock,
      connection: {
        http2: options.http2 ?? false,
        certificateAuthorities: options.certificateAuthorities,
        lookup: options.lookup,
      },
    });
    this.#policy = new RetryPolicy(options.retry ?? {}, { random: options.random ?? Math.random, clock: this.#clock });
    this.#userAgent = options.userAgent ?? 'tutti';
    this.#provider = options.headers;
    this.#logger = options.logger;
  }

  async open(request: HttpRequest, options: { readonly signal?: AbortSignal } = {}): Promise<HttpBody> {
    options.signal?.throwIfAborted();
    const task = this.#task(request, { signal: options.signal, codings: [] });
    const { target, scope } = task;
    const startedMs = this.#clock.nowMs();
    const { range, expected } = request;
    const first = await this.#establish(task, { range, expected, isContinuation: false }, (opened) => Promise.resolve(opened));
    return new HealingBody({
      first,
      start: range?.start ?? 0,
      label: target.label,
      policy: this.#policy,
      scope,
      isHtmlGuarded: isHtmlGuarded(request),
      reopen: (offset, representation) =>
        this.#establish(
          task,
          { range: { start: offset, end: range?.end }, expected: representation, isContinuation: true },
          (opened) => Promise.resolve(opened),
        ),
      onHealed: (offset, { code }) => this.#emit({ type: 'healed', url: target.label, kind: request.kind, offset, code }),
      onEnd: (bytes) =>
        this.#emit({ type: 'body', url: target.label, kind: request.kind, bytes, durationMs: this.#clock.nowMs() - startedMs }),
    });
  }

  async fetchWhole(
    request: HttpRequest & { readonly maxBytes?: number },
    options: { readonly signal?: AbortSignal } = {},
  ): Promise<HttpText> {
    options.signal?.throwIfAborted();
    const isTextual = request.kind === 'playlist' && request.range === undefined;
    const task = this.#task(request, { signal: options.signal, codings: isTextual ? PLAYLIST_CODINGS : [] });
    const { target, scope } = task;
    const { range, expected, kind, maxBytes = DEFAULT_MAX_BYTES } = request;
    const startedMs = this.#clock.nowMs();
    return this.#establish(task, { range, expected, isContinuation: false }, async (opened) => {
      try {
        const bytes = await readWhole(opened, {
          label: target.label,
          start: range?.start ?? 0,
          maxBytes,
          isHtmlGuarded: isHtmlGuarded(request),
        });
        scope.throwIfEnded();
        const { representation, contentType } = opened.acceptance;
        this.#emit({ type: 'body', url: target.label, kind, bytes: bytes.length, durationMs: this.#clock.nowMs() - startedMs });
        return { finalUrl: opened.answer.target.href, representation, contentType, bytes };
      } finally {
        opened.answer.release();
      }
    });
  }

  on(listener: (event: NetEvent) => void): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  async close(): Promise<void> {
    this.#closed.abort();
    await this.#sender.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #task(request: HttpRequest, options: { readonly signal: AbortSignal | undefined; readonly codings: readonly string[] }): Task {
    const target = parseTarget(request.url);
    if (request.range !== undefined && !isAskable(request.range)) {
      throw new RangeError(
        `GET ${target.label}: range ${request.range.start} to ${request.range.end ?? 'the end'} cannot be asked for`,
      );
    }
    const scope = new Scope({ caller: options.signal, closed: this.#closed.signal, label: target.label });
    scope.throwIfEnded();
    return { request, target, scope, codings: options.codings };
  }

  /** Sends until `finish` has got what it needs from an accepted answer, or retries are used up. */
  async #establish<T>(task: Task, part: Part, finish: (opened: OpenedAnswer) => Promise<T>): Promise<T> {
    const { request, target, scope, codings } = task;
    const { kind, priority = 'demand' } = request;
    let slot;
    try {
      // Waiting for the first slot counts neither as an attempt nor against the deadline.
      slot = await this.#limits.acquire(target.origin, {
        kind,
        priority,
        isContinuation: part.isContinuation,
        signal: scope.signal,
      });
      const firstSlot = slot;
      return await this.#policy.retrying(
        async (attempt, leftMs) => {
          const answer = await this.#sender.send({
            target,
            wishes: {
              kind,
              userAgent: this.#userAgent,
              acceptEncoding: codings.length === 0 ? 'identity' : 'gzip, deflate, br',
              range: part.range,
              expected: part.expected,
              headers: request.headers,
              provider: this.#provider,
            },
            priority,
            cookieJar: request.cookieJar,
            scope,
            slot: attempt === 1 ? firstSlot : undefined,
            leftMs,
          });
          const { status, headers, timeToFirstByteMs } = answer;
          this.#emit({ type: 'response', url: target.label, kind, status, timeToFirstByteMs });
          let acceptance;
          try {
            acceptance = acceptAnswer({
              label: target.label,
              status,
              headers,
              range: part.range,
              expected: part.expected,
              codings,
            });
          } catch (error) {
            answer.discard();
            throw error;
          }
          return finish({ answer, acceptance });
        },
        {
          outlastsOutage: part.isContinuation || request.outlastsOutage === true,
          signal: scope.signal,
          onRetry: ({ attempt, delayMs, error }) => {
            this.#logger?.warn({ url: target.label, attempt, delayMs, code: error.code }, 'request will be tried again');
            this.#emit({ type: 'retry', url: target.label, kind, attempt, delayMs, code: error.code });
          },
        },
      );
    } catch (error) {
      slot?.release();
      throw scope.judged(error);
    }
  }

  #emit(event: NetEvent): void {
    this.#logger?.debug({ ...event }, 'net event');
    for (const listener of this.#listeners) {
      try {
        listener(event);
      } catch (error) {
        this.#logger?.warn({ error: error instanceof Error ? error.message : 'unknown' }, 'a listener of net events threw');
      }
    }
  }
}

function isHtmlGuarded({ kind }: HttpRequest): boolean {
  return kind !== 'playlist';
}
