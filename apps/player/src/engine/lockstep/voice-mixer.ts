import { Interpolator } from '@tutti/decode';
import type { PcmFormat } from '../../output/output.ts';
import { FrameWindow } from '../frame-window.ts';
import { gainOf, positionOf, silentFrom, type Splice, type Voice } from './voice.ts';

/** As many as it takes until all that makes a frame runs at full speed. */
const [warmUpBlocks, warmUpFrames] = [20, 1000];

/** Makes device frames out of voices. The same voices give the same frames, however often and in whatever blocks they are asked for. */
export class VoiceMixer {
  readonly #format: PcmFormat;
  /** By the track's sample rate: designing a filter takes time. */
  readonly #interpolators = new Map<number, Interpolator>();
  #scratch = new Float32Array(0);

  constructor(format: PcmFormat) {
    this.#format = format;
  }

  /** Makes ready for tracks of a sample rate: designs the filter, and mixes until the engine has compiled what that takes. */
  prepare(sampleRate: number): void {
    if (this.#interpolators.has(sampleRate)) return;
    const { channelCount, sampleRate: outputRate } = this.#format;
    const frameCount = warmUpBlocks * warmUpFrames;
    const window = new FrameWindow(channelCount, frameCount);
    window.append(new Float32Array(frameCount * channelCount));
    const voice: Voice = {
      part: 'track',
      trackId: '',
      epoch: 0,
      window,
      sampleRate,
      fromFrame: 0,
      position: 0.5,
      ratio: (sampleRate / outputRate) * (1 + 1e-6),
      fadeIn: { startFrame: 0, frameCount },
    };
    for (let block = 0; block < warmUpBlocks; block += 1) this.mix([voice], block * warmUpFrames, warmUpFrames);
  }

  /** Track frames that must be decoded beyond a position for the frame there. */
  lookAheadFrames(sampleRate: number): number {
    return this.#interpolator(sampleRate).lookAheadFrames + 1;
  }

  /** Track frames that are used before a position. */
  leadFrames(sampleRate: number): number {
    return this.#interpolator(sampleRate).leadFrames;
  }

  /** Device frames from `startFrame` on, interleaved. */
  mix(voices: readonly Voice[], startFrame: number, frameCount: number): Float32Array {
    const { channelCount } = this.#format;
    const mixed = new Float32Array(frameCount * channelCount);
    for (const [index, voice] of voices.entries()) {
      const output = index === 0 ? mixed : new Float32Array(mixed.length);
      this.#render(voice, startFrame, output);
      fade(voice, { startFrame, samples: output, channelCount });
      if (output !== mixed) for (const [at, sample] of output.entries()) mixed[at] = (mixed[at] ?? 0) + sample;
    }
    return mixed;
  }

  #render(voice: Voice, startFrame: number, output: Float32Array): void {
    const { channelCount } = this.#format;
    const interpolator = this.#interpolator(voice.sampleRate);
    const position = positionOf(voice, startFrame);
    const first = Math.floor(position) - interpolator.leadFrames;
    const last = Math.floor(position + (output.length / channelCount) * voice.ratio) + interpolator.lookAheadFrames;
    const length = (last + 1 - first) * channelCount;
    if (this.#scratch.length < length) this.#scratch = new Float32Array(length);
    const input = this.#scratch.subarray(0, length);
    voice.window.copy(first, input);
    if (voice.before !== undefined)
      splice(voice.before, first, input.subarray(0, Math.max(0, voice.before.edgeFrame - first) * channelCount));
    if (voice.after !== undefined) {
      const from = Math.max(first, voice.after.edgeFrame);
      splice(voice.after, from, input.subarray(Math.min(length, (from - first) * channelCount)));
    }
    interpolator.render({ input, position: position - first, ratio: voice.ratio, output });
  }

  #interpolator(sampleRate: number): Interpolator {
    let interpolator = this.#interpolators.get(sampleRate);
    if (interpolator === undefined) {
      interpolator = new Interpolator({
        channelCount: this.#format.channelCount,
        inputRate: sampleRate,
        outputRate: this.#format.sampleRate,
      });
      this.#interpolators.set(sampleRate, interpolator);
    }
    return interpolator;
  }
}

function splice({ window, edgeFrame, otherFrame }: Splice, fromFrame: number, into: Float32Array): void {
  if (into.length > 0) window.copy(otherFrame + fromFrame - edgeFrame, into);
}

interface FadeTarget {
  readonly startFrame: number;
  readonly samples: Float32Array;
  readonly channelCount: number;
}

function fade(voice: Voice, { startFrame, samples, channelCount }: FadeTarget): void {
  const { fadeIn, fadeOut } = voice;
  const endFrame = startFrame + samples.length / channelCount;
  const silent = silentFrom(voice);
  const scale = (fromFrame: number, toFrame: number): void => {
    for (let frame = fromFrame; frame < toFrame; frame++) {
      const gain = frame >= silent ? 0 : gainOf(voice, frame);
      const offset = (frame - startFrame) * channelCount;
      for (let channel = 0; channel < channelCount; channel++) samples[offset + channel] = (samples[offset + channel] ?? 0) * gain;
    }
  };
  // Between the two the gain is 1.
  const risen = Math.max(startFrame, fadeIn === undefined ? startFrame : fadeIn.startFrame + fadeIn.frameCount);
  scale(startFrame, Math.min(risen, endFrame));
  if (fadeOut !== undefined) scale(Math.max(risen, fadeOut.startFrame), endFrame);
}
