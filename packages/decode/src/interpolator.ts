import { PolyphaseFilter } from './polyphase-filter.ts';
import { checkRatio, type ResamplerOptions } from './resampler.ts';
import { designResamplerKernel } from './resampler-kernel.ts';

/** One stretch of output to be made from a piece of input. */
export interface Interpolation {
  /** Interleaved input. */
  readonly input: Float32Array;
  /** Where the first output frame lies in `input`, in frames, fractions included; at least `leadFrames`. */
  readonly position: number;
  /** Input frames per output frame, within 5 % of the rates' ratio. */
  readonly ratio: number;
  /** Filled to its end with interleaved frames. */
  readonly output: Float32Array;
}

/**
 * The filter of `Resampler` without its memory: output frame n is the input at `position + n · ratio`. Any stretch can be made, and made
 * again, from the input around it; two stretches join without a seam when the second begins where the first one ended.
 * Not thread-safe.
 */
export class Interpolator {
  readonly #channelCount: number;
  readonly #nominalRatio: number;
  readonly #filter: PolyphaseFilter;

  constructor({ channelCount, inputRate, outputRate }: ResamplerOptions) {
    this.#channelCount = channelCount;
    this.#nominalRatio = inputRate / outputRate;
    this.#filter = new PolyphaseFilter(designResamplerKernel(this.#nominalRatio), channelCount);
  }

  /** Input frames that must lie before the frame of a position. */
  get leadFrames(): number {
    return this.#filter.kernel.tapCount / 2 - 1;
  }

  /** Input frames that must follow the frame of a position. */
  get lookAheadFrames(): number {
    return this.#filter.kernel.tapCount / 2;
  }

  /** Throws `RangeError` when the ratio is out of range or `input` does not hold what the output needs. */
  render({ input, position, ratio, output }: Interpolation): void {
    checkRatio(ratio, this.#nominalRatio);
    const channelCount = this.#channelCount;
    const frameCount = output.length / channelCount;
    const last = Math.floor(position + (frameCount - 1) * ratio) + this.lookAheadFrames;
    if (position < this.leadFrames || last >= input.length / channelCount) {
      throw new RangeError(`interpolator: ${frameCount} frames from ${position} need input up to frame ${last}`);
    }
    const target = { samples: output, at: 0 };
    const base = Math.floor(position);
    const offset = position - base;
    for (let frame = 0; frame < frameCount; frame += 1) {
      const distance = offset + frame * ratio;
      const whole = Math.floor(distance);
      this.#filter.apply(input, base + whole - this.leadFrames, distance - whole, target);
      target.at += channelCount;
    }
  }
}
