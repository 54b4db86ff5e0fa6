import { AudioFrameScanner, type AudioFraming } from './audio-frame-scanner.ts';
import type { ByteSource } from './byte-source.ts';
import { DecodeError } from './decode-error.ts';
import { FrameOutput } from './frame-output.ts';
import { id3TransportTimestamp } from './id3.ts';
import type { ByteTransform } from './sequential-source.ts';
import type { TimestampIndex } from './timestamp-index.ts';

const BLOCK_BYTES = 16 * 1024;
/** A segment begins with a tag and then with frames: this much of anything else holds none. */
const PROBE_BYTES = 1024 * 1024;

/**
 * Packed audio segments joined to one stream (RFC 8216, section 3.4): ADTS or MPEG audio frames, without the ID3 tags that
 * begin each segment and whose timestamps are kept.
 */
export class PackedAudioTransform implements ByteTransform {
  readonly #source: ByteSource;
  readonly #output = new FrameOutput();
  readonly #block = new Uint8Array(BLOCK_BYTES);
  #scanner = this.#makeScanner();
  #position = 0;
  #isFinished = false;
  /** Output of `probe` that nobody has pulled yet. */
  #hasProbed = false;

  constructor(source: ByteSource) {
    this.#source = source;
  }

  /** Which time belongs to which byte of the output. */
  get timestamps(): TimestampIndex {
    return this.#output.timestamps;
  }

  /** Reads up to the first frame and says which kind it is. Throws `unsupported`, `not-media` or `empty`. */
  probe(): AudioFraming {
    while (this.#scanner.format === undefined) {
      const isMore = this.#scanner.garbageBytes < PROBE_BYTES && this.#read();
      if (!isMore && this.#scanner.format === undefined) throw this.#withoutFrames();
    }
    this.#hasProbed = true;
    return this.#scanner.format;
  }

  pull(): Uint8Array | undefined {
    if (!this.#hasProbed) {
      this.#output.clear();
      if (!this.#read() && this.#output.bytes.length === 0) return undefined;
    }
    this.#hasProbed = false;
    return this.#output.bytes;
  }

  restart(): void {
    this.#output.restart();
    this.#scanner = this.#makeScanner();
    this.#position = 0;
    this.#isFinished = false;
    this.#hasProbed = false;
  }

  close(): void {
    this.#source.close();
  }

  /** Scans the next block; false once the end was scanned. */
  #read(): boolean {
    if (this.#isFinished) return false;
    const count = this.#source.readAt(this.#position, this.#block);
    this.#position += count;
    if (count > 0) this.#scanner.push(this.#block.subarray(0, count));
    else {
      this.#isFinished = true;
      this.#scanner.finish();
    }
    return count > 0;
  }

  #makeScanner(): AudioFrameScanner {
    return new AudioFrameScanner({ onFrame: (frame, ticks) => this.#output.onFrame(frame, ticks), onTag: id3TransportTimestamp });
  }

  #withoutFrames(): DecodeError {
    if (this.#position === 0) return new DecodeError('decode/empty', 'packed audio: there are no bytes');
    // Sync word of AC-3 and E-AC-3 (ATSC A/52, 5.4.1.1).
    const [first, second] = this.#scanner.firstGarbage ?? [];
    if (first === 0x0b && second === 0x77) {
      return new DecodeError('decode/unsupported', 'packed audio: AC-3 and E-AC-3 are not decoded');
    }
    return new DecodeError('decode/not-media', `packed audio: no ADTS or MPEG audio frame in the first ${this.#position} bytes`);
  }
}
