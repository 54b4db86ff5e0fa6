import type { AudioBufferSourceNode, AudioContext } from 'node-web-audio-api';
import type { PcmFormat } from './output.ts';

interface PlacedBlock {
  readonly node: AudioBufferSourceNode;
  readonly startFrame: number;
  /** Moves when the block is cut. */
  endFrame: number;
}

/** Interleaved blocks at whole frames of an audio context's clock, one buffer source each, and taking them back. */
export class PlacedBlocks {
  readonly #context: AudioContext;
  readonly #format: PcmFormat;
  readonly #placed: PlacedBlock[] = [];

  constructor(context: AudioContext, format: PcmFormat) {
    this.#context = context;
    this.#format = format;
  }

  /** The first frame of what has not been played to its end; `undefined` when nothing is left. */
  get firstFrame(): number | undefined {
    return this.#placed[0]?.startFrame;
  }

  place(startFrame: number, samples: Float32Array): void {
    const { channelCount, sampleRate } = this.#format;
    const frameCount = samples.length / channelCount;
    if (frameCount === 0) return;
    const buffer = this.#context.createBuffer(channelCount, frameCount, sampleRate);
    for (let channel = 0; channel < channelCount; channel++) {
      buffer.copyToChannel(deinterleave(samples, channel, channelCount), channel);
    }
    const node = this.#context.createBufferSource();
    node.buffer = buffer;
    node.connect(this.#context.destination);
    const block: PlacedBlock = { node, startFrame, endFrame: startFrame + frameCount };
    node.addEventListener('ended', () => {
      node.disconnect();
      const index = this.#placed.indexOf(block);
      if (index >= 0) this.#placed.splice(index, 1);
    });
    node.start(startFrame / sampleRate);
    this.#placed.push(block);
  }

  /** Nothing that was placed sounds from `frame` on. */
  cut(frame: number): void {
    for (const block of this.#placed) {
      // A later stop would take back an earlier one.
      if (block.endFrame <= frame) continue;
      block.endFrame = Math.max(block.startFrame, frame);
      block.node.stop(block.endFrame / this.#format.sampleRate);
    }
  }
}

function deinterleave(samples: Float32Array, channel: number, channelCount: number): Float32Array<ArrayBuffer> {
  const plane = new Float32Array(samples.length / channelCount);
  for (let frame = 0; frame < plane.length; frame++) plane[frame] = samples[frame * channelCount + channel] ?? 0;
  return plane;
}
