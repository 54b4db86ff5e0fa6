import type { Track } from '../src/engine/track.ts';

/** Reads `frames` frames of stereo from where the track stands, or to its end. */
export async function readFrames(track: Track, frames: number, signal: AbortSignal): Promise<Float32Array> {
  const all = new Float32Array(frames * 2);
  let length = 0;
  const into = new Float32Array(8192);
  while (length < all.length) {
    const read = track.read(into.subarray(0, Math.min(into.length, all.length - length)));
    if (read.kind === 'end') break;
    if (read.kind === 'empty') await track.waitReadable({ signal });
    else {
      all.set(read.samples, length);
      length += read.samples.length;
    }
  }
  return all.subarray(0, length);
}
