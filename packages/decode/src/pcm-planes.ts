/** Interleaved samples as one array per channel. */
export function deinterleave(samples: Float32Array, channelCount: number): Float32Array[] {
  const frameCount = frameCountOf(samples, channelCount);
  return Array.from({ length: channelCount }, (_, channel) => {
    const plane = new Float32Array(frameCount);
    for (let frame = 0; frame < frameCount; frame += 1) plane[frame] = samples[frame * channelCount + channel] ?? 0;
    return plane;
  });
}

/** Frames in interleaved samples. Throws `RangeError` where they are not whole. */
export function frameCountOf(samples: Float32Array, channelCount: number): number {
  const frameCount = samples.length / channelCount;
  if (!(Number.isInteger(channelCount) && channelCount > 0 && Number.isInteger(frameCount)))
    throw new RangeError(`pcm: ${samples.length} samples are no whole frames of ${channelCount} channels`);
  return frameCount;
}
