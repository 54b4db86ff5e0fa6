/** Runs tasks of one key one after the other; tasks of different keys run side by side. Remembers only keys in use. */
export class KeyedQueue {
  readonly #tails = new Map<string, Promise<void>>();

  /** Whether a task of this key runs or waits. */
  isBusy(key: string): boolean {
    return this.#tails.has(key);
  }

  async run<T>(key: string, task: () => Promise<T>): Promise<T> {
    const before = this.#tails.get(key);
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#tails.set(key, promise);
    await before;
    try {
      return await task();
    } finally {
      if (this.#tails.get(key) === promise) this.#tails.delete(key);
      resolve();
    }
  }
}
