import { PolyphaseFilter } from './polyphase-filter.ts';
import { designResamplerKernel } from './resampler-kernel.ts';

export interface ResamplerOptions {
  readonly channelCount: number;
  /** Frames per second of what goes in and what comes out. */
  readonly inputRate: number;
  readonly outputRate: number;
}

export interface ResampledCounts {
  /** Input frames taken: the rest is offered again. */
  readonly consumedFrames: number;
  /** Output frames written. */
  readonly producedFrames: number;
}

/** Input frames held at a time besides the filter's own history. */
const BLOCK_FRAMES = 1024;
/** How far a ratio may go from the ratio of the rates, for which the filter was designed. */
const RATIO_RANGE = 0.05;

/**
 * Changes the sample rate of interleaved PCM by any ratio, also one that moves while it runs (drift correction): a polyphase
 * windowed sinc with linear interpolation between phases, better than 100 dB over the pass band. Output frame 0 lies on
 * input frame 0: the filter's delay is compensated. At a ratio of exactly 1 the samples pass unchanged until the first
 * other ratio. Not thread-safe; allocates nothing after construction.
 */
export class Resampler {
  readonly channelCount: number;
  readonly #nominalRatio: number;
  readonly #filter: PolyphaseFilter;
  readonly #tapCount: number;
  /** Interleaved input; the filter for the next output begins at frame `#start`. */
  readonly #history: Float32Array;
  readonly #capacityFrames: number;
  /** Where the next output goes; one object for all of them. */
  readonly #target: { samples: Float32Array; at: number };
  #ratio: number;
  #start = 0;
  #end = 0;
  /** Position of the next output behind the middle tap, 0 ≤ … < 1 when it can be made. */
  #fraction = 0;
  /** Zeros that `flush` still has to put behind the last input frame. */
  #tailFrames: number;

  constructor(options: ResamplerOptions) {
    const { channelCount, inputRate, outputRate } = options;
    if (!(Number.isInteger(channelCount) && channelCount > 0 && inputRate > 0 && outputRate > 0)) {
      throw new RangeError(`resampler: ${channelCount} channels from ${inputRate} to ${outputRate} frames per second`);
    }
    this.channelCount = channelCount;
    this.#nominalRatio = inputRate / outputRate;
    this.#ratio = this.#nominalRatio;
    this.#filter = new PolyphaseFilter(designResamplerKernel(this.#nominalRatio), channelCount);
    this.#tapCount = this.#filter.kernel.tapCount;
    this.#capacityFrames = this.#tapCount + BLOCK_FRAMES;
    this.#history = new Float32Array(this.#capacityFrames * channelCount);
    this.#target = { samples: this.#history, at: 0 };
    this.#tailFrames = this.#tapCount / 2;
    this.reset();
  }

  /** Input frames per output frame. */
  get ratio(): number {
    return this.#ratio;
  }

  /** Input frames that must follow a frame before the output at its place can be made. */
  get lookAheadFrames(): number {
    return this.#tapCount / 2;
  }

  /**
   * Sets the input frames per output frame from the next output on, without a click: only the step changes, never the
   * phase. Must stay within 5 % of `inputRate / outputRate`.
   */
  setRatio(inputFramesPerOutputFrame: number): void {
    checkRatio(inputFramesPerOutputFrame, this.#nominalRatio);
    this.#ratio = inputFramesPerOutputFrame;
  }

  /**
   * Takes interleaved input and fills as much of `output` as it gives. Stops when the input is used up or the output is
   * full, whichever comes first; input that was not consumed must be offered again.
   */
  process(input: Float32Array, output: Float32Array): ResampledCounts {
    const inputFrames = Math.floor(input.length / this.channelCount);
    const outputFrames = Math.floor(output.length / this.channelCount);
    let consumedFrames = 0;
    let producedFrames = 0;
    for (;;) {
      producedFrames = this.#produce(output, producedFrames, outputFrames);
      if (producedFrames === outputFrames || consumedFrames === inputFrames) return { consumedFrames, producedFrames };
      const room = this.#makeRoom();
      const count = Math.min(room, inputFrames - consumedFrames);
      this.#history.set(
        input.subarray(consumedFrames * this.channelCount, (consumedFrames + count) * this.channelCount),
        this.#end * this.channelCount,
      );
      this.#end += count;
      consumedFrames += count;
    }
  }

  /**
   * Gives the output that still lies before the end of the input, and returns how many frames of it were written; call
   * until fewer than the output's frames came. Then only `reset` may follow.
   */
  flush(output: Float32Array): number {
    const outputFrames = Math.floor(output.length / this.channelCount);
    let producedFrames = 0;
    for (;;) {
      producedFrames = this.#produce(output, producedFrames, outputFrames);
      if (producedFrames === outputFrames || this.#tailFrames === 0) return producedFrames;
      const count = Math.min(this.#makeRoom(), this.#tailFrames);
      this.#history.fill(0, this.#end * this.channelCount, (this.#end + count) * this.channelCount);
      this.#end += count;
      this.#tailFrames -= count;
    }
  }

  /** Forgets all input: the next input frame is frame 0 again. The ratio stays. */
  reset(): void {
    const leadFrames = this.#tapCount / 2 - 1;
    this.#history.fill(0, 0, leadFrames * this.channelCount);
    this.#start = 0;
    this.#end = leadFrames;
    this.#fraction = 0;
    this.#tailFrames = this.#tapCount / 2;
  }

  /** Writes output frames from `at` on while input lasts; returns where it stopped. */
  #produce(output: Float32Array, at: number, limit: number): number {
    let frame = at;
    this.#target.samples = output;
    while (frame < limit) {
      const whole = Math.floor(this.#fraction);
      this.#start += whole;
      this.#fraction -= whole;
      if (this.#start + this.#tapCount > this.#end) return frame;
      this.#target.at = frame * this.channelCount;
      this.#filter.apply(this.#history, this.#start, this.#fraction, this.#target);
      this.#fraction += this.#ratio;
      frame += 1;
    }
    return frame;
  }

  /** Moves what the filter still needs to the front; returns the frames that can be added. */
  #makeRoom(): number {
    // A step larger than what is there skips input that is yet to come.
    const kept = Math.min(this.#start, this.#end);
    if (kept > 0) {
      this.#history.copyWithin(0, kept * this.channelCount, this.#end * this.channelCount);
      this.#start -= kept;
      this.#end -= kept;
    }
    return this.#capacityFrames - this.#end;
  }
}

/** Throws `RangeError` when `ratio` is not within 5 % of the one that the filter was designed for. */
export function checkRatio(ratio: number, nominalRatio: number): void {
  if (!(Math.abs(ratio / nominalRatio - 1) <= RATIO_RANGE)) {
    throw new RangeError(`resampler: ratio ${ratio} is more than 5 % from ${nominalRatio}`);
  }
}
