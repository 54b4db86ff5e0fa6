import type { SessionUs } from '@tutti/sync';
import { GainCurve } from './gain-curve.ts';

/** Volume and mute from one instant of session time on; what is absent stays as it is. */
export interface LevelPoint {
  readonly atUs: SessionUs;
  readonly volumeDb?: number | undefined;
  readonly muted?: boolean | undefined;
}

/** At and below this volume there is silence. */
const silenceDb = -96;

/** Levels over session time: the same points give the same gain at the same instant on every node. */
export class AutomationTrack {
  #points: readonly LevelPoint[] = [];
  /** What the points that were forgotten amounted to. */
  #base: { readonly volumeDb: number; readonly muted: boolean } = { volumeDb: 0, muted: false };

  /** Adds points; one at the instant of another follows it. Says when the earliest of them acts. */
  add(points: readonly LevelPoint[]): SessionUs | undefined {
    const sorted = points.toSorted((a, b) => a.atUs - b.atUs);
    this.#points = [...this.#points, ...sorted].toSorted((a, b) => a.atUs - b.atUs);
    return sorted[0]?.atUs;
  }

  /** Whether every frame passes unchanged. */
  get isIdle(): boolean {
    return this.#points.length === 0 && decibels(this.#base) === 0;
  }

  /** The gain over device frames; `frameAt` says where an instant lies, fractions included. */
  curve(frameAt: (atUs: SessionUs) => number, rampFrames: number): GainCurve {
    const curve = new GainCurve(decibels(this.#base), rampFrames);
    let level = this.#base;
    for (const point of this.#points) {
      level = { volumeDb: point.volumeDb ?? level.volumeDb, muted: point.muted ?? level.muted };
      curve.set(Math.ceil(frameAt(point.atUs) - 1e-6), decibels(level));
    }
    return curve;
  }

  /** Folds the points before `atUs` into one: nobody asks for those instants any more. */
  forgetBefore(atUs: number): void {
    const kept = this.#points.findIndex((point) => point.atUs >= atUs);
    const done = kept < 0 ? this.#points : this.#points.slice(0, kept);
    for (const point of done) {
      this.#base = { volumeDb: point.volumeDb ?? this.#base.volumeDb, muted: point.muted ?? this.#base.muted };
    }
    this.#points = kept < 0 ? [] : this.#points.slice(kept);
  }
}

function decibels({ volumeDb, muted }: { readonly volumeDb: number; readonly muted: boolean }): number {
  return muted || volumeDb <= silenceDb ? Number.NEGATIVE_INFINITY : volumeDb;
}
