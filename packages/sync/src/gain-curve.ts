import { gainOfDecibels } from './volume.ts';

/** Every change of volume is spread over this time, so that it does not click. */
export const gainRampSeconds = 0.005;

/** From `frame` on the gain moves from one value to another. */
interface Ramp {
  readonly frame: number;
  readonly fromGain: number;
  readonly toGain: number;
}

/**
 * Gain over frames. A change is a linear ramp that begins at its frame; the gain of a frame depends on nothing but its number, however
 * often and in whatever blocks it is rendered.
 */
export class GainCurve {
  readonly #rampFrames: number;
  #ramps: Ramp[];

  /** A curve that is level at `decibels`; `rampFrames` is {@link gainRampSeconds} at the frames' rate. */
  constructor(decibels: number, rampFrames: number) {
    this.#rampFrames = rampFrames;
    const gain = gainOfDecibels(decibels);
    this.#ramps = [{ frame: Number.NEGATIVE_INFINITY, fromGain: gain, toGain: gain }];
  }

  /** From `frame` on the gain moves to `decibels`; whatever was to come there or later is void. */
  set(frame: number, decibels: number): void {
    const ramp = { frame, fromGain: this.at(frame), toGain: gainOfDecibels(decibels) };
    this.#ramps = [...this.#ramps.filter((earlier) => earlier.frame < frame), ramp];
  }

  /** The gain of a frame. */
  at(frame: number): number {
    const ramp = this.#ramps[this.#indexAt(frame)];
    return ramp === undefined ? 1 : this.#gainIn(ramp, frame);
  }

  /** Forgets what nobody asks for when frames before `frame` are never rendered again. */
  forgetBefore(frame: number): void {
    this.#ramps = this.#ramps.slice(this.#indexAt(frame));
  }

  /** Scales interleaved samples, the first of which belongs to `startFrame`, in place. */
  apply(samples: Float32Array, startFrame: number, channelCount: number): void {
    const endFrame = startFrame + samples.length / channelCount;
    let frame = startFrame;
    for (let index = this.#indexAt(startFrame); frame < endFrame; index += 1) {
      const ramp = this.#ramps[index];
      if (ramp === undefined) return;
      const nextFrame = Math.min(endFrame, this.#ramps[index + 1]?.frame ?? endFrame);
      const levelFrame = Math.min(nextFrame, Math.max(frame, ramp.frame + this.#rampFrames));
      for (; frame < levelFrame; frame += 1) {
        const offset = (frame - startFrame) * channelCount;
        scale(samples.subarray(offset, offset + channelCount), this.#gainIn(ramp, frame));
      }
      if (ramp.toGain !== 1) {
        scale(samples.subarray((levelFrame - startFrame) * channelCount, (nextFrame - startFrame) * channelCount), ramp.toGain);
      }
      frame = nextFrame;
    }
  }

  #indexAt(frame: number): number {
    return Math.max(
      0,
      this.#ramps.findLastIndex((ramp) => ramp.frame <= frame),
    );
  }

  #gainIn({ frame: startFrame, fromGain, toGain }: Ramp, frame: number): number {
    const done = Math.max(0, frame - startFrame) / this.#rampFrames;
    return done < 1 ? fromGain + (toGain - fromGain) * done : toGain;
  }
}

function scale(samples: Float32Array, gain: number): void {
  for (let index = 0; index < samples.length; index += 1) samples[index] = (samples[index] ?? 0) * gain;
}
