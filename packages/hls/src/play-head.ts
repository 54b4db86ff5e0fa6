/** Where one reader of a run stands. */
export interface PlayMark {
  /** The reader is in the segment that begins at `seconds` of the presentation. */
  move(seconds: number): void;
  /** The reader is done. Idempotent. */
  leave(): void;
}

/**
 * How far a run has been read. While one span is still read the next ones are fetched already: the first that is not read to its
 * end counts.
 */
export class PlayHead {
  readonly #marks: { seconds: number }[] = [];

  /** Seconds of the presentation; `undefined` while nothing is read. */
  get seconds(): number | undefined {
    return this.#marks[0]?.seconds;
  }

  /** A reader comes after those that are there. */
  enter(seconds: number): PlayMark {
    const mark = { seconds };
    this.#marks.push(mark);
    return {
      move: (seconds) => {
        mark.seconds = seconds;
      },
      leave: () => {
        const at = this.#marks.indexOf(mark);
        if (at !== -1) this.#marks.splice(at, 1);
      },
    };
  }
}
