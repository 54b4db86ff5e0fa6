import { gainOfDecibels } from '../volume.ts';

interface GainPoint {
  readonly frame: number;
  readonly fromGain: number;
  readonly toGain: number;
}

/** Gain over device frames: every change is a linear ramp, so that the same frame always has the same gain, however often it is rendered. */
export class GainCurve {
  readonly #rampFrames: number;
  #points: GainPoint[];

  constructor(decibels: number, rampFrames: number) {
    this.#rampFrames = rampFrames;
    const gain = gainOfDecibels(decibels);
    this.#points = [{ frame: Number.NEGATIVE_INFINITY, fromGain: gain, toGain: gain }];
  }

  /** From `frame` on the gain moves to `decibels`; whatever was to come later is void. */
  set(frame: number, decibels: number): void {
    const fromGain = this.at(frame);
    this.#points = [...this.#points.filter((point) => point.frame < frame), { frame, fromGain, toGain: gainOfDecibels(decibels) }];
  }

  at(frame: number): number {
    const point = this.#points.findLast((candidate) => candidate.frame <= frame);
    if (point === undefined) return this.#points[0]?.fromGain ?? 1;
    const done = Math.min(1, (frame - point.frame) / this.#rampFrames);
    return point.fromGain + (point.toGain - point.fromGain) * done;
  }

  /** Forgets what nobody asks for when frames before `frame` are never rendered again. */
  forgetBefore(frame: number): void {
    const holding = this.#points.findLastIndex((point) => point.frame <= frame);
    if (holding > 0) this.#points = this.#points.slice(holding);
  }

  /** Scales interleaved frames in place. */
  apply(samples: Float32Array, startFrame: number, channelCount: number): void {
    const last = this.#points.at(-1);
    if (last !== undefined && startFrame >= last.frame + this.#rampFrames && last.toGain === 1) return;
    for (let offset = 0, frame = startFrame; offset < samples.length; offset += channelCount, frame++) {
      const gain = this.at(frame);
      for (let channel = 0; channel < channelCount; channel++) samples[offset + channel] = (samples[offset + channel] ?? 0) * gain;
    }
  }
}
