interface Flight<T> {
  readonly promise: Promise<T>;
  readonly controller: AbortController;
  callerCount: number;
}

/** Runs one piece of work per key however many ask for it. It is aborted when the last of them has gone. */
export class SingleFlight<T> {
  readonly #flights = new Map<string, Flight<T>>();
  /** All that goes on, that which everybody has left included. */
  readonly #running = new Set<Flight<T>>();

  /** Joins the work of `key` or starts it. Abort ends this caller's part; the others go on. */
  async run(key: string, work: (signal: AbortSignal) => Promise<T>, signal: AbortSignal | undefined): Promise<T> {
    signal?.throwIfAborted();
    const flight = this.#flights.get(key) ?? this.#start(key, work);
    flight.callerCount += 1;
    const { promise: aborted, reject } = Promise.withResolvers<never>();
    const onAbort = (): void => reject(signal?.reason);
    signal?.addEventListener('abort', onAbort, { once: true });
    try {
      return await Promise.race([flight.promise, aborted]);
    } finally {
      signal?.removeEventListener('abort', onAbort);
      flight.callerCount -= 1;
      if (flight.callerCount === 0) this.#leave(key, flight, signal);
    }
  }

  /** Aborts all work; settles when it is over. */
  async stop(reason: Error): Promise<void> {
    const flights = [...this.#running];
    for (const { controller } of flights) controller.abort(reason);
    await Promise.allSettled(flights.map(({ promise }) => promise));
  }

  #start(key: string, work: (signal: AbortSignal) => Promise<T>): Flight<T> {
    const controller = new AbortController();
    const promise = work(controller.signal);
    const flight: Flight<T> = { promise, controller, callerCount: 0 };
    this.#flights.set(key, flight);
    this.#running.add(flight);
    const forget = (): void => {
      this.#running.delete(flight);
      if (this.#flights.get(key) === flight) this.#flights.delete(key);
    };
    promise.then(forget, forget);
    return flight;
  }

  #leave(key: string, flight: Flight<T>, signal: AbortSignal | undefined): void {
    if (this.#flights.get(key) !== flight) return;
    // Later callers start anew instead of joining work that is being aborted.
    this.#flights.delete(key);
    flight.controller.abort(signal?.reason);
  }
}
