export interface BolaInput {
  /** Bits per second of each rung, lowest first; at least one. */
  readonly bandwidths: readonly number[];
  /** Media seconds that are fetched and not played yet. */
  readonly bufferSeconds: number;
  /** Buffer at which the highest rung is right. */
  readonly targetSeconds: number;
  readonly segmentSeconds: number;
}

/**
 * How much a second without a stall is worth beside quality (γp). The paper's 5 keeps the lowest rung until the buffer is
 * nearly full; 2 did best on the even-numbered traces of `npm run bench -- abr`.
 */
const STALL_WEIGHT = 2;

/**
 * The rung that the buffer alone asks for: BOLA-BASIC of Spiteri, Urgaonkar, Sitaraman, "BOLA: Near-Optimal Bitrate Adaptation
 * for Online Videos" (2016), with logarithmic utility. An empty buffer gives the lowest rung, a full one the highest.
 */
export function bolaRung({ bandwidths, bufferSeconds, segmentSeconds, targetSeconds }: BolaInput): number {
  const lowest = Math.max(1, bandwidths[0] ?? 1);
  const utilities = bandwidths.map((bandwidth) => Math.log(Math.max(1, bandwidth) / lowest));
  const control = Math.max(0, targetSeconds - segmentSeconds) / ((utilities.at(-1) ?? 0) + STALL_WEIGHT);
  let best = 0;
  let bestScore = Number.NEGATIVE_INFINITY;
  for (const [index, bandwidth] of bandwidths.entries()) {
    const score = (control * ((utilities[index] ?? 0) + STALL_WEIGHT) - bufferSeconds) / Math.max(1, bandwidth);
    if (score > bestScore) best = index;
    bestScore = Math.max(bestScore, score);
  }
  return best;
}
