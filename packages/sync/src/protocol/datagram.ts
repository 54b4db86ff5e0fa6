import { createHmac, timingSafeEqual } from 'node:crypto';

/** One half of a probe: a node's question, or the host's answer with the three times known by then. */
export interface ClockDatagram {
  readonly type: 'request' | 'reply';
  /** The number that the host gave the node, 1 to 65535. */
  readonly nodeNumber: number;
  /** Rises with every request of a connection; a reply repeats it. */
  readonly sequence: number;
  /** Node's clock when the request left, in microseconds. */
  readonly t1Us: number;
  /** Host's clock when the request came, in microseconds; 0 in a request. */
  readonly t2Us: number;
  /** Host's clock when the reply left, in microseconds; 0 in a request. */
  readonly t3Us: number;
}

/**
 * Layout, big-endian: magic `TUTI` 0–3, version 4, type 5, node number 6–7, sequence 8–15, T1 16–23, T2 24–31, T3 32–39, and the
 * first 8 bytes of HMAC-SHA-256 over all before 40–47. Request and reply are equally long: the host amplifies nothing.
 */
export const DATAGRAM_BYTES = 48;
const MAGIC = 0x54_55_54_49;
const VERSION = 1;
const TYPES = ['request', 'reply'] as const;
const MAC_AT = 40;

/** The bytes of a datagram, authenticated with the connection's clock key. */
export function encodeDatagram(datagram: ClockDatagram, key: Uint8Array): Uint8Array {
  const bytes = Buffer.alloc(DATAGRAM_BYTES);
  bytes.writeUInt32BE(MAGIC, 0);
  bytes.writeUInt8(VERSION, 4);
  bytes.writeUInt8(TYPES.indexOf(datagram.type), 5);
  bytes.writeUInt16BE(datagram.nodeNumber, 6);
  bytes.writeBigInt64BE(BigInt(datagram.sequence), 8);
  bytes.writeBigInt64BE(BigInt(datagram.t1Us), 16);
  bytes.writeBigInt64BE(BigInt(datagram.t2Us), 24);
  bytes.writeBigInt64BE(BigInt(datagram.t3Us), 32);
  bytes.set(macOf(bytes, key), MAC_AT);
  return bytes;
}

/**
 * Reads a datagram that somebody sent. `undefined` for everything that is not one of `keyOf`'s nodes speaking: another length,
 * magic, version or type, an unknown node, a wrong MAC, numbers that are not safe integers.
 */
export function decodeDatagram(
  bytes: Uint8Array,
  keyOf: (nodeNumber: number) => Uint8Array | undefined,
): ClockDatagram | undefined {
  if (bytes.length !== DATAGRAM_BYTES) return undefined;
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const type = TYPES[view.readUInt8(5)];
  if (view.readUInt32BE(0) !== MAGIC || view.readUInt8(4) !== VERSION || type === undefined) return undefined;
  const nodeNumber = view.readUInt16BE(6);
  const key = keyOf(nodeNumber);
  if (key === undefined || !timingSafeEqual(view.subarray(MAC_AT), macOf(view, key))) return undefined;
  const [sequence = 0, t1Us = 0, t2Us = 0, t3Us = 0] = [8, 16, 24, 32].map((offset) => Number(view.readBigInt64BE(offset)));
  if (![sequence, t1Us, t2Us, t3Us].every(Number.isSafeInteger)) return undefined;
  return { type, nodeNumber, sequence, t1Us, t2Us, t3Us };
}

/** As many requests may overtake each other on the way; the width of RFC 4303's window. */
const WINDOW = 64;

/** Tells a sequence number that comes for the first time from one that was seen, or is too old to know. */
export class ReplayWindow {
  #highest = 0;
  /** Bit n: `#highest − n` was seen. */
  #seen = 1n;

  /** True once for every sequence number above 0 that is not older than the newest by 64 or more. */
  accept(sequence: number): boolean {
    const ahead = sequence - this.#highest;
    if (ahead > 0) {
      this.#seen = ahead >= WINDOW ? 1n : BigInt.asUintN(WINDOW, this.#seen << BigInt(ahead)) | 1n;
      this.#highest = sequence;
      return true;
    }
    if (sequence <= 0 || -ahead >= WINDOW) return false;
    const bit = 1n << BigInt(-ahead);
    if ((this.#seen & bit) !== 0n) return false;
    this.#seen |= bit;
    return true;
  }
}

function macOf(bytes: Uint8Array, key: Uint8Array): Uint8Array {
  return createHmac('sha256', key)
    .update(bytes.subarray(0, MAC_AT))
    .digest()
    .subarray(0, DATAGRAM_BYTES - MAC_AT);
}
