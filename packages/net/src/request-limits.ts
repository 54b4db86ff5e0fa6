import type { RequestKind, RequestPriority } from './http-client.ts';

/** The right to have one request under way. */
export interface RequestSlot {
  readonly origin: string;
  /** Idempotent. */
  release(): void;
}

interface Waiting {
  readonly origin: string;
  readonly grant: (slot: RequestSlot) => void;
}

const PRIORITIES: readonly RequestPriority[] = ['demand', 'prefetch', 'warm'];

/**
 * Bounds the requests under way, per origin and in total. Waiting ones go by priority, first come first served inside
 * one, skipping those whose origin is full. Each entry is one awaiting caller, so callers bound the queue.
 */
export class RequestLimits {
  readonly #perOrigin: number;
  readonly #total: number;
  readonly #active = new Map<string, number>();
  readonly #queues: Readonly<Record<RequestPriority, Waiting[]>> = { demand: [], prefetch: [], warm: [] };
  #activeTotal = 0;

  constructor(options: { readonly perOrigin: number; readonly total: number }) {
    this.#perOrigin = options.perOrigin;
    this.#total = options.total;
  }

  /**
   * Waits for a slot. `isContinuation` (a retry, a redirect, a body being healed) goes first inside its priority. Abort
   * leaves the queue and rejects with the signal's reason. A key never waits: it is small, and the segments that wait for it hold
   * slots already, maybe all of them.
   */
  async acquire(
    origin: string,
    options: {
      readonly kind: RequestKind;
      readonly priority: RequestPriority;
      readonly isContinuation?: boolean;
      readonly signal: AbortSignal;
    },
  ): Promise<RequestSlot> {
    const { kind, priority, isContinuation = false, signal } = options;
    signal.throwIfAborted();
    if (kind === 'key') return this.#slot(origin);
    const queue = this.#queues[priority];
    const granted = Promise.withResolvers<RequestSlot>();
    const waiting: Waiting = { origin, grant: granted.resolve };
    const leave = () => {
      const index = queue.indexOf(waiting);
      if (index === -1) return;
      queue.splice(index, 1);
      granted.reject(signal.reason);
    };
    if (isContinuation) queue.unshift(waiting);
    else queue.push(waiting);
    signal.addEventListener('abort', leave);
    try {
      this.#grantWaiting();
      return await granted.promise;
    } finally {
      signal.removeEventListener('abort', leave);
    }
  }

  #grantWaiting(): void {
    for (const priority of PRIORITIES) {
      const queue = this.#queues[priority];
      for (let index = 0; index < queue.length && this.#activeTotal < this.#total;) {
        const waiting = queue[index];
        if (waiting === undefined || (this.#active.get(waiting.origin) ?? 0) >= this.#perOrigin) {
          index += 1;
        } else {
          queue.splice(index, 1);
          waiting.grant(this.#slot(waiting.origin));
        }
      }
    }
  }

  #slot(origin: string): RequestSlot {
    this.#activeTotal += 1;
    this.#active.set(origin, (this.#active.get(origin) ?? 0) + 1);
    let isHeld = true;
    return {
      origin,
      release: () => {
        if (!isHeld) return;
        isHeld = false;
        this.#activeTotal -= 1;
        const left = (this.#active.get(origin) ?? 1) - 1;
        if (left === 0) this.#active.delete(origin);
        else this.#active.set(origin, left);
        this.#grantWaiting();
      },
    };
  }
}
