/** Those who have a track wait so long for those who are still fetching it, in milliseconds. */
const PATIENCE_MS = 15_000;

/** The time that a track waits for the last of its nodes. */
export class Patience implements Disposable {
  readonly #after: (ms: number, run: () => void) => Disposable;
  readonly #onEnd: () => void;
  #trackId: string | undefined;
  #hasEnded = false;
  #waiting: Disposable | undefined;

  /** `onEnd` is called when the time of the track that was asked for last is over. */
  constructor(after: (ms: number, run: () => void) => Disposable, onEnd: () => void) {
    this.#after = after;
    this.#onEnd = onEnd;
  }

  /** Whether a track has waited long enough. Its time begins when this is first asked, and another track's ends with that. */
  hasEnded(trackId: string): boolean {
    if (trackId !== this.#trackId) {
      this.#waiting?.[Symbol.dispose]();
      this.#trackId = trackId;
      this.#hasEnded = false;
      this.#waiting = this.#after(PATIENCE_MS, () => {
        this.#hasEnded = true;
        this.#onEnd();
      });
    }
    return this.#hasEnded;
  }

  [Symbol.dispose](): void {
    this.#waiting?.[Symbol.dispose]();
  }
}
