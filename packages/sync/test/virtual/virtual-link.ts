import { Random } from './random.ts';

/** One direction of a path, in microseconds and probabilities. */
export interface Direction {
  readonly baseUs: number;
  /** Mean of the exponential jitter on top. */
  readonly jitterUs: number;
  readonly spikeProbability?: number;
  /** Spikes lie between these, small ones more often: evenly spread in their logarithm. */
  readonly spikeUs?: readonly [number, number];
}

export interface LinkProfile {
  readonly up: Direction;
  readonly down: Direction;
  /** Packets of a direction never overtake one another. */
  readonly isOrdered?: boolean;
  readonly lossProbability?: number;
  readonly duplicateProbability?: number;
}

/** A path to the host with its own chance. */
export class VirtualLink {
  readonly #random: Random;
  readonly #profile: LinkProfile;
  readonly #lastArrivalUs = { up: 0, down: 0 };

  constructor(profile: LinkProfile, seed: number) {
    this.#profile = profile;
    this.#random = new Random(seed);
  }

  /** The true times at which a packet sent at `trueUs` arrives: none when it is lost, two when it is doubled. */
  arrivals(way: 'up' | 'down', trueUs: number): readonly number[] {
    const { lossProbability = 0, duplicateProbability = 0 } = this.#profile;
    if (lossProbability > 0 && this.#random.next() < lossProbability) return [];
    const first = this.arrival(way, trueUs);
    const isDoubled = duplicateProbability > 0 && this.#random.next() < duplicateProbability;
    return isDoubled ? [first, this.arrival(way, trueUs)] : [first];
  }

  /** The same for a packet that is neither lost nor doubled. */
  arrival(way: 'up' | 'down', trueUs: number): number {
    const direction = this.#profile[way];
    const arrivalUs = trueUs + direction.baseUs + this.#random.exponential(direction.jitterUs) + this.#spike(direction);
    if (this.#profile.isOrdered !== true) return arrivalUs;
    this.#lastArrivalUs[way] = Math.max(arrivalUs, this.#lastArrivalUs[way]);
    return this.#lastArrivalUs[way];
  }

  #spike({ spikeProbability = 0, spikeUs = [0, 0] }: Direction): number {
    if (spikeProbability === 0 || this.#random.next() >= spikeProbability) return 0;
    return Math.exp(this.#random.between(Math.log(spikeUs[0]), Math.log(spikeUs[1])));
  }
}
