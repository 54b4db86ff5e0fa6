/** Sample formats that leave the program: little-endian, interleaved. */
export type SampleFormat = 's16' | 's24' | 'f32';

const bytesBySampleFormat = { s16: 2, s24: 3, f32: 4 } as const;

export function bytesPerSample(format: SampleFormat): number {
  return bytesBySampleFormat[format];
}

/** The smallest integer format that loses nothing of the source: 24 bit above 16, else 16 bit. */
export function sampleFormatFor(bitsPerSample: number | undefined): SampleFormat {
  return bitsPerSample !== undefined && bitsPerSample > 16 ? 's24' : 's16';
}

/** Interleaved floats (±1) as bytes; integers are rounded to nearest and clipped. */
export function encodeSamples(samples: Float32Array, format: SampleFormat): Uint8Array {
  const bytes = new Uint8Array(samples.length * bytesPerSample(format));
  const view = new DataView(bytes.buffer);
  for (let index = 0; index < samples.length; index++) {
    const sample = samples[index] ?? 0;
    if (format === 's16') {
      view.setInt16(index * 2, toInteger(sample, 0x8000), true);
    } else if (format === 's24') {
      const value = toInteger(sample, 0x800000);
      view.setUint16(index * 3, value & 0xffff, true);
      view.setInt8(index * 3 + 2, value >> 16);
    } else {
      view.setFloat32(index * 4, sample, true);
    }
  }
  return bytes;
}

function toInteger(sample: number, fullScale: number): number {
  return Math.max(-fullScale, Math.min(fullScale - 1, Math.round(sample * fullScale)));
}
