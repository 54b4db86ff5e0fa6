/** Writes ID3v2.4 tags for tests. */
import { concat } from './ts-muxer.ts';

const OWNER = 'com.apple.streaming.transportStreamTimestamp\0';

export function syncsafe(value: number): number[] {
  return [(value >> 21) & 0x7f, (value >> 14) & 0x7f, (value >> 7) & 0x7f, value & 0x7f];
}

/** A frame of an ID3v2.4 tag. */
export function id3Frame(id: string, content: Uint8Array): Uint8Array {
  return concat([Buffer.from(id, 'latin1'), Uint8Array.of(...syncsafe(content.length), 0, 0), content]);
}

/** An ID3v2.4 tag of whole frames. */
export function id3Tag(frames: readonly Uint8Array[], paddingBytes = 0): Uint8Array {
  const body = concat([...frames, new Uint8Array(paddingBytes)]);
  return concat([Uint8Array.of(0x49, 0x44, 0x33, 4, 0, 0, ...syncsafe(body.length)), body]);
}

/** The tag that begins a packed audio segment: 33 bits at 90 kHz. */
export function timestampTag(ticks: number): Uint8Array {
  const content = new Uint8Array(OWNER.length + 8);
  content.set(Buffer.from(OWNER, 'latin1'));
  new DataView(content.buffer).setBigUint64(OWNER.length, BigInt(ticks));
  return id3Tag([id3Frame('TXXX', Buffer.from('\0a\0b', 'latin1')), id3Frame('PRIV', content)], 5);
}
