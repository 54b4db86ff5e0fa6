/** A change of volume is spread over this time, so that it does not click. */
const rampSeconds = 0.005;

/** Gain in decibels applied to interleaved blocks, with a short linear ramp at every change. */
export class Volume {
  #fromGain: number;
  #toGain: number;
  /** Frames of the ramp that are done; at `rampFrames` it has arrived. */
  #rampDone: number;
  readonly #rampFrames: number;
  #decibels: number;

  constructor(decibels: number, sampleRate: number) {
    this.#rampFrames = Math.max(1, Math.round(rampSeconds * sampleRate));
    this.#decibels = decibels;
    this.#fromGain = this.#toGain = gainOfDecibels(decibels);
    this.#rampDone = this.#rampFrames;
  }

  get decibels(): number {
    return this.#decibels;
  }

  set(decibels: number): void {
    this.#fromGain = this.#gainNow();
    this.#decibels = decibels;
    this.#toGain = gainOfDecibels(decibels);
    this.#rampDone = 0;
  }

  /** Scales `samples` in place. */
  apply(samples: Float32Array, channelCount: number): void {
    if (this.#rampDone >= this.#rampFrames && this.#toGain === 1) return;
    for (let offset = 0; offset < samples.length; offset += channelCount) {
      const gain = this.#gainNow();
      for (let channel = 0; channel < channelCount; channel++) {
        samples[offset + channel] = (samples[offset + channel] ?? 0) * gain;
      }
      if (this.#rampDone < this.#rampFrames) this.#rampDone++;
    }
  }

  #gainNow(): number {
    if (this.#rampDone >= this.#rampFrames) return this.#toGain;
    return this.#fromGain + ((this.#toGain - this.#fromGain) * this.#rampDone) / this.#rampFrames;
  }
}

/** Factor of a gain in decibels; silence for −∞. */
export function gainOfDecibels(decibels: number): number {
  return decibels === Number.NEGATIVE_INFINITY ? 0 : 10 ** (decibels / 20);
}
