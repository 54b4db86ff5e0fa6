/**
 * The rules of other players, written anew from what they publish, without abandonment of segments: only the decision before
 * each segment is compared. Their defaults, except that all get the look-ahead of the session.
 *
 * @module
 */
import { AbrController, ThroughputEstimator } from '@tutti/hls';
import type { Transfer } from '@tutti/hls';
import type { Arrival, Player, PlayerMaker } from './simulator.ts';

/** The product's own controller and estimator. */
export const tuttiPlayer: PlayerMaker = ({ ladder, lookAheadSeconds, segmentSeconds }, nowMs) => {
  const throughput = new ThroughputEstimator({ nowMs });
  const controller = new AbrController({ throughput, nowMs });
  const rungs = ladder.map((bandwidth) => ({ bandwidth, isCached: false }));
  let transfer: Transfer | undefined;
  return {
    choose: ({ bufferSeconds, current }) =>
      controller.decide({ rungs, current, bufferSeconds, lookAheadSeconds, segmentSeconds, isOffline: false }).index,
    onBody: () => {
      transfer = throughput.begin();
    },
    onBits: (bits) => transfer?.add(bits / 8),
    onArrival: () => transfer?.end(),
  };
};

/** Always the same rung: the floor that says which traces can be played at all. */
export function fixedPlayer(rung: number): PlayerMaker {
  return () => ({ choose: () => rung });
}

/**
 * hls.js 1.x, `abr-controller.ts` and `ewma-bandwidth-estimator.ts`: the lower of two averages with half-lives of 3 and 9 s,
 * 500 kbit/s before the first sample; the highest level within 0.95 of it (0.7 upwards) that arrives before the buffer runs out.
 */
export const hlsJsPlayer: PlayerMaker = ({ ladder, segmentSeconds }) => {
  const fast = new WeightedAverage(3);
  const slow = new WeightedAverage(9);
  let timeToFirstByteSeconds = 0.1;
  return {
    onArrival: ({ bits, bodySeconds, timeToFirstByteSeconds: waitedSeconds }) => {
      const seconds = Math.max(0.05, bodySeconds);
      fast.add(bits / seconds, seconds);
      slow.add(bits / seconds, seconds);
      timeToFirstByteSeconds = 0.7 * timeToFirstByteSeconds + 0.3 * waitedSeconds;
    },
    choose: ({ bufferSeconds, current = 0 }) => {
      const estimate = Math.min(fast.value ?? 500_000, slow.value ?? 500_000);
      const arrives = (bandwidth: number, factor: number): number =>
        timeToFirstByteSeconds + (bandwidth * segmentSeconds) / (estimate * factor);
      const factorOf = (index: number): number => (index > current ? 0.7 : 0.95);
      const inTime = ladder.findLastIndex(
        (bandwidth, index) =>
          bandwidth <= estimate * factorOf(index) && (bufferSeconds === 0 || arrives(bandwidth, factorOf(index)) <= bufferSeconds),
      );
      if (inTime !== -1) return inTime;
      // Nothing arrives in time: a stall of a segment's length is accepted.
      return Math.max(
        0,
        ladder.findLastIndex((bandwidth) => bandwidth <= estimate * 0.95 && arrives(bandwidth, 0.8) < bufferSeconds + 4),
      );
    },
  };
};

/**
 * Shaka Player 4, `simple_abr_manager.js`: half-lives of 2 and 5 s, samples from 16 kB on, 1 Mbit/s until 128 kB came, switches up
 * above 1/0.85 and down below 1/0.95 of a variant's bandwidth, at most every 8 s.
 */
export const shakaPlayer: PlayerMaker = ({ ladder }) => {
  const fast = new WeightedAverage(2);
  const slow = new WeightedAverage(5);
  let sampledBytes = 0;
  let switchedAtSeconds = 0;
  return {
    onArrival: ({ bits, bodySeconds, timeToFirstByteSeconds }) => {
      if (bits / 8 < 16_000) return;
      const seconds = bodySeconds + timeToFirstByteSeconds;
      sampledBytes += bits / 8;
      fast.add(bits / seconds, seconds);
      slow.add(bits / seconds, seconds);
    },
    choose: ({ current, nowSeconds }) => {
      const estimate = sampledBytes < 128_000 ? 1_000_000 : Math.min(fast.value ?? 0, slow.value ?? 0);
      const highest = (share: number): number => ladder.findLastIndex((bandwidth) => bandwidth <= estimate * share);
      const fitting = Math.max(0, highest(0.95));
      if (current === undefined) return fitting;
      // A variant is left for a better one only with room to spare.
      const chosen = fitting > current ? Math.max(current, highest(0.85)) : fitting;
      if (chosen === current) return chosen;
      if (nowSeconds - switchedAtSeconds < 8) return current;
      switchedAtSeconds = nowSeconds;
      return chosen;
    },
  };
};

/**
 * AndroidX Media3, `AdaptiveTrackSelection` and `DefaultBandwidthMeter`: the weighted median of samples (weight √bytes, 2000 in
 * all), 1 Mbit/s at first, 0.7 of it; up only from 10 s of buffer on, down only below 25 s.
 */
export const media3Player: PlayerMaker = ({ ladder }) => {
  const samples: { weight: number; readonly value: number }[] = [];
  let totalBytes = 0;
  let totalSeconds = 0;
  let estimate = 1_000_000;
  const add = ({ bits, bodySeconds, timeToFirstByteSeconds }: Arrival): void => {
    const seconds = bodySeconds + timeToFirstByteSeconds;
    totalBytes += bits / 8;
    totalSeconds += seconds;
    samples.push({ weight: Math.sqrt(bits / 8), value: bits / seconds });
    let surplus = samples.reduce((total, { weight }) => total + weight, 0) - 2000;
    for (let [first] = samples; surplus > 0 && first !== undefined; [first] = samples) {
      const taken = Math.min(surplus, first.weight);
      first.weight -= taken;
      surplus -= taken;
      if (first.weight === 0) samples.shift();
    }
    if (totalSeconds >= 2 || totalBytes >= 512 * 1024) estimate = weightedMedian(samples);
  };
  return {
    onArrival: add,
    choose: ({ bufferSeconds, current }) => {
      const ideal = Math.max(
        0,
        ladder.findLastIndex((bandwidth) => bandwidth <= estimate * 0.7),
      );
      if (current === undefined) return ideal;
      if (ideal > current && bufferSeconds < 10) return current;
      return ideal < current && bufferSeconds >= 25 ? current : ideal;
    },
  };
};

/** BOLA-BASIC with the γp of the paper and of dash.js: 5. */
export const bolaPlayer: PlayerMaker = ({ ladder, lookAheadSeconds, segmentSeconds }): Player => {
  const utilities = ladder.map((bandwidth) => Math.log(bandwidth / (ladder[0] ?? 1)));
  const control = (lookAheadSeconds - segmentSeconds) / ((utilities.at(-1) ?? 0) + 5);
  return {
    choose: ({ bufferSeconds }) => {
      const scores = ladder.map((bandwidth, index) => (control * ((utilities[index] ?? 0) + 5) - bufferSeconds) / bandwidth);
      return scores.lastIndexOf(Math.max(...scores));
    },
  };
};

/** An exponentially weighted average over time, corrected for its start. */
class WeightedAverage {
  readonly #halfLifeSeconds: number;
  #sum = 0;
  #weight = 0;

  constructor(halfLifeSeconds: number) {
    this.#halfLifeSeconds = halfLifeSeconds;
  }

  get value(): number | undefined {
    return this.#weight === 0 ? undefined : this.#sum / this.#weight;
  }

  add(value: number, seconds: number): void {
    const kept = 0.5 ** (seconds / this.#halfLifeSeconds);
    this.#sum = this.#sum * kept + value * (1 - kept);
    this.#weight = this.#weight * kept + 1 - kept;
  }
}

function weightedMedian(samples: readonly { readonly weight: number; readonly value: number }[]): number {
  const half = samples.reduce((total, { weight }) => total + weight, 0) / 2;
  let weightSoFar = 0;
  for (const { value, weight } of samples.toSorted((one, other) => one.value - other.value)) {
    weightSoFar += weight;
    if (weightSoFar >= half) return value;
  }
  return 0;
}
