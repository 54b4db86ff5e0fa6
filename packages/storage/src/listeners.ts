/** Functions to call when something has happened. One that throws is reported as an uncaught error and disturbs nobody. */
export class Listeners {
  readonly #listeners = new Set<{ readonly call: () => void }>();

  add(call: () => void): Disposable {
    const entry = { call };
    this.#listeners.add(entry);
    return { [Symbol.dispose]: () => void this.#listeners.delete(entry) };
  }

  notify(): void {
    // A copy: a listener may add and remove listeners.
    for (const listener of Array.from(this.#listeners)) {
      try {
        listener.call();
      } catch (error) {
        queueMicrotask(() => {
          throw error;
        });
      }
    }
  }
}
