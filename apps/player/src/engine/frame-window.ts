/** The latest frames of a run of interleaved PCM, found by their index. Frames outside the window are silence. */
export class FrameWindow {
  readonly channelCount: number;
  readonly #capacityFrames: number;
  readonly #samples: Float32Array;
  #endFrame: number;
  /** The oldest frame whose samples were not overwritten, by dropped ones either. */
  #startFrame: number;

  /**
   * @param capacityFrames how many of the latest frames are kept.
   * @param startFrame index of the first frame that will be appended. Default 0.
   */
  constructor(channelCount: number, capacityFrames: number, startFrame = 0) {
    this.channelCount = channelCount;
    this.#capacityFrames = capacityFrames;
    this.#samples = new Float32Array(capacityFrames * channelCount);
    this.#startFrame = startFrame;
    this.#endFrame = startFrame;
  }

  /** Index of the oldest frame that is kept. */
  get startFrame(): number {
    return this.#startFrame;
  }

  /** Index of the next frame that `append` will store. */
  get endFrame(): number {
    return this.#endFrame;
  }

  /** Appends frames; the oldest make room. */
  append(samples: Float32Array): void {
    const frameCount = samples.length / this.channelCount;
    this.#eachPiece(this.#endFrame, frameCount, (slot, offset, length) => {
      this.#samples.set(samples.subarray(offset, offset + length), slot);
    });
    this.#endFrame += frameCount;
    this.#startFrame = Math.max(this.#startFrame, this.#endFrame - this.#capacityFrames);
  }

  /** Fills `into` with the frames from `fromFrame` on, silence where the window has none. */
  copy(fromFrame: number, into: Float32Array): void {
    const toFrame = fromFrame + into.length / this.channelCount;
    const from = Math.min(toFrame, Math.max(fromFrame, this.#startFrame));
    const to = Math.max(from, Math.min(toFrame, this.#endFrame));
    const first = (from - fromFrame) * this.channelCount;
    into.fill(0, 0, first);
    into.fill(0, (to - fromFrame) * this.channelCount);
    this.#eachPiece(from, to - from, (slot, offset, length) => {
      into.set(this.#samples.subarray(slot, slot + length), first + offset);
    });
  }

  /** Forgets the frames from `endFrame` on: the next frame appended takes that index. */
  truncate(endFrame: number): void {
    this.#endFrame = Math.max(this.#startFrame, Math.min(endFrame, this.#endFrame));
  }

  /** Calls back with sample offsets: where a piece lies in the ring, where in the run, and its length. */
  #eachPiece(fromFrame: number, frameCount: number, visit: (slot: number, offset: number, length: number) => void): void {
    for (let done = 0; done < frameCount;) {
      const slot = (fromFrame + done) % this.#capacityFrames;
      const count = Math.min(frameCount - done, this.#capacityFrames - slot);
      visit(slot * this.channelCount, done * this.channelCount, count * this.channelCount);
      done += count;
    }
  }
}
