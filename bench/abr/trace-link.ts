import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** A stretch of constant bandwidth. */
interface TracePiece {
  readonly seconds: number;
  readonly bitsPerSecond: number;
  readonly latencySeconds: number;
}

/** A recorded link, played in a loop. */
export interface Trace {
  readonly name: string;
  readonly pieces: readonly TracePiece[];
}

/** Bytes are reported at least this often, as a socket would. */
const STEP_SECONDS = 0.05;

/** The traces of a folder in order of their names; every bandwidth is multiplied by `scale`. */
export function readTraces(folder: string, scale: number): readonly Trace[] {
  const names = readdirSync(folder).filter((name) => name.endsWith('.json'));
  return names.toSorted().map((name) => {
    const recorded = JSON.parse(readFileSync(join(folder, name), 'utf8')) as readonly {
      readonly duration_ms: number;
      readonly bandwidth_kbps: number;
      readonly latency_ms: number;
    }[];
    const pieces = recorded.map((piece) => ({
      seconds: piece.duration_ms / 1000,
      bitsPerSecond: piece.bandwidth_kbps * 1000 * scale,
      latencySeconds: piece.latency_ms / 1000,
    }));
    return { name, pieces };
  });
}

/** One client's way through a trace; its clock stands still while nothing is asked of it. */
export class TraceLink {
  readonly #pieces: readonly TracePiece[];
  #index = 0;
  #offsetSeconds = 0;
  #nowSeconds = 0;

  constructor({ pieces }: Trace) {
    this.#pieces = pieces;
  }

  get nowSeconds(): number {
    return this.#nowSeconds;
  }

  /** Lets time pass. */
  wait(seconds: number): void {
    let left = seconds;
    while (left > 0) {
      const step = Math.min(left, this.#piece.seconds - this.#offsetSeconds);
      this.#advance(step);
      left -= step;
    }
  }

  /** One request: the wait for the first byte, `onBody`, then the body in small steps. */
  transfer(bits: number, onBody: () => void, onBits: (bits: number) => void): void {
    this.wait(this.#piece.latencySeconds);
    onBody();
    let left = bits;
    while (left > 1e-6) {
      const { bitsPerSecond, seconds } = this.#piece;
      const step = Math.min(STEP_SECONDS, seconds - this.#offsetSeconds, left / bitsPerSecond);
      this.#advance(step);
      const arrived = Math.min(left, step * bitsPerSecond);
      left -= arrived;
      onBits(arrived);
    }
  }

  get #piece(): TracePiece {
    const piece = this.#pieces[this.#index];
    if (piece === undefined) throw new RangeError('a trace without pieces');
    return piece;
  }

  #advance(seconds: number): void {
    this.#nowSeconds += seconds;
    this.#offsetSeconds += seconds;
    if (this.#offsetSeconds < this.#piece.seconds - 1e-9) return;
    this.#offsetSeconds = 0;
    this.#index = (this.#index + 1) % this.#pieces.length;
  }
}
