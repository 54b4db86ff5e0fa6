import { GainCurve } from './gain-curve.ts';
import { sessionUsOfTick, type MusicalLine } from './musical/musical-line.ts';
import type { Ticks } from './musical/ticks.ts';
import type { SessionUs } from './units.ts';
import { silenceDb, unityDb } from './volume.ts';

/** What changes at a point; what is absent stays as it is. */
interface LevelChange {
  /** Volume from this instant on, in dBFS, −96 (silence) to 0. */
  readonly volumeDb?: number | undefined;
  /** Muted from this instant on. It does not touch the volume. */
  readonly muted?: boolean | undefined;
}

/** A change of volume or mute at an instant of session time. */
export interface PlacedAutomation extends LevelChange {
  readonly atUs: SessionUs;
}

/** A change of volume or mute at one instant, told as a session time or as musical time. */
export type AutomationPoint = PlacedAutomation | (LevelChange & { readonly tick: Ticks });

/** The points in session time: what is told in ticks happens where `line` puts the tick. */
export function placeAutomation(points: readonly AutomationPoint[], line: MusicalLine): PlacedAutomation[] {
  return points.map((point) => {
    if (!('tick' in point) || point.tick === undefined) return point as PlacedAutomation;
    const { tick, ...change } = point;
    return { ...change, atUs: sessionUsOfTick(line, tick) };
  });
}

/** Volume and mute over session time: the same points give the same gain at the same instant on every node. */
export class AutomationLane {
  #points: readonly PlacedAutomation[] = [];
  /** What the points that were forgotten amounted to. */
  #before: Required<LevelChange> = { volumeDb: unityDb, muted: false };

  /** Whether everything passes unchanged. */
  get isIdle(): boolean {
    return this.#points.length === 0 && decibelsOf(this.#before) === unityDb;
  }

  /** Adds points, in any order; of two at one instant the one added later decides. Says when the earliest of them acts. */
  add(points: readonly PlacedAutomation[]): SessionUs | undefined {
    const sorted = points.toSorted((a, b) => a.atUs - b.atUs);
    this.#points = [...this.#points, ...sorted].toSorted((a, b) => a.atUs - b.atUs);
    return sorted[0]?.atUs;
  }

  /**
   * The gain over frames. A point acts from the first frame that is heard at its instant or after it; `frameAt` says where an instant lies,
   * fractions included.
   */
  curve(frameAt: (atUs: SessionUs) => number, rampFrames: number): GainCurve {
    const curve = new GainCurve(decibelsOf(this.#before), rampFrames);
    let level = this.#before;
    for (const point of this.#points) {
      level = changed(level, point);
      curve.set(Math.ceil(frameAt(point.atUs) - roundingFrames), decibelsOf(level));
    }
    return curve;
  }

  /** Folds the points before `atUs` into one: nobody asks for those instants any more, ramps included. */
  forgetBefore(atUs: SessionUs): void {
    const kept = this.#points.findIndex((point) => point.atUs >= atUs);
    const gone = kept < 0 ? this.#points : this.#points.slice(0, kept);
    this.#before = gone.reduce(changed, this.#before);
    this.#points = this.#points.slice(gone.length);
  }
}

/** An instant that lies on a frame must not slip to the next one by the rounding of a division. */
const roundingFrames = 1e-6;

function changed(level: Required<LevelChange>, change: LevelChange): Required<LevelChange> {
  return { volumeDb: change.volumeDb ?? level.volumeDb, muted: change.muted ?? level.muted };
}

function decibelsOf({ volumeDb, muted }: Required<LevelChange>): number {
  return muted === true ? silenceDb : (volumeDb ?? unityDb);
}
