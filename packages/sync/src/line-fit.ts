/** A point with its weight: how many observations it stands for. */
interface Point {
  readonly x: number;
  readonly y: number;
  readonly weight: number;
}

/** What is believed about the slope before any point is seen, and the jitter of a point of average weight. */
interface Prior {
  readonly slope: number;
  /** Standard deviation of the belief. */
  readonly slopeDeviation: number;
  /** Standard deviation of one point, in units of y. */
  readonly noise: number;
  /** No slope is steeper, whatever the points say. Default: none. */
  readonly slopeLimit?: number;
}

/** A fitted line. */
export interface Line {
  readonly slope: number;
  /** Standard deviation of the slope, given the prior's noise. */
  readonly slopeDeviation: number;
  /** Standard deviation of the points around the line. */
  readonly deviation: number;
  readonly at: (x: number) => number;
}

/** The weighted least-squares line through at least one point, with a Gaussian prior on its slope. */
export function fitLine(points: readonly Point[], prior: Prior): Line {
  const total = sum(points, (point) => point.weight);
  const meanX = sum(points, (point) => point.weight * point.x) / total;
  const meanY = sum(points, (point) => point.weight * point.y) / total;
  const scale = points.length / total;
  const precision = (prior.noise / prior.slopeDeviation) ** 2;
  const squares = sum(points, (point) => scale * point.weight * (point.x - meanX) ** 2) + precision;
  const products = sum(points, (point) => scale * point.weight * (point.x - meanX) * (point.y - meanY)) + precision * prior.slope;
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
