import { mixChannels, Resampler } from '@tutti/decode';
import type { PcmFormat } from '../output/output.ts';

/** One track's PCM in the output's rate and channels. Nothing is touched where both agree. */
export class PcmConverter {
  readonly #from: PcmFormat;
  readonly #to: PcmFormat;
  readonly #resampler: Resampler | undefined;

  constructor(from: PcmFormat, to: PcmFormat) {
    this.#from = from;
    this.#to = to;
    this.#resampler =
      from.sampleRate === to.sampleRate
        ? undefined
        : new Resampler({ channelCount: to.channelCount, inputRate: from.sampleRate, outputRate: to.sampleRate });
  }

  /** Whether this converter takes frames of `format`. */
  takes(format: PcmFormat): boolean {
    return format.sampleRate === this.#from.sampleRate && format.channelCount === this.#from.channelCount;
  }

  /** Converts interleaved frames; the answer lags behind by the resampler's look-ahead. */
  convert(samples: Float32Array): Float32Array {
    const mapped = mixChannels(samples, this.#from.channelCount, this.#to.channelCount, { isAttenuated: true });
    const resampler = this.#resampler;
    if (resampler === undefined) return mapped;
    const output = this.#room(mapped.length);
    const { producedFrames } = resampler.process(mapped, output);
    return output.subarray(0, producedFrames * this.#to.channelCount);
  }

  /** What the resampler still holds, at the end of a track. The converter is used up. */
  finish(): Float32Array {
    const output = this.#room(0);
    const producedFrames = this.#resampler?.flush(output) ?? 0;
    return output.subarray(0, producedFrames * this.#to.channelCount);
  }

  /** A buffer for what `sampleCount` more samples bring out, and all that may be held back besides. */
  #room(sampleCount: number): Float32Array {
    if (this.#resampler === undefined) return new Float32Array(0);
    const frames = sampleCount / this.#to.channelCount + 2 * this.#resampler.lookAheadFrames;
    return new Float32Array(Math.ceil((frames * this.#to.sampleRate) / this.#from.sampleRate + 2) * this.#to.channelCount);
  }
}
