import type { ResamplerKernel } from './resampler-kernel.ts';

/** Evaluates a resampler kernel between input frames. Not thread-safe; allocates nothing after construction. */
export class PolyphaseFilter {
  readonly kernel: ResamplerKernel;
  readonly #channelCount: number;
  /** One phase between two rows, made once per output frame for all channels. */
  readonly #row: Float64Array;

  constructor(kernel: ResamplerKernel, channelCount: number) {
    this.kernel = kernel;
    this.#channelCount = channelCount;
    this.#row = new Float64Array(kernel.tapCount);
  }

  /**
   * Writes the frame that lies `fraction` (0 ≤ … < 1) behind the middle tap to `output`, at sample index `at`. The filter's first tap
   * is frame `startFrame` of the interleaved `input`, which must hold `tapCount` frames from there.
   */
  apply(input: Float32Array, startFrame: number, fraction: number, output: { readonly samples: Float32Array; at: number }): void {
    const channelCount = this.#channelCount;
    const { tapCount, isInterpolating } = this.kernel;
    const begin = startFrame * channelCount;
    const { samples, at } = output;
    if (fraction === 0 && isInterpolating) {
      const middle = begin + (tapCount / 2 - 1) * channelCount;
      for (let channel = 0; channel < channelCount; channel += 1) samples[at + channel] = input[middle + channel] ?? 0;
      return;
    }
    if (channelCount === 2) {
      this.#applyStereo(input, begin, fraction, output);
      return;
    }
    const row = this.#blendRow(fraction);
    for (let channel = 0; channel < channelCount; channel += 1) {
      let sum = 0;
      for (let tap = 0, index = begin + channel; tap < tapCount; tap += 1, index += channelCount) {
        sum += (row[tap] as number) * (input[index] as number);
      }
      samples[at + channel] = sum;
    }
  }

  /** The common case in one pass, without a row between. */
  #applyStereo(
    input: Float32Array,
    begin: number,
    fraction: number,
    { samples, at }: { readonly samples: Float32Array; at: number },
  ): void {
    const { coefficients, tapCount, phaseCount } = this.kernel;
    const phase = fraction * phaseCount;
    const index = Math.floor(phase);
    const weight = phase - index;
    const first = index * tapCount;
    const second = first + tapCount;
    let left = 0;
    let right = 0;
    for (let tap = 0, frame = begin; tap < tapCount; tap += 1, frame += 2) {
      const near = coefficients[first + tap] as number;
      const coefficient = near + weight * ((coefficients[second + tap] as number) - near);
      left += coefficient * (input[frame] as number);
      right += coefficient * (input[frame + 1] as number);
    }
    samples[at] = left;
    samples[at + 1] = right;
  }

  #blendRow(fraction: number): Float64Array {
    const row = this.#row;
    const { coefficients, tapCount, phaseCount } = this.kernel;
    const phase = fraction * phaseCount;
    const index = Math.floor(phase);
    const weight = phase - index;
    const first = index * tapCount;
    for (let tap = 0; tap < tapCount; tap += 1) {
      const near = coefficients[first + tap] as number;
      row[tap] = near + weight * ((coefficients[first + tapCount + tap] as number) - near);
    }
    return row;
  }
}
