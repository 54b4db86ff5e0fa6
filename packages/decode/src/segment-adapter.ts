import type { ByteSource } from './byte-source.ts';
import { M2TS_PACKET_BYTES, M2tsSource } from './m2ts-source.ts';
import type { MediaHint } from './media-hint.ts';
import { TsAudioTransform } from './mpeg-ts.ts';
import { TS_PACKET_BYTES, TS_SYNC_BYTE } from './mpeg-ts-packets.ts';
import { PackedAudioTransform } from './packed-audio.ts';
import { SequentialSource } from './sequential-source.ts';
import type { TimestampIndex } from './timestamp-index.ts';
import type { TrackInfo } from './track-info.ts';

/** What a decoder opens in place of the bytes as they came. */
export interface AdaptedSource {
  readonly source: ByteSource;
  /** The decoder's info with what only the segments tell: container, and time of the first frame. */
  describe(info: TrackInfo): TrackInfo;
}

/** Sync bytes that must be where transport packets begin for a stream without a hint to be taken for one. */
const SNIFF_PACKETS = 4;

/**
 * Turns MPEG transport streams and packed audio into bytes that the decoder reads; everything else passes through. A
 * stream without a `segmentFormat` is sniffed for transport packets. Closing the adapted source closes `source`.
 */
export function adaptSegments(source: ByteSource, hint: MediaHint | undefined): AdaptedSource {
  switch (hint?.segmentFormat) {
    case 'mpeg-ts':
      return adaptTransportStream(source);
    case 'packed-audio':
      return adaptPackedAudio(source);
    case 'fmp4':
      return { source, describe: (info) => info };
    case undefined: {
      const sniffed = new PrefixedSource(source, SNIFF_PACKETS * M2TS_PACKET_BYTES);
      if (sniffed.hasPacketsOf(TS_PACKET_BYTES)) return adaptTransportStream(sniffed);
      if (sniffed.hasPacketsOf(M2TS_PACKET_BYTES)) return adaptTransportStream(new M2tsSource(sniffed));
      return { source: sniffed, describe: (info) => info };
    }
  }
}

function adaptTransportStream(source: ByteSource): AdaptedSource {
  const transform = new TsAudioTransform(source);
  transform.probe();
  const describe = (info: TrackInfo): TrackInfo => ({ ...withFirstTimestamp(info, transform.timestamps), container: 'mpeg-ts' });
  return { source: new SequentialSource(transform), describe };
}

function adaptPackedAudio(source: ByteSource): AdaptedSource {
  const transform = new PackedAudioTransform(source);
  transform.probe();
  return {
    source: new SequentialSource(transform),
    describe: (info) => withFirstTimestamp(info, transform.timestamps),
  };
}

function withFirstTimestamp(info: TrackInfo, timestamps: TimestampIndex): TrackInfo {
  return { ...info, firstTimestampSeconds: timestamps.firstSeconds ?? info.firstTimestampSeconds };
}

/** A byte source whose first bytes were looked at: they are served from memory, since a source may go forward only. */
class PrefixedSource implements ByteSource {
  readonly #source: ByteSource;
  readonly #prefix: Uint8Array;

  constructor(source: ByteSource, prefixBytes: number) {
    this.#source = source;
    const prefix = new Uint8Array(prefixBytes);
    let length = 0;
    for (let count = -1; count !== 0 && length < prefixBytes; length += count)
      count = source.readAt(length, prefix.subarray(length));
    this.#prefix = prefix.subarray(0, length);
  }

  get length(): number | undefined {
    return this.#source.length;
  }

  /** Whether transport packets follow each other at this distance, each at the end of its share. */
  hasPacketsOf(bytes: number): boolean {
    if (this.#prefix.length < 2 * bytes) return false;
    for (let at = bytes - TS_PACKET_BYTES; at < this.#prefix.length; at += bytes)
      if (this.#prefix[at] !== TS_SYNC_BYTE) return false;
    return true;
  }

  readAt(position: number, into: Uint8Array): number {
    if (position >= this.#prefix.length) return this.#source.readAt(position, into);
    const part = this.#prefix.subarray(position, position + into.length);
    into.set(part);
    return part.length;
  }

  close(): void {
    this.#source.close();
  }
}
