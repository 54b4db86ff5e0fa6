import type { AudioFrameHeader } from './audio-frame-scanner.ts';

const KILOBITS: Readonly<Record<'v1l1' | 'v1l2' | 'v1l3' | 'v2l1' | 'v2l23', readonly number[]>> = {
  v1l1: [0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448],
  v1l2: [0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384],
  v1l3: [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320],
  v2l1: [0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256],
  v2l23: [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160],
};
const MPEG1_RATES = [44100, 48000, 32000];

/**
 * Header of an MPEG audio frame at `at` (ISO/IEC 11172-3, 2.4.1.3; 13818-3), or `undefined` when there is none. Needs 4
 * bytes. Free-format frames do not tell their length and are not recognised.
 */
export function parseMpegAudioHeader(bytes: Uint8Array, at: number): AudioFrameHeader | undefined {
  const [b0 = 0, b1 = 0, b2 = 0] = bytes.subarray(at, at + 3);
  if (b0 !== 0xff || (b1 & 0xe0) !== 0xe0) return undefined;
  const version = (b1 >> 3) & 3;
  const layer = 4 - ((b1 >> 1) & 3);
  const rate = MPEG1_RATES[(b2 >> 2) & 3];
  if (version === 1 || layer === 4 || rate === undefined) return undefined;
  const isMpeg1 = version === 3;
  const table = isMpeg1 ? KILOBITS[layer === 1 ? 'v1l1' : layer === 2 ? 'v1l2' : 'v1l3'] : KILOBITS[layer === 1 ? 'v2l1' : 'v2l23'];
  const bitRate = (table[b2 >> 4] ?? 0) * 1000;
  if (bitRate === 0) return undefined;
  const sampleRate = isMpeg1 ? rate : version === 2 ? rate / 2 : rate / 4;
  const padding = (b2 >> 1) & 1;
  const slotBits = layer === 3 && !isMpeg1 ? 72 : 144;
  const lengthBytes =
    layer === 1 ? (Math.floor((12 * bitRate) / sampleRate) + padding) * 4 : Math.floor((slotBits * bitRate) / sampleRate) + padding;
  return { format: 'mpeg-audio', lengthBytes, signature: ((b1 & 0x1e) << 8) | (b2 & 0x0c) };
}
