/**
 * Interleaved frames with another number of channels. Mono goes to every channel; down to mono is the mean; otherwise channels keep
 * their place, missing ones are silent and surplus ones beyond stereo are mixed into the front pair at −3 dB (centre and rears,
 * without the low-frequency channel of a 5.1 layout).
 * @see ITU-R BS.775-4 annex 4 for the down-mix coefficients
 */
export function mapChannels(samples: Float32Array, fromCount: number, toCount: number): Float32Array {
  if (fromCount === toCount) return samples;
  const frameCount = samples.length / fromCount;
  const mapped = new Float32Array(frameCount * toCount);
  const matrix = mixMatrix(fromCount, toCount);
  for (let frame = 0; frame < frameCount; frame++) {
    for (let to = 0; to < toCount; to++) {
      let sum = 0;
      for (let from = 0; from < fromCount; from++) sum += (samples[frame * fromCount + from] ?? 0) * (matrix[to]?.[from] ?? 0);
      mapped[frame * toCount + to] = sum;
    }
  }
  return mapped;
}

const minus3Db = Math.SQRT1_2;

/** Gains by output channel, then input channel. */
function mixMatrix(fromCount: number, toCount: number): readonly (readonly number[])[] {
  const inputs = Array.from({ length: fromCount }, (_, index) => index);
  if (fromCount === 1) return Array.from({ length: toCount }, () => [1]);
  if (toCount === 1) return [inputs.map(() => 1 / fromCount)];
  if (toCount === 2 && fromCount >= 3) {
    return [0, 1].map((side) => inputs.map((from) => frontGain(from, side, fromCount)));
  }
  return Array.from({ length: toCount }, (_, to) => inputs.map((from) => (from === to ? 1 : 0)));
}

/** Channel order: L R C LFE then rears in left/right pairs (4 channels: L R then rears). */
function frontGain(from: number, side: number, fromCount: number): number {
  if (from < 2) return from === side ? 1 : 0;
  if (fromCount === 4) return from - 2 === side ? minus3Db : 0;
  if (from === 2) return minus3Db;
  if (fromCount === 5) return from - 3 === side ? minus3Db : 0;
  if (from === 3) return 0;
  return (from - 4) % 2 === side ? minus3Db : 0;
}
