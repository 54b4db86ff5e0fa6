/** A transfer in flight, from its first body byte to its last. */
export interface Transfer {
  /** Bytes that just arrived over the network. */
  add(bytes: number): void;
  /** The body ended, failed or was cancelled. Idempotent. */
  end(): void;
}

export interface ThroughputOptions {
  /** Monotonic clock in milliseconds. Default `performance.now`. */
  readonly nowMs?: () => number;
  /** What an earlier session measured, in bits per second: counts half until there are measurements. */
  readonly rememberedBitsPerSecond?: number | undefined;
}

/** Time in flight that makes one sample: long enough that one TCP burst does not look like the link. */
const SAMPLE_MS = 100;
/** Bytes that make one sample: smaller ones measure latency, not bandwidth. */
const SAMPLE_BYTES = 16 * 1024;
/** Half-lives of the two averages, in seconds in flight: the lower one counts, so drops show fast and peaks slowly. */
const FAST_HALF_LIFE_SECONDS = 2;
const SLOW_HALF_LIFE_SECONDS = 6;

/**
 * Bandwidth of the link, measured on media bodies that came over the network and on nothing else: reads from the cache
 * never get here, and the wait for the first byte is no transfer time. Parallel bodies are added up.
 */
export class ThroughputEstimator {
  readonly #nowMs: () => number;
  readonly #fast = new DecayingAverage(FAST_HALF_LIFE_SECONDS);
  readonly #slow = new DecayingAverage(SLOW_HALF_LIFE_SECONDS);
  readonly #remembered: number | undefined;
  #activeCount = 0;
  #sinceMs = 0;
  #elapsedMs = 0;
  #bytes = 0;

  constructor(options: ThroughputOptions = {}) {
    this.#nowMs = options.nowMs ?? (() => performance.now());
    this.#remembered = options.rememberedBitsPerSecond;
  }

  /** Bits per second; `undefined` before there is anything to go by. */
  get bitsPerSecond(): number | undefined {
    return this.#measured ?? (this.#remembered === undefined ? undefined : this.#remembered / 2);
  }

  /** What a later session is to remember: the measurement, or what this one remembered as long as there is none. */
  get lastBitsPerSecond(): number | undefined {
    return this.#measured ?? this.#remembered;
  }

  /** Begins to count a body whose first byte has arrived. */
  begin(): Transfer {
    if (this.#activeCount === 0) this.#sinceMs = this.#nowMs();
    this.#activeCount += 1;
    let isOpen = true;
    return {
      add: (bytes) => {
        if (isOpen) this.#bytes += bytes;
        if (isOpen) this.#advance();
      },
      end: () => {
        if (!isOpen) return;
        isOpen = false;
        this.#advance();
        this.#activeCount -= 1;
      },
    };
  }

  get #measured(): number | undefined {
    const fast = this.#fast.value;
    const slow = this.#slow.value;
    return fast === undefined || slow === undefined ? undefined : Math.min(fast, slow);
  }

  #advance(): void {
    const now = this.#nowMs();
    this.#elapsedMs += now - this.#sinceMs;
    this.#sinceMs = now;
    if (this.#elapsedMs < SAMPLE_MS || this.#bytes < SAMPLE_BYTES) return;
    const bitsPerSecond = (this.#bytes * 8 * 1000) / this.#elapsedMs;
    this.#fast.add(bitsPerSecond, this.#elapsedMs / 1000);
    this.#slow.add(bitsPerSecond, this.#elapsedMs / 1000);
    this.#elapsedMs = 0;
    this.#bytes = 0;
  }
}

/** An exponentially weighted average whose weights are times, corrected for its start at nothing. */
class DecayingAverage {
  readonly #halfLife: number;
  #sum = 0;
  #weight = 0;

  constructor(halfLife: number) {
    this.#halfLife = halfLife;
  }

  get value(): number | undefined {
    return this.#weight === 0 ? undefined : this.#sum / this.#weight;
  }

  add(value: number, weight: number): void {
    const kept = 0.5 ** (weight / this.#halfLife);
    this.#sum = this.#sum * kept + value * (1 - kept);
    this.#weight = this.#weight * kept + (1 - kept);
  }
}
