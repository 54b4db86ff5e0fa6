/** A stereo 16-bit WAV whose every frame tells its own index: low 15 bits left, high bits right. */
export interface IndexWavOptions {
  readonly frameCount: number;
  readonly sampleRate?: number;
}

export function indexWav({ frameCount, sampleRate = 44_100 }: IndexWavOptions): Uint8Array {
  const bytes = Buffer.alloc(44 + 4 * frameCount);
  bytes.write('RIFF', 0, 'latin1');
  bytes.writeUInt32LE(36 + 4 * frameCount, 4);
  bytes.write('WAVEfmt ', 8, 'latin1');
  bytes.writeUInt32LE(16, 16);
  bytes.writeUInt16LE(1, 20);
  bytes.writeUInt16LE(2, 22);
  bytes.writeUInt32LE(sampleRate, 24);
  bytes.writeUInt32LE(4 * sampleRate, 28);
  bytes.writeUInt16LE(4, 32);
  bytes.writeUInt16LE(16, 34);
  bytes.write('data', 36, 'latin1');
  bytes.writeUInt32LE(4 * frameCount, 40);
  for (let frame = 0; frame < frameCount; frame += 1) {
    bytes.writeInt16LE(frame & 0x7fff, 44 + 4 * frame);
    bytes.writeInt16LE(frame >> 15, 46 + 4 * frame);
  }
  return bytes;
}

/** The index that an interleaved stereo frame tells. */
export function frameIndexOf(samples: Float32Array, frame: number): number {
  return (samples[2 * frame] ?? 0) * 32768 + (samples[2 * frame + 1] ?? 0) * 32768 * 32768;
}
