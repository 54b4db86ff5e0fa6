import pRetry from 'p-retry';
import type { Clock } from './clock.ts';
import { NetError } from './net-error.ts';

/** How often, and after which waits, a request is tried again. */
export interface RetryOptions {
  /** Retries after the first attempt. Default 5. */
  readonly maxRetries?: number;
  /** Upper bound of the first wait, in milliseconds; doubles with each retry. Default 250. */
  readonly baseMs?: number;
  /** Upper bound of any backoff wait, in milliseconds. Default 8000. */
  readonly capMs?: number;
  /** From the first attempt to the answer, waits included, in milliseconds. Default: none. */
  readonly totalDeadlineMs?: number;
  /**
   * How long an origin may be away (refused, reset, silent, its name not found) before a transfer that has begun gives it
   * up, however many retries that takes, in milliseconds. Default 90 000; none when `maxRetries` is 0.
   */
  readonly outageMs?: number;
}

/** Longest wait that a server may ask for. */
const MAX_RETRY_AFTER_MS = 60_000;

/** What the caller of `retrying` hears about each retry, before its wait. */
export interface RetryNotice {
  /** The attempt that failed, from 1. */
  readonly attempt: number;
  readonly delayMs: number;
  readonly error: NetError;
}

/** Exponential backoff with full jitter, `Retry-After` and a deadline. */
export class RetryPolicy {
  readonly maxRetries: number;
  readonly totalDeadlineMs: number;
  readonly #outageMs: number;
  readonly #baseMs: number;
  readonly #capMs: number;
  readonly #random: () => number;
  readonly #clock: Clock;

  constructor(options: RetryOptions, dependencies: { readonly random: () => number; readonly clock: Clock }) {
    this.maxRetries = options.maxRetries ?? 5;
    this.totalDeadlineMs = options.totalDeadlineMs ?? Number.POSITIVE_INFINITY;
    this.#outageMs = this.maxRetries === 0 ? 0 : (options.outageMs ?? 90_000);
    this.#baseMs = options.baseMs ?? 250;
    this.#capMs = options.capMs ?? 8000;
    this.#random = dependencies.random;
    this.#clock = dependencies.clock;
  }

  /** Wait before retry number `retry` (from 0): anything from 0 to the doubled, capped base. */
  backoffMs(retry: number): number {
    return this.#random() * Math.min(this.#capMs, this.#baseMs * 2 ** retry);
  }

  /** Waits before a retry. */
  sleep(delayMs: number, signal: AbortSignal): Promise<void> {
    return this.#clock.sleep(delayMs, signal);
  }

  /**
   * Runs `attempt` until it succeeds, fails for good, or retries or deadline are used up. `leftMs` is what the deadline
   * leaves to the attempt. With `outlastsOutage` an origin that is away is asked until `outageMs` have passed. The last
   * error says how many attempts were made. Abort rejects with the signal's reason.
   */
  async retrying<T>(
    attempt: (attempt: number, leftMs: number) => Promise<T>,
    options: {
      readonly outlastsOutage?: boolean;
      readonly signal: AbortSignal;
      readonly onRetry: (notice: RetryNotice) => void;
    },
  ): Promise<T> {
    const { outlastsOutage = false, signal, onRetry } = options;
    const startedMs = this.#clock.nowMs();
    const leftMs = () => this.totalDeadlineMs - (this.#clock.nowMs() - startedMs);
    let attempts = 0;
    let attemptedMs = startedMs;
    let awaySinceMs: number | undefined;
    try {
      return await pRetry(
        (number) => {
          attempts = number;
          attemptedMs = this.#clock.nowMs();
          return attempt(number, leftMs());
        },
        {
          // Counted below: an outage is measured by its length.
          retries: Number.POSITIVE_INFINITY,
          // The waits are ours: p-retry's jitter is not full, and it knows no Retry-After.
          minTimeout: 0,
          signal,
          shouldRetry: async ({ error, retriesConsumed }) => {
            if (!isRetryable(error)) return false;
            const delayMs = Math.max(this.backoffMs(retriesConsumed), Math.min(error.retryAfterMs ?? 0, MAX_RETRY_AFTER_MS));
            if (delayMs >= leftMs()) return false;
            awaySinceMs = isOutage(error) ? (awaySinceMs ?? attemptedMs) : undefined;
            const isPatient =
              outlastsOutage && awaySinceMs !== undefined && this.#clock.nowMs() + delayMs - awaySinceMs < this.#outageMs;
            if (retriesConsumed >= this.maxRetries && !isPatient) return false;
            onRetry({ attempt: attempts, delayMs, error });
            await this.sleep(delayMs, signal);
            return true;
          },
        },
      );
    } catch (error) {
      throw error instanceof NetError ? error.withAttempts(attempts) : error;
    }
  }
}

/** Whether the origin, or the way to it, seems to be away; an error of a server that answers is no outage. */
function isOutage({ code }: NetError): boolean {
  return code === 'net/connect-failed' || code === 'net/reset' || code === 'net/timeout';
}

/** Whether the same request may simply be sent again. A changed representation needs a decision first. */
export function isRetryable(error: unknown): error is NetError {
  return error instanceof NetError && error.isRecoverable && error.code !== 'net/representation-changed';
}

/**
 * Milliseconds that `Retry-After` asks for (RFC 9110, 10.2.3): seconds, or a date, which is compared with the answer's
 * own `Date`, since the two clocks may differ. Undefined when absent or malformed.
 */
export function parseRetryAfter(retryAfter: string | undefined, date: string | undefined): number | undefined {
  if (retryAfter === undefined) return undefined;
  if (/^\d+$/.test(retryAfter.trim())) return Number(retryAfter) * 1000;
  const delayMs = Date.parse(retryAfter) - Date.parse(date ?? '');
  return Number.isNaN(delayMs) ? undefined : Math.max(0, delayMs);
}
