import { toInt16, toInt24 } from '@tutti/decode';

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
  switch (format) {
    case 's16':
      return new Uint8Array(toInt16(samples).buffer);
    case 's24':
      return toInt24(samples);
    case 'f32':
      return new Uint8Array(samples.slice().buffer);
  }
}
