import type { ByteSource } from './byte-source.ts';

export const TS_PACKET_BYTES = 188;
export const TS_SYNC_BYTE = 0x47;
const BLOCK_BYTES = 174 * TS_PACKET_BYTES;

/** One transport packet that carries payload (ISO/IEC 13818-1, 2.4.3.2). */
export interface TsPacket {
  readonly pid: number;
  /** A PES packet or a section begins in this payload. */
  readonly isUnitStart: boolean;
  readonly isScrambled: boolean;
  readonly continuityCounter: number;
  /** The stream announces a jump of the continuity counter here. */
  readonly isDiscontinuity: boolean;
  /** Valid until the next packet is asked for. */
  readonly payload: Uint8Array;
}

/** Reads a byte source as transport packets: finds lost sync again, drops damaged, cut and empty packets. */
export class TsPacketReader {
  readonly #source: ByteSource;
  #position = 0;
  readonly #block = new Uint8Array(BLOCK_BYTES);
  #start = 0;
  #end = 0;
  #isEnded = false;

  constructor(source: ByteSource) {
    this.#source = source;
  }

  /** Bytes taken from the source so far. */
  get positionBytes(): number {
    return this.#position - (this.#end - this.#start);
  }

  /** The next packet with payload, or `undefined` at the end. A read that throws may be repeated. */
  next(): TsPacket | undefined {
    while (this.#align()) {
      const packet = parsePacket(this.#block.subarray(this.#start, this.#start + TS_PACKET_BYTES));
      this.#start += TS_PACKET_BYTES;
      if (packet !== undefined) return packet;
    }
    return undefined;
  }

  restart(): void {
    this.#position = 0;
    this.#start = 0;
    this.#end = 0;
    this.#isEnded = false;
  }

  /** Puts the start on a whole packet; false at the end. */
  #align(): boolean {
    for (;;) {
      // Two packets, so that a sync byte can be seen to repeat; the last packet of all stands alone.
      this.#fill(2 * TS_PACKET_BYTES);
      if (this.#end - this.#start < TS_PACKET_BYTES) return false;
      const found = this.#findPacket();
      if (found !== undefined) {
        this.#start = found;
        if (this.#end - this.#start >= TS_PACKET_BYTES) return true;
      } else this.#start = Math.max(this.#start, this.#lastPlace) + 1;
    }
  }

  /**
   * Where the next packet begins: here if the sync byte repeats one packet on; else the next place where it does (the
   * packet here was cut by the end of a segment, or is no packet); else here if there is a sync byte at all.
   */
  #findPacket(): number | undefined {
    for (let at = this.#start; at <= this.#lastPlace; at += 1) {
      if (this.#block[at] === TS_SYNC_BYTE && this.#block[at + TS_PACKET_BYTES] === TS_SYNC_BYTE) return at;
    }
    return this.#block[this.#start] === TS_SYNC_BYTE ? this.#start : undefined;
  }

  /** The last place searched in one go whose repetition can be seen. */
  get #lastPlace(): number {
    return Math.min(this.#end - TS_PACKET_BYTES - 1, this.#start + TS_PACKET_BYTES);
  }

  #fill(wantedBytes: number): void {
    while (!this.#isEnded && this.#end - this.#start < wantedBytes) {
      if (this.#start > 0) {
        this.#block.copyWithin(0, this.#start, this.#end);
        this.#end -= this.#start;
        this.#start = 0;
      }
      const count = this.#source.readAt(this.#position, this.#block.subarray(this.#end));
      if (count === 0) this.#isEnded = true;
      this.#position += count;
      this.#end += count;
    }
  }
}

function parsePacket(packet: Uint8Array): TsPacket | undefined {
  const [, b1 = 0, b2 = 0, b3 = 0, adaptationLength = 0, adaptationFlags = 0] = packet.subarray(0, 6);
  const hasError = (b1 & 0x80) !== 0;
  const hasAdaptation = (b3 & 0x20) !== 0;
  const hasPayload = (b3 & 0x10) !== 0;
  const payloadStart = hasAdaptation ? 5 + adaptationLength : 4;
  if (hasError || !hasPayload || payloadStart >= TS_PACKET_BYTES) return undefined;
  return {
    pid: ((b1 & 0x1f) << 8) | b2,
    isUnitStart: (b1 & 0x40) !== 0,
    isScrambled: (b3 & 0xc0) !== 0,
    continuityCounter: b3 & 15,
    isDiscontinuity: hasAdaptation && adaptationLength > 0 && (adaptationFlags & 0x80) !== 0,
    payload: packet.subarray(payloadStart),
  };
}
