import { ThroughputEstimator } from './throughput.ts';

/** Origins that are remembered; the one that was used longest ago is forgotten first. */
const MAX_ORIGINS = 64;

/**
 * What was measured last of each origin, so that the next presentation of one does not start blind. The new estimator counts half
 * of it until it has measured itself.
 */
export class ThroughputMemory {
  readonly #last = new Map<string, ThroughputEstimator>();

  /** An estimator for a new session with the origin of `url`. */
  begin(url: string): ThroughputEstimator {
    const origin = URL.parse(url)?.origin ?? '';
    const estimator = new ThroughputEstimator({ rememberedBitsPerSecond: this.#last.get(origin)?.lastBitsPerSecond });
    this.#last.delete(origin);
    this.#last.set(origin, estimator);
    const [oldest] = this.#last.keys();
    if (this.#last.size > MAX_ORIGINS && oldest !== undefined) this.#last.delete(oldest);
    return estimator;
  }
}
