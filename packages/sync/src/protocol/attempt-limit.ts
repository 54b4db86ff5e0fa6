/** Wrong proofs that one address may give before it has to wait. */
const MAX_WRONG = 5;
const LOCK_MS = 60_000;
/** Addresses remembered at most: an attacker with many does not grow the table. */
const MAX_ADDRESSES = 4096;

interface Attempts {
  wrong: number;
  lockedUntilMs: number;
}

/** Counts wrong proofs by address: five in a row lock it for a minute, a right one clears it. */
export class AttemptLimit {
  readonly #now: () => number;
  readonly #attempts = new Map<string, Attempts>();

  /** @param now Monotonic clock in milliseconds. */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** How long an address still has to wait, in milliseconds; 0 when it may try. */
  waitMs(address: string): number {
    return Math.max(0, (this.#attempts.get(address)?.lockedUntilMs ?? 0) - this.#now());
  }

  wrong(address: string): void {
    const attempts = this.#attempts.get(address) ?? { wrong: 0, lockedUntilMs: 0 };
    attempts.wrong += 1;
    if (attempts.wrong >= MAX_WRONG) {
      attempts.wrong = 0;
      attempts.lockedUntilMs = this.#now() + LOCK_MS;
    }
    this.#attempts.delete(address);
    this.#attempts.set(address, attempts);
    const [oldest] = this.#attempts.keys();
    if (this.#attempts.size > MAX_ADDRESSES && oldest !== undefined) this.#attempts.delete(oldest);
  }

  right(address: string): void {
    this.#attempts.delete(address);
  }
}
