import { setTimeout as sleep } from 'node:timers/promises';
import { NetError } from '@tutti/net';

/** First rest before a segment that failed is asked for again, in milliseconds; each further one is twice as long, to the longest. */
const FIRST_REST_MS = 1000;
const LONGEST_REST_MS = 8000;

/**
 * Runs `attempt` again when it fails with what may pass by itself, after a rest, as long as that ends within `patienceMs` of the
 * beginning; then throws the last failure. Abort rejects with the signal's reason.
 */
export async function withPatience<T>(
  attempt: () => Promise<T>,
  { patienceMs, signal }: { readonly patienceMs: number; readonly signal: AbortSignal },
): Promise<T> {
  const untilMs = performance.now() + patienceMs;
  for (let restMs = FIRST_REST_MS; ; restMs = Math.min(LONGEST_REST_MS, 2 * restMs)) {
    try {
      return await attempt();
    } catch (error) {
      signal.throwIfAborted();
      if (!mayPass(error) || performance.now() + restMs > untilMs) throw error;
    }
    await rest(restMs, signal);
  }
}

async function rest(restMs: number, signal: AbortSignal): Promise<void> {
  await sleep(restMs, undefined, { signal }).catch(() => signal.throwIfAborted());
}

/** What the origin may answer differently soon. Bytes of another version need a decision first. */
function mayPass(error: unknown): boolean {
  return error instanceof NetError && error.isRecoverable && error.code !== 'net/representation-changed';
}
