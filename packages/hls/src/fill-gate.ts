/** Keeps what nobody reads yet from being fetched before the first sound is out: its bytes have the line for themselves. */
export class FillGate {
  readonly #opened = Promise.withResolvers<void>();
  #isOpen = false;

  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** Resolves when it opens. */
  get opened(): Promise<void> {
    return this.#opened.promise;
  }

  /** Idempotent. */
  open(): void {
    this.#isOpen = true;
    this.#opened.resolve();
  }
}
