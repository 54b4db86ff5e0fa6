import { elementaryStreamName } from './mpeg-ts-stream-names.ts';
import type { AudioFraming } from './audio-frame-scanner.ts';

/** An elementary stream as a program map lists it. */
export interface ElementaryStream {
  readonly pid: number;
  readonly streamType: number;
  /** What it is, for messages: `AC-3`, `H.264 video`. */
  readonly name: string;
  /** How its frames are told apart, when it is audio that can be decoded. */
  readonly framing: AudioFraming | undefined;
}

/** Joins the sections of one PID, which may span packets (ISO/IEC 13818-1, 2.4.4). */
export class SectionAssembler {
  #section: Uint8Array | undefined;
  #filledBytes = 0;

  /** Takes one payload; calls `onSection` with each section that is whole and whose CRC holds. */
  push(payload: Uint8Array, isUnitStart: boolean, onSection: (section: Uint8Array) => void): void {
    if (!isUnitStart) {
      this.#continue(payload, onSection);
      return;
    }
    const pointer = payload[0] ?? 0;
    this.#continue(payload.subarray(1, 1 + pointer), onSection);
    this.#section = undefined;
    let rest = payload.subarray(1 + pointer);
    // Table id 0xff is stuffing to the end of the packet.
    while (rest.length >= 3 && rest[0] !== 0xff) {
      this.#section = new Uint8Array(3 + ((((rest[1] ?? 0) & 15) << 8) | (rest[2] ?? 0)));
      this.#filledBytes = 0;
      rest = this.#continue(rest, onSection);
    }
  }

  /** Forgets a section that is not whole: packets were lost. */
  drop(): void {
    this.#section = undefined;
  }

  /** Adds to the section under way; returns what lies behind it. */
  #continue(bytes: Uint8Array, onSection: (section: Uint8Array) => void): Uint8Array {
    const section = this.#section;
    if (section === undefined) return bytes;
    const part = bytes.subarray(0, section.length - this.#filledBytes);
    section.set(part, this.#filledBytes);
    this.#filledBytes += part.length;
    if (this.#filledBytes === section.length) {
      this.#section = undefined;
      if (crc32Mpeg(section) === 0) onSection(section);
    }
    return bytes.subarray(part.length);
  }
}

/** PIDs of the program maps in a program association section, or `undefined` when it is another or not yet in force. */
export function parseProgramAssociation(section: Uint8Array): readonly number[] | undefined {
  if (!isCurrentTable(section, 0x00)) return undefined;
  const pids: number[] = [];
  for (let at = 8; at + 4 <= section.length - 4; at += 4) {
    const programNumber = (byteAt(section, at) << 8) | byteAt(section, at + 1);
    if (programNumber !== 0) pids.push(((byteAt(section, at + 2) & 0x1f) << 8) | byteAt(section, at + 3));
  }
  return pids;
}

/** The streams in a program map section, in its order, or `undefined` when it is another or not yet in force. */
export function parseProgramMap(section: Uint8Array): readonly ElementaryStream[] | undefined {
  if (!isCurrentTable(section, 0x02)) return undefined;
  const streams: ElementaryStream[] = [];
  let at = 12 + twelveBits(section, 10);
  while (at + 5 <= section.length - 4) {
    const streamType = byteAt(section, at);
    const descriptorBytes = twelveBits(section, at + 3);
    const descriptors = section.subarray(at + 5, Math.min(at + 5 + descriptorBytes, section.length - 4));
    const pid = ((byteAt(section, at + 1) & 0x1f) << 8) | byteAt(section, at + 2);
    streams.push({ pid, streamType, name: elementaryStreamName(streamType, descriptors), framing: framingOf(streamType) });
    at += 5 + descriptorBytes;
  }
  return streams;
}

function framingOf(streamType: number): AudioFraming | undefined {
  if (streamType === 0x0f) return 'adts';
  return streamType === 0x03 || streamType === 0x04 ? 'mpeg-audio' : undefined;
}

/** A long section of this table that is in force now. */
function isCurrentTable(section: Uint8Array, tableId: number): boolean {
  return section.length >= 12 && section[0] === tableId && (byteAt(section, 1) & 0x80) !== 0 && (byteAt(section, 5) & 1) !== 0;
}

function twelveBits(bytes: Uint8Array, at: number): number {
  return ((byteAt(bytes, at) & 15) << 8) | byteAt(bytes, at + 1);
}

function byteAt(bytes: Uint8Array, at: number): number {
  return bytes[at] ?? 0;
}

/** CRC of ISO/IEC 13818-1, annex A; 0 over a whole undamaged section. */
export function crc32Mpeg(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte << 24;
    for (let bit = 0; bit < 8; bit += 1) crc = crc < 0 || (crc & 0x80000000) !== 0 ? (crc << 1) ^ 0x04c11db7 : crc << 1;
  }
  return crc >>> 0;
}
