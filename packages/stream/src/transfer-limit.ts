/** Bounds the transfers that go on at once. */
export interface TransferLimit {
  /** Most transfers at once. */
  readonly count: number;
  /** Waits for its turn; dispose what it gives when the transfer is over. Abort rejects with the signal's reason. */
  acquire(signal?: AbortSignal): Promise<Disposable>;
}

interface Waiting {
  readonly rank: number;
  readonly grant: () => void;
}

/**
 * One limit for several jobs. A job of a lower rank goes first, so that jobs are finished in order and later ones take what is
 * left over; inside one rank it is first come, first served.
 */
export class SharedTransferLimit {
  readonly count: number;
  readonly #waiting: Waiting[] = [];
  #free: number;

  /** `count`: most transfers at once, 1 at least. */
  constructor(count: number) {
    this.count = count;
    this.#free = count;
  }

  /** The limit as the job of this rank sees it. */
  ranked(rank: number): TransferLimit {
    return { count: this.count, acquire: (signal) => this.#acquire(rank, signal) };
  }

  async #acquire(rank: number, signal: AbortSignal | undefined): Promise<Disposable> {
    signal?.throwIfAborted();
    const { promise, reject, resolve } = Promise.withResolvers<void>();
    const waiting: Waiting = { rank, grant: resolve };
    const behind = this.#waiting.findIndex((other) => other.rank > rank);
    this.#waiting.splice(behind === -1 ? this.#waiting.length : behind, 0, waiting);
    const leave = (): void => {
      const index = this.#waiting.indexOf(waiting);
      if (index === -1) return;
      this.#waiting.splice(index, 1);
      reject(signal?.reason);
    };
    signal?.addEventListener('abort', leave);
    this.#grant();
    try {
      await promise;
    } finally {
      signal?.removeEventListener('abort', leave);
    }
    let isHeld = true;
    return {
      [Symbol.dispose]: () => {
        if (!isHeld) return;
        isHeld = false;
        this.#free += 1;
        this.#grant();
      },
    };
  }

  #grant(): void {
    while (this.#free > 0) {
      const next = this.#waiting.shift();
      if (next === undefined) return;
      this.#free -= 1;
      next.grant();
    }
  }
}
