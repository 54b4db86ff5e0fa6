import type { ByteSource } from './byte-source.ts';
import { TS_PACKET_BYTES } from './mpeg-ts-packets.ts';

/** Each transport packet of Blu-ray's and AVCHD's M2TS follows four bytes of arrival time. */
export const M2TS_PACKET_BYTES = 192;
const ARRIVAL_TIME_BYTES = M2TS_PACKET_BYTES - TS_PACKET_BYTES;
const BLOCK_PACKETS = 170;

/** The transport packets of an M2TS stream, without the times between them. Closing it closes `source`. */
export class M2tsSource implements ByteSource {
  readonly #source: ByteSource;
  readonly #block = new Uint8Array(BLOCK_PACKETS * M2TS_PACKET_BYTES);

  constructor(source: ByteSource) {
    this.#source = source;
  }

  get length(): number | undefined {
    const { length } = this.#source;
    return length === undefined ? undefined : Math.floor(length / M2TS_PACKET_BYTES) * TS_PACKET_BYTES;
  }

  readAt(position: number, into: Uint8Array): number {
    const first = Math.floor(position / TS_PACKET_BYTES);
    const packets = this.#fill(first, Math.ceil(into.length / TS_PACKET_BYTES) + 1);
    let skipped = position % TS_PACKET_BYTES;
    let written = 0;
    for (let packet = 0; packet < packets && written < into.length; packet += 1) {
      const start = packet * M2TS_PACKET_BYTES + ARRIVAL_TIME_BYTES + skipped;
      const end = Math.min((packet + 1) * M2TS_PACKET_BYTES, start + into.length - written);
      into.set(this.#block.subarray(start, end), written);
      written += end - start;
      skipped = 0;
    }
    return written;
  }

  close(): void {
    this.#source.close();
  }

  /** Reads up to `count` whole packets and returns how many there are: fewer only at the end. */
  #fill(first: number, count: number): number {
    const block = this.#block.subarray(0, Math.min(count, BLOCK_PACKETS) * M2TS_PACKET_BYTES);
    let filled = 0;
    while (filled < block.length) {
      const read = this.#source.readAt(first * M2TS_PACKET_BYTES + filled, block.subarray(filled));
      if (read === 0) break;
      filled += read;
    }
    return Math.floor(filled / M2TS_PACKET_BYTES);
  }
}
