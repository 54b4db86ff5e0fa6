import { defaultTempo, nearestTempo, type Tempo } from './tempo.ts';
import { addTicks, type Ticks } from './ticks.ts';

/** Where a musical clock reads the time, in microseconds that never run backwards. */
export interface TimeSource {
  readonly nowUs: () => number;
}

/** Where a musical clock stands: plain data. */
export interface MusicalPosition {
  readonly ticks: Ticks;
  readonly tempo: Tempo;
}

/** Counts ticks that somebody else makes, and knows when the last one came. Begins at tick 0 and tempo 120. */
export class MusicalClock {
  readonly #time: TimeSource;
  #ticks = 0 as Ticks;
  #tempo = defaultTempo;
  #lastTickUs: number;

  constructor(time: TimeSource) {
    this.#time = time;
    this.#lastTickUs = time.nowUs();
  }

  get position(): MusicalPosition {
    return { ticks: this.#ticks, tempo: this.#tempo };
  }

  /** Microseconds since the last tick, or since the beginning when there was none. */
  get sinceLastTickUs(): number {
    return this.#time.nowUs() - this.#lastTickUs;
  }

  /** One tick more, now. */
  tick(): void {
    this.#ticks = addTicks(this.#ticks, 1 as Ticks);
    this.#lastTickUs = this.#time.nowUs();
  }

  /** Takes the nearest tempo within 20 to 400. */
  setTempo(beatsPerMinute: number): void {
    this.#tempo = nearestTempo(beatsPerMinute);
  }
}
