/**
 * Rendered sound on its way to the output, and the last few seconds that already went there: what the output takes back is rendered
 * again from here. Interleaved, before volume.
 */
export class RenderHistory {
  readonly #channelCount: number;
  readonly #capacityFrames: number;
  readonly #samples: Float32Array;
  /** Frames appended since the beginning. */
  #endFrame = 0;
  /** The next frame to take. */
  #cursorFrame = 0;
  /** The oldest frame whose samples have not been overwritten, by dropped ones either. */
  #oldestFrame = 0;

  /** @param capacityFrames how many frames are kept, pending ones included. */
  constructor(channelCount: number, capacityFrames: number) {
    this.#channelCount = channelCount;
    this.#capacityFrames = capacityFrames;
    this.#samples = new Float32Array(capacityFrames * channelCount);
  }

  get pendingFrames(): number {
    return this.#endFrame - this.#cursorFrame;
  }

  /** Index of the next frame that `take` gives, counted over everything ever appended. */
  get cursorFrame(): number {
    return this.#cursorFrame;
  }

  /** Index of the next frame that `append` will store. */
  get endFrame(): number {
    return this.#endFrame;
  }

  /** Appends frames; pending ones are never overwritten: throws when they would be. */
  append(samples: Float32Array): void {
    const frameCount = samples.length / this.#channelCount;
    if (this.pendingFrames + frameCount > this.#capacityFrames)
      throw new RangeError('render history: more pending frames than capacity');
    let done = 0;
    while (done < frameCount) {
      const slot = (this.#endFrame + done) % this.#capacityFrames;
      const count = Math.min(frameCount - done, this.#capacityFrames - slot);
      const from = done * this.#channelCount;
      this.#samples.set(samples.subarray(from, from + count * this.#channelCount), slot * this.#channelCount);
      done += count;
    }
    this.#endFrame += frameCount;
    this.#oldestFrame = Math.max(this.#oldestFrame, this.#endFrame - this.#capacityFrames);
  }

  /** Copies out up to `maxFrames` pending frames and moves on. */
  take(maxFrames: number): Float32Array {
    const frameCount = Math.min(maxFrames, this.pendingFrames);
    const taken = new Float32Array(frameCount * this.#channelCount);
    let done = 0;
    while (done < frameCount) {
      const slot = (this.#cursorFrame + done) % this.#capacityFrames;
      const count = Math.min(frameCount - done, this.#capacityFrames - slot);
      taken.set(this.#samples.subarray(slot * this.#channelCount, (slot + count) * this.#channelCount), done * this.#channelCount);
      done += count;
    }
    this.#cursorFrame += frameCount;
    return taken;
  }

  /** Makes up to `frameCount` taken frames pending again and says how many there were. */
  rewind(frameCount: number): number {
    const rewound = Math.min(frameCount, this.#cursorFrame - this.#oldestFrame);
    this.#cursorFrame -= rewound;
    return rewound;
  }

  /** Forgets what is pending. */
  dropPending(): void {
    this.#endFrame = this.#cursorFrame;
  }
}
