/** A small MPEG transport stream writer for tests: one program, one audio stream, everything adjustable. */
import { crc32Mpeg } from '../src/mpeg-ts-tables.ts';

export interface TsMuxerOptions {
  readonly streamType?: number;
  readonly audioPid?: number;
  /** Descriptors of the audio stream in the program map. */
  readonly descriptors?: readonly number[];
  /** Streams listed before the audio: pairs of stream type and PID. */
  readonly otherStreams?: readonly (readonly [number, number])[];
  /** Filler descriptors that make the program map longer than a packet. */
  readonly programDescriptorBytes?: number;
  /** PES packets say length 0. */
  readonly isUnbounded?: boolean;
}

const PMT_PID = 0x1000;

/** Continuity counters live here, so that segments made by one muxer continue each other. */
export class TsMuxer {
  readonly #options: TsMuxerOptions;
  readonly #counters = new Map<number, number>();

  constructor(options: TsMuxerOptions = {}) {
    this.#options = options;
  }

  /** A segment: tables, then one PES packet per entry. */
  segment(pesPackets: readonly { readonly payload: Uint8Array; readonly ticks?: number }[]): Uint8Array {
    return concat([this.tables(), ...pesPackets.map((pes) => this.pes(pes.payload, pes.ticks))]);
  }

  tables(): Uint8Array {
    const pat = section(0x00, [0x00, 0x01, 0xc1, 0, 0, 0x00, 0x01, 0xe0 | (PMT_PID >> 8), PMT_PID & 0xff]);
    return concat([
      this.#packets(0, concat([Uint8Array.of(0), pat])),
      this.#packets(PMT_PID, concat([Uint8Array.of(0), this.#programMap()])),
    ]);
  }

  pes(payload: Uint8Array, ticks?: number): Uint8Array {
    const { audioPid = 0x101, isUnbounded = false } = this.#options;
    const fields = ticks === undefined ? [] : timestampField(ticks);
    const length = isUnbounded ? 0 : 3 + fields.length + payload.length;
    const header = Uint8Array.of(
      0,
      0,
      1,
      0xc0,
      length >> 8,
      length & 0xff,
      0x80,
      ticks === undefined ? 0 : 0x80,
      fields.length,
      ...fields,
    );
    return this.#packets(audioPid, concat([header, payload]));
  }

  #programMap(): Uint8Array {
    const { streamType = 0x0f, audioPid = 0x101, descriptors = [], otherStreams = [], programDescriptorBytes = 0 } = this.#options;
    const filler: number[] = [];
    while (filler.length < programDescriptorBytes) filler.push(0xf0, 50, ...Array<number>(50).fill(0x47));
    const stream = (type: number, pid: number, info: readonly number[]): number[] => [
      type,
      0xe0 | (pid >> 8),
      pid & 0xff,
      0xf0,
      info.length,
      ...info,
    ];
    const streams = [...otherStreams.flatMap(([type, pid]) => stream(type, pid, [])), ...stream(streamType, audioPid, descriptors)];
    return section(0x02, [
      0x00,
      0x01,
      0xc1,
      0,
      0,
      0xff,
      0xff,
      0xf0 | (filler.length >> 8),
      filler.length & 0xff,
      ...filler,
      ...streams,
    ]);
  }

  #packets(pid: number, unit: Uint8Array): Uint8Array {
    const packets: Uint8Array[] = [];
    for (let at = 0; at < unit.length;) {
      const part = unit.subarray(at, at + 184);
      const counter = this.#counters.get(pid) ?? 0;
      this.#counters.set(pid, (counter + 1) & 15);
      const packet = new Uint8Array(188).fill(0xff);
      const stuffing = 184 - part.length;
      packet.set([
        0x47,
        (at === 0 ? 0x40 : 0) | (pid >> 8),
        pid & 0xff,
        (stuffing > 0 && pid !== 0 && pid !== PMT_PID ? 0x30 : 0x10) | counter,
      ]);
      if (stuffing > 0 && pid !== 0 && pid !== PMT_PID) {
        packet[4] = stuffing - 1;
        if (stuffing > 1) packet[5] = 0;
        packet.set(part, 4 + stuffing);
      } else packet.set(part, 4);
      packets.push(packet);
      at += part.length;
    }
    return concat(packets);
  }
}

/** An ADTS frame (AAC-LC, 44.1 kHz, stereo) with `payloadBytes` bytes of `fill` behind its header. */
export function adtsFrame(payloadBytes: number, fill: number): Buffer {
  const length = 7 + payloadBytes;
  const frame = Buffer.alloc(length).fill(fill, 7);
  frame.set([0xff, 0xf1, 0x50, 0x80 | (length >> 11), (length >> 3) & 0xff, ((length & 7) << 5) | 0x1f, 0xfc]);
  return frame;
}

export function concat(parts: readonly Uint8Array[]): Buffer {
  return Buffer.concat(parts);
}

function section(tableId: number, body: readonly number[]): Uint8Array {
  const length = body.length + 4;
  const bytes = Uint8Array.of(tableId, 0xb0 | (length >> 8), length & 0xff, ...body, 0, 0, 0, 0);
  new DataView(bytes.buffer).setUint32(bytes.length - 4, crc32Mpeg(bytes.subarray(0, -4)));
  return bytes;
}

function timestampField(ticks: number): number[] {
  const high = Math.floor(ticks / 2 ** 30) & 7;
  const middle = Math.floor(ticks / 2 ** 15) & 0x7fff;
  const low = ticks % 2 ** 15;
  return [0x21 | (high << 1), middle >> 7, ((middle & 0x7f) << 1) | 1, low >> 7, ((low & 0x7f) << 1) | 1];
}
