import { FrameWindow } from './frame-window.ts';

/**
 * Rendered sound on its way to the output, and the last few seconds that already went there: what the output takes back is rendered
 * again from here. Interleaved, before volume.
 */
export class RenderHistory {
  readonly #capacityFrames: number;
  readonly #window: FrameWindow;
  /** The next frame to take. */
  #cursorFrame = 0;

  /** @param capacityFrames how many frames are kept, pending ones included. */
  constructor(channelCount: number, capacityFrames: number) {
    this.#capacityFrames = capacityFrames;
    this.#window = new FrameWindow(channelCount, capacityFrames);
  }

  get pendingFrames(): number {
    return this.#window.endFrame - this.#cursorFrame;
  }

  /** Index of the next frame that `take` gives, counted over everything ever appended. */
  get cursorFrame(): number {
    return this.#cursorFrame;
  }

  /** Index of the next frame that `append` will store. */
  get endFrame(): number {
    return this.#window.endFrame;
  }

  /** Appends frames; pending ones are never overwritten: throws when they would be. */
  append(samples: Float32Array): void {
    const frameCount = samples.length / this.#window.channelCount;
    if (this.pendingFrames + frameCount > this.#capacityFrames)
      throw new RangeError('render history: more pending frames than capacity');
    this.#window.append(samples);
  }

  /** Copies out up to `maxFrames` pending frames and moves on. */
  take(maxFrames: number): Float32Array {
    const frameCount = Math.min(maxFrames, this.pendingFrames);
    const taken = new Float32Array(frameCount * this.#window.channelCount);
    this.#window.copy(this.#cursorFrame, taken);
    this.#cursorFrame += frameCount;
    return taken;
  }

  /** Makes up to `frameCount` taken frames pending again and says how many there were. */
  rewind(frameCount: number): number {
    const rewound = Math.min(frameCount, this.#cursorFrame - this.#window.startFrame);
    this.#cursorFrame -= rewound;
    return rewound;
  }

  /** Forgets what is pending. */
  dropPending(): void {
    this.#window.truncate(this.#cursorFrame);
  }
}
