import { createHash } from 'node:crypto';

/** Bytes whose value tells their offset. */
export function pattern(start: number, length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, index) => ((start + index) * 31 + ((start + index) >>> 8) * 7) & 0xff);
}

export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
