/** Bytes of an ID3v2 header: enough for `id3TagLength`. */
export const ID3_HEADER_BYTES = 10;

const TIMESTAMP_OWNER = 'com.apple.streaming.transportStreamTimestamp\0';

/** Whole length in bytes of the ID3v2 tag that begins at `at` (id3.org, ID3v2.4 structure, 3.1), or 0 when none does. */
export function id3TagLength(bytes: Uint8Array, at: number): number {
  if (bytes[at] !== 0x49 || bytes[at + 1] !== 0x44 || bytes[at + 2] !== 0x33) return 0;
  const [major = 255, revision = 255, flags = 0] = bytes.subarray(at + 3, at + 6);
  const size = bytes.subarray(at + 6, at + ID3_HEADER_BYTES);
  if (major === 255 || revision === 255 || size.length < 4 || size.some((byte) => byte > 0x7f)) return 0;
  const hasFooter = major >= 4 && (flags & 0x10) !== 0;
  return ID3_HEADER_BYTES + syncsafe(size, 0) + (hasFooter ? ID3_HEADER_BYTES : 0);
}

/**
 * The MPEG-2 timestamp, 33 bits at 90 kHz, that the tag of a packed audio segment carries in a PRIV frame (RFC 8216,
 * section 3.4), or `undefined` when the tag has none.
 */
export function id3TransportTimestamp(tag: Uint8Array): number | undefined {
  const major = tag[3] ?? 0;
  const flags = tag[5] ?? 0;
  if (major < 3) return undefined;
  let body = tag.subarray(ID3_HEADER_BYTES);
  if (major === 3 && (flags & 0x80) !== 0) body = withoutUnsynchronisation(body);
  let at = (flags & 0x40) === 0 ? 0 : extendedHeaderLength(body, major);
  while (at + ID3_HEADER_BYTES <= body.length && body[at] !== 0) {
    const length = major >= 4 ? syncsafe(body, at + 4) : new DataView(body.buffer, body.byteOffset + at + 4).getUint32(0);
    const content = body.subarray(at + ID3_HEADER_BYTES, at + ID3_HEADER_BYTES + length);
    const ticks = latin1(body.subarray(at, at + 4)) === 'PRIV' ? privateTimestamp(content) : undefined;
    if (ticks !== undefined) return ticks;
    at += ID3_HEADER_BYTES + length;
  }
  return undefined;
}

function privateTimestamp(content: Uint8Array): number | undefined {
  if (content.length < TIMESTAMP_OWNER.length + 8 || latin1(content.subarray(0, TIMESTAMP_OWNER.length)) !== TIMESTAMP_OWNER)
    return undefined;
  const view = new DataView(content.buffer, content.byteOffset + TIMESTAMP_OWNER.length, 8);
  return (view.getUint32(0) & 1) * 2 ** 32 + view.getUint32(4);
}

function extendedHeaderLength(body: Uint8Array, major: number): number {
  if (body.length < 4) return body.length;
  return major >= 4 ? syncsafe(body, 0) : 4 + new DataView(body.buffer, body.byteOffset).getUint32(0);
}

function withoutUnsynchronisation(bytes: Uint8Array): Uint8Array {
  return bytes.filter((byte, at) => !(byte === 0 && at > 0 && bytes[at - 1] === 0xff));
}

/** Four bytes of seven bits each. */
function syncsafe(bytes: Uint8Array, at: number): number {
  const [a = 0, b = 0, c = 0, d = 0] = bytes.subarray(at, at + 4);
  return ((a & 0x7f) << 21) | ((b & 0x7f) << 14) | ((c & 0x7f) << 7) | (d & 0x7f);
}

function latin1(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes);
}
