import type { MediaSourceEvent } from './media-source.ts';

/** The listeners of one source. What a listener throws is reported as an uncaught error and disturbs nobody. */
export class SourceEvents {
  readonly #listeners = new Set<{ readonly call: (event: MediaSourceEvent) => void }>();

  /** Adds a listener. It is told of `past`, soon, when that has happened before anybody could listen. */
  on(call: (event: MediaSourceEvent) => void, past?: MediaSourceEvent): Disposable {
    const entry = { call };
    this.#listeners.add(entry);
    if (past !== undefined) queueMicrotask(() => void (this.#listeners.has(entry) && call(past)));
    return { [Symbol.dispose]: () => void this.#listeners.delete(entry) };
  }

  emit(event: MediaSourceEvent): void {
    for (const { call } of Array.from(this.#listeners)) {
      try {
        call(event);
      } catch (error) {
        queueMicrotask(() => {
          throw error;
        });
      }
    }
  }
}
