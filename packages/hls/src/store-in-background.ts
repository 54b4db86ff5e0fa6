/** Gives small resources to whoever waits for them as soon as they came, while they are still being stored. */
export class StoreInBackground {
  readonly #storing = new Set<Promise<void>>();

  /**
   * Runs `work`; resolves with what it announces, or else with its result. Rejects as it does before it announced anything. An abort
   * reaches it until then: what has come is stored.
   */
  async first<T>(
    work: (announce: (value: T) => void, signal: AbortSignal) => Promise<T>,
    signal: AbortSignal | undefined,
  ): Promise<T> {
    signal?.throwIfAborted();
    const announced = Promise.withResolvers<T>();
    const controller = new AbortController();
    const abort = (): void => controller.abort(signal?.reason);
    const endAborting = (): void => signal?.removeEventListener('abort', abort);
    signal?.addEventListener('abort', abort, { once: true });
    const working = work((value) => {
      endAborting();
      this.#track(working);
      announced.resolve(value);
    }, controller.signal);
    return Promise.race([announced.promise, working]).finally(endAborting);
  }

  /** Resolves when all that was announced is stored; rejects with what kept one of them from it. */
  async stored(): Promise<void> {
    await Promise.all(this.#storing);
  }

  #track(working: Promise<unknown>): void {
    const storing = working.then(() => void this.#storing.delete(storing));
    this.#storing.add(storing);
    // Told to whoever asks whether it is stored; until then it must not count as unhandled.
    storing.catch(() => undefined);
  }
}
