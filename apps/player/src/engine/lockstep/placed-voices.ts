import type { Timeline } from '@tutti/sync';
import type { Voice } from './voice.ts';

/** A stretch of device frames that went to the output, and what made it. */
export interface PlacedVoices {
  readonly startFrame: number;
  readonly endFrame: number;
  readonly voices: readonly Voice[];
  /** The line in force; `undefined` in a stretch that only fades out. */
  readonly line: Timeline | undefined;
}

/** What was placed and can still be heard or taken back: how a head is moved back, and what sounds at a frame. */
export class PlacedLog {
  #stretches: PlacedVoices[] = [];

  add(stretch: PlacedVoices): void {
    this.#stretches.push(stretch);
  }

  at(frame: number): PlacedVoices | undefined {
    return this.#stretches.find(({ startFrame, endFrame }) => frame >= startFrame && frame < endFrame);
  }

  /** Forgets what lies at `frame` and later; answers with the voices that sounded there. */
  cut(frame: number): readonly Voice[] {
    const voices = this.at(frame)?.voices ?? [];
    this.#stretches = this.#stretches
      .filter(({ startFrame }) => startFrame < frame)
      .map((stretch) => (stretch.endFrame > frame ? { ...stretch, endFrame: frame } : stretch));
    return voices;
  }

  forgetBefore(frame: number): void {
    while ((this.#stretches[0]?.endFrame ?? frame) < frame) this.#stretches.shift();
  }
}
