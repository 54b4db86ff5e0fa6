import { decideRung } from './rules.ts';
import type { RuleDecision, RuleSettings, Situation } from './rules.ts';
import type { ThroughputEstimator } from './throughput.ts';

export interface AbrControllerOptions {
  readonly throughput: Pick<ThroughputEstimator, 'bitsPerSecond'>;
  readonly settings?: RuleSettings;
  /** Monotonic clock in milliseconds. Default `performance.now`. */
  readonly nowMs?: () => number;
}

/** Decides which rung each segment is fetched of. Knows neither network nor cache: the simulator drives the same one. */
export class AbrController {
  readonly #throughput: Pick<ThroughputEstimator, 'bitsPerSecond'>;
  readonly #settings: RuleSettings;
  readonly #nowMs: () => number;
  #switchedAtMs = Number.NEGATIVE_INFINITY;

  constructor({ nowMs = () => performance.now(), settings = {}, throughput }: AbrControllerOptions) {
    this.#throughput = throughput;
    this.#settings = settings;
    this.#nowMs = nowMs;
  }

  /** The rung of the next segment. From a change on, the dwell counts. */
  decide(situation: Situation): RuleDecision {
    const nowMs = this.#nowMs();
    const decision = decideRung(
      {
        ...situation,
        bitsPerSecond: this.#throughput.bitsPerSecond,
        secondsSinceSwitch: (nowMs - this.#switchedAtMs) / 1000,
      },
      this.#settings,
    );
    if (situation.current !== undefined && decision.index !== situation.current) this.#switchedAtMs = nowMs;
    return decision;
  }
}
