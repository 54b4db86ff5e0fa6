import { provenanceSignal } from '@tutti/fixtures';
import type { MediaSource } from '@tutti/stream';
import type { PcmTrack } from '../../src/engine/lockstep/track-feed.ts';

/** A track that is decoded as soon as it is asked for; each frame is a function of its index. */
export function signalTrack(options: {
  readonly sampleRate: number;
  readonly frameCount: number;
  readonly frame: (index: number) => readonly [number, number];
}): PcmTrack {
  const { sampleRate, frameCount, frame } = options;
  const format = { sampleRate, channelCount: 2 };
  let position = 0;
  return {
    format,
    info: undefined,
    durationSeconds: frameCount / sampleRate,
    read(into) {
      const count = Math.min(into.length / 2, frameCount - position);
      if (count === 0) return { kind: 'end' };
      for (let index = 0; index < count; index += 1) into.set(frame(position + index), 2 * index);
      const positionFrames = position;
      position += count;
      return { kind: 'pcm', samples: into.subarray(0, 2 * count), positionFrames, format };
    },
    async waitReadable() {},
    async seek(seconds) {
      position = Math.min(frameCount, Math.round(seconds * sampleRate));
    },
    async close() {},
  };
}

/** 48 kHz frames that tell their own number. */
export function provenanceTrack(variant: number, frameCount: number): PcmTrack {
  const samples = provenanceSignal({ variant, frameCount });
  return signalTrack({
    sampleRate: 48_000,
    frameCount,
    frame: (index) => [samples[2 * index]! / 32_768, samples[2 * index + 1]! / 32_768],
  });
}

/** Frames per turn of a phase track. */
const turnFrames = 480;

/** A turning vector: where between two frames a sample lies can be told to a thousandth of a frame. */
export function phaseTrack(sampleRate: number, frameCount: number): PcmTrack {
  return signalTrack({
    sampleRate,
    frameCount,
    frame: (index) => {
      const angle = (2 * Math.PI * (index % turnFrames)) / turnFrames;
      return [0.5 * Math.cos(angle), 0.5 * Math.sin(angle)];
    },
  });
}

/** The position in a phase track that a device frame holds, given roughly; `undefined` for silence. */
export function phasePosition(left: number, right: number, nearFrame: number): number | undefined {
  if (Math.hypot(left, right) < 0.4) return undefined;
  const frames = (Math.atan2(right, left) / (2 * Math.PI)) * turnFrames;
  return frames + Math.round((nearFrame - frames) / turnFrames) * turnFrames;
}

/** A source that is never read: the test decodes by itself. */
export const noSource = { kind: 'file', label: 'signal', close: async () => {} } as unknown as MediaSource;
