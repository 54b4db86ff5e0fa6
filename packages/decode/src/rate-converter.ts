import { frameCountOf } from './pcm-planes.ts';

export interface RateConverterOptions {
  readonly channelCount: number;
  /** Frames per second, whole numbers. */
  readonly inputRate: number;
  readonly outputRate: number;
}

/** Shape of the Kaiser window: side lobes below −130 dB. */
const KAISER_BETA = 13.2;
/** Half the filter's length in periods of the lower rate: the pass band ends at 91 % of its half. */
const HALF_PERIODS = 96;

/**
 * Changes the sample rate of interleaved PCM by a fixed ratio of whole numbers: a polyphase windowed sinc with a row of its own
 * for every phase, better than 120 dB over the pass band (to 0.91 of half the lower rate). Output frame 0 lies on input
 * frame 0; the last input frame sounds out in `flush`.
 */
export class RateConverter {
  readonly #channelCount: number;
  /** Output frame `n` lies at input `n × step / phases`. */
  readonly #step: number;
  readonly #phases: number;
  readonly #rows: readonly Float64Array[];
  readonly #halfTaps: number;
  /** Planar input; its first frame is `#historyStart` of the stream. */
  #history: Float64Array[];
  #historyStart: number;
  #produced = 0;

  constructor({ channelCount, inputRate, outputRate }: RateConverterOptions) {
    if (![channelCount, inputRate, outputRate].every((value) => Number.isInteger(value) && value > 0))
      throw new RangeError(`rate converter: ${channelCount} channels from ${inputRate} to ${outputRate} frames per second`);
    const divisor = greatestCommonDivisor(inputRate, outputRate);
    this.#channelCount = channelCount;
    this.#step = inputRate / divisor;
    this.#phases = outputRate / divisor;
    const scale = Math.max(1, inputRate / outputRate);
    this.#halfTaps = Math.ceil(HALF_PERIODS * scale);
    this.#rows = Array.from({ length: this.#phases }, (_, phase) => filterRow(phase / this.#phases, this.#halfTaps, scale));
    this.#historyStart = 1 - this.#halfTaps;
    this.#history = this.#silence(this.#halfTaps - 1);
  }

  /** Takes interleaved frames; answers the frames that they complete. */
  process(samples: Float32Array): Float32Array {
    this.#append(samples);
    return this.#drain(this.#inputEnd - 1 - this.#halfTaps);
  }

  /** The frames that are left, as if silence followed. The converter is then as new. */
  flush(): Float32Array {
    const lastFrame = this.#inputEnd - 1;
    this.#append(new Float32Array(this.#halfTaps * this.#channelCount));
    const rest = this.#drain(lastFrame);
    this.#historyStart = 1 - this.#halfTaps;
    this.#history = this.#silence(this.#halfTaps - 1);
    this.#produced = 0;
    return rest;
  }

  get #inputEnd(): number {
    return this.#historyStart + (this.#history[0]?.length ?? 0);
  }

  #silence(frameCount: number): Float64Array[] {
    return Array.from({ length: this.#channelCount }, () => new Float64Array(frameCount));
  }

  #append(samples: Float32Array): void {
    const frameCount = frameCountOf(samples, this.#channelCount);
    const nextInput = Math.floor((this.#produced * this.#step) / this.#phases);
    const used = Math.max(0, nextInput + 1 - this.#halfTaps - this.#historyStart);
    this.#history = this.#history.map((plane, channel) => {
      const kept = plane.subarray(used);
      const grown = new Float64Array(kept.length + frameCount);
      grown.set(kept);
      for (let frame = 0; frame < frameCount; frame += 1) {
        grown[kept.length + frame] = samples[frame * this.#channelCount + channel] ?? 0;
      }
      return grown;
    });
    this.#historyStart += used;
  }

  /** Makes every output before the input frame after `last`. */
  #drain(last: number): Float32Array {
    const end = last < 0 ? 0 : Math.floor((last * this.#phases + this.#phases - 1) / this.#step) + 1;
    const count = Math.max(0, end - this.#produced);
    const out = new Float32Array(count * this.#channelCount);
    for (let n = 0; n < count; n += 1) {
      const position = (this.#produced + n) * this.#step;
      const row = this.#rows[position % this.#phases] ?? new Float64Array();
      const first = Math.floor(position / this.#phases) + 1 - this.#halfTaps - this.#historyStart;
      for (const [channel, plane] of this.#history.entries()) out[n * this.#channelCount + channel] = dot(row, plane, first);
    }
    this.#produced += count;
    return out;
  }
}

function dot(row: Float64Array, plane: Float64Array, first: number): number {
  let sum = 0;
  for (let tap = 0; tap < row.length; tap += 1) sum += (row[tap] ?? 0) * (plane[first + tap] ?? 0);
  return sum;
}

/** The taps for an output at `fraction` behind the middle input frame, scaled to a gain of one. */
function filterRow(fraction: number, halfTaps: number, scale: number): Float64Array {
  // The middle of the transition lies below half the lower rate, so that nothing folds back into the pass band.
  const cutoff = 0.955 / scale;
  const row = Float64Array.from({ length: 2 * halfTaps }, (_, tap) => {
    const distance = tap - halfTaps + 1 - fraction;
    const x = Math.PI * cutoff * distance;
    const sinc = x === 0 ? 1 : Math.sin(x) / x;
    return sinc * kaiser(distance / halfTaps);
  });
  const sum = row.reduce((total, value) => total + value, 0);
  return row.map((value) => value / sum);
}

function kaiser(x: number): number {
  return Math.abs(x) >= 1 ? 0 : bessel(KAISER_BETA * Math.sqrt(1 - x * x)) / bessel(KAISER_BETA);
}

/** The modified Bessel function of the first kind and order 0, by its power series. */
function bessel(x: number): number {
  let [sum, term] = [1, 1];
  for (let k = 1; term > sum * Number.EPSILON; k += 1) {
    term *= (x / (2 * k)) ** 2;
    sum += term;
  }
  return sum;
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}
