/** Long enough to hide a step, too short to be heard as anything else. */
const smoothingSeconds = 0.005;

/**
 * Takes the step out of joins between two lossy codings of one signal: their errors differ where one takes over from the other, and
 * a step in a calm passage is a click. What was heard last and what the new span had in its place, the end of its pre-roll, tell
 * how high the step is; it is added to the new span and fades away. Spans without pre-roll join as they are.
 */
export class JoinSmoothing {
  /** Last frame that was heard, and last one of the pre-roll after it. */
  #heard: Float32Array | undefined;
  #hidden: Float32Array | undefined;
  #step: Float32Array | undefined;
  #fadedFrames = 0;

  /** Playing goes on elsewhere: what was heard does not matter any more. */
  reset(): void {
    this.#heard = undefined;
    this.#hidden = undefined;
    this.#step = undefined;
  }

  /** Interleaved frames of a pre-roll, which nobody hears. */
  hide(samples: Float32Array, channelCount: number): void {
    if (samples.length > 0) this.#hidden = samples.slice(-channelCount);
  }

  /** Interleaved frames that are heard next, changed in place. */
  hear(samples: Float32Array, { channelCount, sampleRate }: { readonly channelCount: number; readonly sampleRate: number }): void {
    if (samples.length === 0) return;
    if (this.#hidden !== undefined) this.#begin(this.#hidden);
    const step = this.#step;
    if (step?.length === channelCount) {
      const fadeFrames = Math.round(smoothingSeconds * sampleRate);
      const end = Math.min(samples.length, (fadeFrames - this.#fadedFrames) * channelCount);
      for (let at = 0; at < end; at += 1) {
        const progress = (this.#fadedFrames + Math.floor(at / channelCount) + 1) / fadeFrames;
        const share = 0.5 + 0.5 * Math.cos(Math.PI * progress);
        samples[at] = (samples[at] ?? 0) + share * (step[at % channelCount] ?? 0);
      }
      this.#fadedFrames += Math.max(0, end) / channelCount;
      if (this.#fadedFrames >= fadeFrames) this.#step = undefined;
    }
    this.#heard = samples.slice(-channelCount);
  }

  #begin(hidden: Float32Array): void {
    const heard = this.#heard;
    this.#hidden = undefined;
    this.#fadedFrames = 0;
    this.#step = heard?.length === hidden.length ? heard.map((value, channel) => value - (hidden[channel] ?? 0)) : undefined;
  }
}
