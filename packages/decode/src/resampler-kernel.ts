/** A low-pass filter in polyphase form: `phaseCount + 1` rows of `tapCount` coefficients, row by row. */
export interface ResamplerKernel {
  /** Coefficients per phase; even. The output lies between the taps `tapCount / 2 - 1` and `tapCount / 2`. */
  readonly tapCount: number;
  readonly phaseCount: number;
  /** Row p is the filter for an output p / phaseCount of a frame behind the middle tap. Each row sums to 1. */
  readonly coefficients: Float32Array;
  /** Row 0 is a single 1: an output that falls on an input frame is that frame. */
  readonly isInterpolating: boolean;
}

/** Stop-band attenuation of the Kaiser window in dB: with interpolation between phases 100 dB remain. */
const STOP_BAND_DB = 112;
/** Upsampling: passes 0.445 of the input rate (19.6 kHz of 44.1 kHz); images begin at 0.555 of it. */
const UPSAMPLING_TAPS = 64;
/** Downsampling, per output period: passes 0.443 of the output rate, and stops at half of it. */
const DOWNSAMPLING_TAPS = 128;
/** Linear interpolation between this many phases errs by less than -118 dB at the top of the band. */
const PHASE_COUNT = 1024;
/** Longest filter: bounds the memory at any ratio. */
const MAX_TAPS = 4096;
/** A ratio up to here is drift, not downsampling: its aliases lie in the filter's own transition band. */
const LARGEST_DRIFT_RATIO = 1.01;

/**
 * Designs the windowed-sinc filter (Kaiser, 1974) for `ratio` input frames per output frame. Below 1.01 the cut-off is half of the
 * input rate; above, the stop band begins at half of the output rate.
 */
export function designResamplerKernel(ratio: number): ResamplerKernel {
  const isDownsampling = ratio > LARGEST_DRIFT_RATIO;
  const tapCount = isDownsampling ? Math.min(MAX_TAPS, 2 * Math.ceil((DOWNSAMPLING_TAPS * ratio) / 2)) : UPSAMPLING_TAPS;
  const transition = (STOP_BAND_DB - 8) / (2.285 * 2 * Math.PI * tapCount);
  const cutoff = isDownsampling ? 0.5 / ratio - transition / 2 : 0.5;
  const beta = 0.1102 * (STOP_BAND_DB - 8.7);
  const coefficients = new Float32Array((PHASE_COUNT + 1) * tapCount);
  const row = new Float64Array(tapCount);
  for (let phase = 0; phase <= PHASE_COUNT; phase += 1) {
    for (let tap = 0; tap < tapCount; tap += 1) {
      const distance = tap - (tapCount / 2 - 1) - phase / PHASE_COUNT;
      row[tap] = sinc(2 * cutoff * distance) * kaiser((2 * distance) / tapCount, beta);
    }
    const sum = row.reduce((total, value) => total + value, 0);
    for (let tap = 0; tap < tapCount; tap += 1) coefficients[phase * tapCount + tap] = (row[tap] ?? 0) / sum;
  }
  return { tapCount, phaseCount: PHASE_COUNT, coefficients, isInterpolating: !isDownsampling };
}

function sinc(x: number): number {
  if (x === 0) return 1;
  // Exactly zero at whole numbers, where sin(πx) is not.
  return Number.isInteger(x) ? 0 : Math.sin(Math.PI * x) / (Math.PI * x);
}

/** Kaiser window over −1 … 1, without its constant factor. */
function kaiser(x: number, beta: number): number {
  return Math.abs(x) >= 1 ? 0 : besselI0(beta * Math.sqrt(1 - x * x));
}

/** Modified Bessel function of the first kind, order 0, by its power series. */
function besselI0(x: number): number {
  let sum = 1;
  let term = 1;
  for (let k = 1; term > sum * 1e-16; k += 1) {
    term *= (x / (2 * k)) ** 2;
    sum += term;
  }
  return sum;
}
