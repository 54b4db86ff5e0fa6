import type { AudioFrameHeader } from './audio-frame-scanner.ts';

const HEADER_BYTES = 7;

/** Header of an ADTS frame at `at` (ISO/IEC 14496-3, 1.A.3), or `undefined` when there is none. Needs 7 bytes. */
export function parseAdtsHeader(bytes: Uint8Array, at: number): AudioFrameHeader | undefined {
  const [b0 = 0, b1 = 0, b2 = 0, b3 = 0, b4 = 0, b5 = 0] = bytes.subarray(at, at + HEADER_BYTES);
  // Sync word of twelve ones, then layer 00.
  if (b0 !== 0xff || (b1 & 0xf6) !== 0xf0) return undefined;
  const rateIndex = (b2 >> 2) & 15;
  const lengthBytes = ((b3 & 3) << 11) | (b4 << 3) | (b5 >> 5);
  if (rateIndex > 12 || lengthBytes <= HEADER_BYTES) return undefined;
  // MPEG version, profile and rate stay the same from frame to frame.
  return { format: 'adts', lengthBytes, signature: ((b1 & 0x08) << 8) | (b2 & 0xfc) };
}
