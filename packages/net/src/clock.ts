/** Monotonic time and waiting: injected, so that tests need not wait. */
export interface Clock {
  /** Monotonic milliseconds. */
  nowMs(): number;
  /** Waits. Abort rejects with the signal's reason at once. */
  sleep(delayMs: number, signal: AbortSignal): Promise<void>;
}

/** The real clock. */
export const systemClock: Clock = {
  nowMs: () => performance.now(),
  sleep: (delayMs, signal) =>
    new Promise((resolve, reject) => {
      signal.throwIfAborted();
      const abort = () => {
        clearTimeout(timer);
        reject(signal.reason);
      };
      const timer = setTimeout(() => {
        signal.removeEventListener('abort', abort);
        resolve();
      }, delayMs);
      signal.addEventListener('abort', abort, { once: true });
    }),
};
