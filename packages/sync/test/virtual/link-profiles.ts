import type { LinkProfile } from './virtual-link.ts';

/**
 * The paths of the design's table of estimators. Base delays and spikes are as described there; the jitter is chosen such that Sendspin's
 * estimator errs as it does in that table.
 */
export const linkProfiles = {
  lan: {
    up: { baseUs: 85, jitterUs: 23 },
    down: { baseUs: 85, jitterUs: 15 },
    isOrdered: true,
  },
  wifi: {
    up: { baseUs: 1050, jitterUs: 600, spikeProbability: 0.05, spikeUs: [3000, 40_000] },
    down: { baseUs: 950, jitterUs: 1300, spikeProbability: 0.05, spikeUs: [3000, 40_000] },
    isOrdered: true,
  },
  busyWifi: {
    up: { baseUs: 2250, jitterUs: 6750, spikeProbability: 0.1, spikeUs: [5000, 120_000] },
    down: { baseUs: 1750, jitterUs: 600, spikeProbability: 0.08, spikeUs: [5000, 120_000] },
    isOrdered: true,
  },
  wan: {
    up: { baseUs: 15_000, jitterUs: 1500, spikeProbability: 0.03, spikeUs: [5000, 50_000] },
    down: { baseUs: 14_000, jitterUs: 3500, spikeProbability: 0.03, spikeUs: [5000, 50_000] },
    isOrdered: true,
  },
  /** A bad relay: 20 ms ± 20 ms, packets lost, doubled and overtaking one another. */
  relay: {
    up: { baseUs: 4000, jitterUs: 16_000, spikeProbability: 0.05, spikeUs: [20_000, 40_000] },
    down: { baseUs: 1000, jitterUs: 10_000 },
    lossProbability: 0.05,
    duplicateProbability: 0.02,
  },
} as const satisfies Record<string, LinkProfile>;
