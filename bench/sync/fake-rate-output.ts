import { Interpolator } from '@tutti/decode';
import type { TimedOutput } from '@tutti/player';

/** Frames kept of what was placed: more than an output queues. */
const keptFrames = 4 * 48_000;
/** Beyond the filter's reach, so that rounding never asks for a frame that is not there. */
const marginFrames = 48;

/**
 * `output` with a crystal that runs `ppm` fast: its frames are counted at the faked rate, and what is placed is resampled to the real one.
 * Correct sound comes out only where a drift loop measures the faked rate and follows it.
 */
export function withFakeRate(output: TimedOutput, ppm: number): TimedOutput {
  const scale = 1 + ppm * 1e-6;
  const channelCount = 2;
  const interpolator = new Interpolator({ channelCount, inputRate: 48_000, outputRate: 48_000 });
  const kept = new Float32Array(keptFrames * channelCount);
  /** The first real frame that was not placed, and the faked frame after the last one that is kept. */
  let nextReal = 0;
  let endFaked = 0;

  const copyKept = (fromFaked: number, into: Float32Array): void => {
    for (let index = 0; index < into.length / channelCount; index += 1) {
      const slot = ((fromFaked + index + keptFrames) % keptFrames) * channelCount;
      for (let channel = 0; channel < channelCount; channel += 1) into[index * channelCount + channel] = kept[slot + channel] ?? 0;
    }
  };
  const silence = (fromFaked: number, toFaked: number): void => {
    for (let frame = Math.max(fromFaked, toFaked - keptFrames); frame < toFaked; frame += 1) {
      kept.fill(0, (frame % keptFrames) * channelCount, ((frame % keptFrames) + 1) * channelCount);
    }
  };
  return {
    kind: output.kind,
    description: `${output.description}, ${ppm} ppm fast`,
    latencySource: output.latencySource,
    get quantumFrames() {
      return output.quantumFrames;
    },
    get deviceFrame() {
      return Math.floor(output.deviceFrame * scale);
    },
    get earliestFrame() {
      return Math.ceil(output.earliestFrame * scale) + marginFrames;
    },
    open: (source) => output.open(source),
    place(startFrame, samples) {
      silence(endFaked, startFrame);
      for (let index = 0; index < samples.length / channelCount; index += 1) {
        kept.set(
          samples.subarray(index * channelCount, (index + 1) * channelCount),
          ((startFrame + index) % keptFrames) * channelCount,
        );
      }
      const isContiguous = startFrame === endFaked;
      endFaked = startFrame + samples.length / channelCount;
      const fromReal = isContiguous ? nextReal : Math.ceil(startFrame / scale);
      const toReal = Math.floor((endFaked - marginFrames) / scale);
      if (toReal <= fromReal) return;
      const firstFaked = Math.floor(fromReal * scale) - interpolator.leadFrames;
      const input = new Float32Array((endFaked - firstFaked) * channelCount);
      copyKept(firstFaked, input);
      const resampled = new Float32Array((toReal - fromReal) * channelCount);
      interpolator.render({ input, position: fromReal * scale - firstFaked, ratio: scale, output: resampled });
      output.place(fromReal, resampled);
      nextReal = toReal;
    },
    retract(fromFrame) {
      const cutReal = output.retract(Math.floor(fromFrame / scale) - marginFrames);
      nextReal = Math.min(nextReal, cutReal);
      endFaked = Math.min(endFaked, Math.max(fromFrame, Math.ceil(cutReal * scale) + marginFrames));
      return Math.max(fromFrame, Math.ceil(cutReal * scale) + marginFrames);
    },
    watchClock: (listener) =>
      output.watchClock(({ localUs, deviceFrame }) => listener({ localUs, deviceFrame: deviceFrame * scale })),
    close: () => output.close(),
    [Symbol.asyncDispose]: () => output.close(),
  };
}
