/** A place in a track: which one of the queue, and how far in. */
export interface TrackPosition {
  readonly index: number;
  readonly seconds: number;
  /** Length of the track as far as it was known then. */
  readonly durationSeconds: number | undefined;
}

interface Mark extends TrackPosition {
  readonly frame: number;
  readonly framesPerSecond: number;
}

/** More than the render history holds at one mark per read. */
const maxMarks = 1024;

/** Which track position each rendered frame came from, over the last few seconds. */
export class TrackPositions {
  readonly #marks: Mark[] = [];

  /** From rendered `frame` on, sound comes from `position`, advancing by one second per `framesPerSecond` frames. */
  mark(frame: number, position: TrackPosition & { readonly framesPerSecond: number }): void {
    // Frames that were dropped after a seek are rendered again: their old origin is void.
    while ((this.#marks.at(-1)?.frame ?? -1) >= frame) this.#marks.pop();
    this.#marks.push({ frame, ...position });
    if (this.#marks.length > maxMarks) this.#marks.shift();
  }

  at(frame: number): TrackPosition | undefined {
    const mark = this.#marks.findLast((candidate) => candidate.frame <= frame) ?? this.#marks[0];
    if (mark === undefined) return undefined;
    const ahead = Math.max(0, frame - mark.frame) / mark.framesPerSecond;
    return { index: mark.index, seconds: mark.seconds + ahead, durationSeconds: mark.durationSeconds };
  }
}
