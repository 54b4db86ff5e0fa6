import { DecodeError } from './decode-error.ts';

/** Fixed part of a PES header with its optional fields announced. */
const PES_HEADER_BYTES = 9;

export interface PesListener {
  /** A PES packet with payload begins; `ticks` is its PTS: 33 bits at 90 kHz. */
  onStart(ticks: number | undefined): void;
  onPayload(payload: Uint8Array): void;
}

/** Takes PES packets apart (ISO/IEC 13818-1, 2.4.3.6): headers that span packets, and packets of unbounded length. */
export class PesReader {
  readonly #listener: PesListener;
  #header: Uint8Array | undefined;
  /** Payload bytes that the packet still has; `Infinity` when its length is unbounded. 0 outside a packet. */
  #remainingBytes = 0;

  constructor(listener: PesListener) {
    this.#listener = listener;
  }

  push(payload: Uint8Array, isUnitStart: boolean): void {
    if (isUnitStart) this.#header = new Uint8Array(0);
    if (this.#header === undefined) return this.#deliver(payload);
    const header = new Uint8Array(this.#header.length + payload.length);
    header.set(this.#header);
    header.set(payload, this.#header.length);
    this.#header = header;
    const headerBytes = PES_HEADER_BYTES + (header[8] ?? 0);
    if (header.length < PES_HEADER_BYTES || header.length < headerBytes) return;
    this.#header = undefined;
    this.#begin(header, headerBytes);
  }

  /** Packets were lost: nothing counts until the next PES packet begins. */
  drop(): void {
    this.#header = undefined;
    this.#remainingBytes = 0;
  }

  #begin(bytes: Uint8Array, headerBytes: number): void {
    const [b0, b1, b2, , lengthHigh = 0, lengthLow = 0, flags = 0, fields = 0] = bytes;
    this.#remainingBytes = 0;
    // Bits 10 after the start code and the length: the header has the optional fields, as all audio has.
    if (b0 !== 0 || b1 !== 0 || b2 !== 1 || (flags & 0xc0) !== 0x80) return;
    if ((flags & 0x30) !== 0) throw new DecodeError('decode/unsupported', 'mpeg-ts: the audio is scrambled');
    const packetLength = (lengthHigh << 8) | lengthLow;
    this.#remainingBytes = packetLength === 0 ? Infinity : Math.max(0, packetLength + 6 - headerBytes);
    const hasTimestamp = (fields & 0x80) !== 0 && headerBytes >= PES_HEADER_BYTES + 5;
    this.#listener.onStart(hasTimestamp ? timestampAt(bytes, PES_HEADER_BYTES) : undefined);
    this.#deliver(bytes.subarray(headerBytes));
  }

  #deliver(payload: Uint8Array): void {
    const part = payload.subarray(0, Math.min(payload.length, this.#remainingBytes));
    this.#remainingBytes -= part.length;
    if (part.length > 0) this.#listener.onPayload(part);
  }
}

/** 33 bits in five bytes, split 3-15-15 by marker bits. */
function timestampAt(bytes: Uint8Array, at: number): number {
  const [a = 0, b = 0, c = 0, d = 0, e = 0] = bytes.subarray(at, at + 5);
  return ((a >> 1) & 7) * 2 ** 30 + ((b << 22) | ((c >> 1) << 15) | (d << 7) | (e >> 1));
}
