/** A point with its weight: how many observations it stands for. */
export interface Point {
  readonly x: number;
  readonly y: number;
  readonly weight: number;
}

/** What is believed about the slope before any point is seen, and how the points scatter. */
interface Prior {
  readonly slope: number;
  /** Standard deviation of the belief. */
  readonly slopeDeviation: number;
  /** Standard deviation of one point of average weight that is no outlier, in units of y. */
  readonly noise: number;
  /** No slope is steeper, whatever the points say. Default: none. */
  readonly slopeLimit?: number;
}

/** A fitted line. */
export interface Line {
  readonly slope: number;
  /** Standard deviation of the slope, given the prior's noise. */
  readonly slopeDeviation: number;
  /** Standard deviation of the points around the line, as far as they are trusted. */
  readonly deviation: number;
  readonly at: (x: number) => number;
}

/** Rounds of reweighting: each halves about what is left of the outliers' pull. */
const rounds = 12;

/**
 * The line along the floor of at least one point: most points lie near it, the others above, some far above, and hardly one far below.
 * Weighted least squares with a Gaussian prior on the slope; beginning from the lowest points, each round trusts a point less the farther
 * it lies from the line of the round before (Cauchy weights, with the prior's noise as their scale).
 */
export function fitFloor(points: readonly Point[], prior: Prior): Line {
  const scale = points.length / sum(points, (point) => point.weight);
  const { slope, noise } = prior;
  const heights = points.map(({ x, y }) => y - slope * x).sort((a, b) => a - b);
  // The second lowest: a single point far below is an error of its own.
  const lowest = heights[Math.min(1, heights.length - 1)] ?? 0;
  let at = (x: number): number => lowest + slope * x;
  for (let round = 1; ; round += 1) {
    const trusted = points.map((point) => ({
      ...point,
      weight: (scale * point.weight) / (1 + ((point.y - at(point.x)) / noise) ** 2),
    }));
    const line = fitLine(trusted, prior);
    if (round === rounds) return line;
    at = line.at;
  }
}

/** The least-squares line with a Gaussian prior on its slope; a point of weight 1 has the prior's noise. */
function fitLine(points: readonly Point[], prior: Prior): Line {
  const total = sum(points, (point) => point.weight);
  const meanX = sum(points, (point) => point.weight * point.x) / total;
  const meanY = sum(points, (point) => point.weight * point.y) / total;
  const precision = (prior.noise / prior.slopeDeviation) ** 2;
  const squares = sum(points, (point) => point.weight * (point.x - meanX) ** 2) + precision;
  const products = sum(points, (point) => point.weight * (point.x - meanX) * (point.y - meanY)) + precision * prior.slope;
  const { slopeLimit = Number.POSITIVE_INFINITY } = prior;
  const slope = Math.max(-slopeLimit, Math.min(slopeLimit, products / squares));
  const at = (x: number): number => meanY + slope * (x - meanX);
  return {
    slope,
    slopeDeviation: prior.noise / Math.sqrt(squares),
    deviation: Math.sqrt(sum(points, (point) => point.weight * (point.y - at(point.x)) ** 2) / total),
    at,
  };
}

/** The value below which the given part (0 to 1) of at least one value lies, interpolated between neighbours. */
export function quantile(values: readonly number[], part: number): number {
  const sorted = Float64Array.from(values).sort();
  const position = part * (sorted.length - 1);
  const below = sorted[Math.floor(position)] ?? Number.NaN;
  const above = sorted[Math.ceil(position)] ?? Number.NaN;
  return below + (above - below) * (position - Math.floor(position));
}

function sum<T>(items: readonly T[], of: (item: T) => number): number {
  let total = 0;
  for (const item of items) total += of(item);
  return total;
}
