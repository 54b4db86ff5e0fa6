import type { TpdfDither } from './tpdf-dither.ts';

export interface IntegerOptions {
  /** Noise added before rounding. Default: none, which gives lossless sources back bit by bit. */
  readonly dither?: TpdfDither;
}

/** Samples as 16-bit integers: full scale is 32768, rounded to nearest, clipped. */
export function toInt16(samples: Float32Array, options: IntegerOptions = {}): Int16Array {
  const integers = new Int16Array(samples.length);
  quantize(samples, 0x8000, options, (index, value) => (integers[index] = value));
  return integers;
}

/** Samples as packed 24-bit integers, three little-endian bytes each: full scale is 8388608, rounded to nearest, clipped. */
export function toInt24(samples: Float32Array, options: IntegerOptions = {}): Uint8Array {
  const bytes = new Uint8Array(3 * samples.length);
  quantize(samples, 0x80_0000, options, (index, value) => {
    bytes[3 * index] = value;
    bytes[3 * index + 1] = value >> 8;
    bytes[3 * index + 2] = value >> 16;
  });
  return bytes;
}

function quantize(
  samples: Float32Array,
  fullScale: number,
  { dither }: IntegerOptions,
  store: (index: number, value: number) => void,
): void {
  for (let index = 0; index < samples.length; index += 1) {
    const scaled = (samples[index] ?? 0) * fullScale + (dither?.next() ?? 0);
    store(index, Math.max(-fullScale, Math.min(fullScale - 1, Math.round(scaled))));
  }
}
