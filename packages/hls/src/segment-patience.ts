import { setTimeout as sleep } from 'node:timers/promises';
import { NetError } from '@tutti/net';

/** First rest before a segment that failed is asked for again, in milliseconds; each further one is twice as long, to the longest. */
export const FIRST_REST_MS = 1000;
const LONGEST_REST_MS = 8000;

export interface PatienceOptions {
  /** How long after the beginning another attempt may begin, in milliseconds. */
  readonly patienceMs: number;
  readonly firstRestMs: number;
  /** Waits before the next attempt. */
  readonly rest: (restMs: number) => Promise<void>;
}

/**
 * Runs `attempt` again when it fails with what may pass by itself, after a rest, as long as that ends within `patienceMs` of the
 * beginning; then throws the last failure. What `rest` throws comes through.
 */
export async function withPatience<T>(attempt: () => Promise<T>, { firstRestMs, patienceMs, rest }: PatienceOptions): Promise<T> {
  const untilMs = performance.now() + patienceMs;
  for (let restMs = firstRestMs; ; restMs = Math.min(LONGEST_REST_MS, 2 * restMs)) {
    try {
      return await attempt();
    } catch (error) {
      if (!mayPass(error) || performance.now() + restMs > untilMs) throw error;
    }
    await rest(restMs);
  }
}

/** The rests of what has failed, by name: whoever demands it anew does not wait for the end of one. */
export class Rests {
  readonly #cuts = new Map<string, () => void>();

  /** Waits; one rest of a name at a time. Abort rejects with the signal's reason. */
  async take(name: string, { restMs, signal }: { readonly restMs: number; readonly signal: AbortSignal }): Promise<void> {
    const cut = new AbortController();
    this.#cuts.set(name, () => cut.abort());
    try {
      await sleep(restMs, undefined, { signal: AbortSignal.any([signal, cut.signal]) });
    } catch {
      signal.throwIfAborted();
    } finally {
      this.#cuts.delete(name);
    }
  }

  /** Ends the rest that goes on under this name, if any. */
  cut(name: string): void {
    this.#cuts.get(name)?.();
  }
}

/** What the origin may answer differently soon. Bytes of another version need a decision first. */
function mayPass(error: unknown): boolean {
  return error instanceof NetError && error.isRecoverable && error.code !== 'net/representation-changed';
}
