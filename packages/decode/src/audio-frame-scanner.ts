import { parseAdtsHeader } from './adts.ts';
import { ID3_HEADER_BYTES, id3TagLength } from './id3.ts';
import { parseMpegAudioHeader } from './mpeg-audio-header.ts';

/** How the frames of an elementary audio stream are told apart. */
export type AudioFraming = 'adts' | 'mpeg-audio';

export interface AudioFrameHeader {
  readonly format: AudioFraming;
  /** Whole frame, header included. */
  readonly lengthBytes: number;
  /** Equal in frames of one stream. */
  readonly signature: number;
}

export interface AudioFrameScannerOptions {
  /** Default: that of the first frame found. */
  readonly format?: AudioFraming;
  /**
   * Called with each whole frame in order, and with the timestamp that belongs to it, if one does. The bytes are valid
   * during the call.
   */
  readonly onFrame: (frame: Uint8Array, ticks: number | undefined) => void;
  /** Called with each ID3v2 tag between frames (at most 64 KiB of it); what it returns is the next frame's timestamp. */
  readonly onTag?: (tag: Uint8Array) => number | undefined;
}

/** A tag is kept whole up to here; the rest of a longer one (pictures) is skipped unseen. */
const MAX_TAG_BYTES = 64 * 1024;
/** Timestamps that wait for a frame: more than a frame spans packets of a transport stream, else there are no frames. */
const MAX_STAMPS = 64;

/**
 * Cuts a byte stream into whole ADTS or MPEG audio frames by walking from header to header, so that "ID3" or a sync word
 * inside a payload is never taken for one between frames. Drops ID3v2 tags, garbage, and frames that were cut. Without
 * sync a header counts only when another of the same stream follows the frame that it describes.
 */
export class AudioFrameScanner {
  readonly #options: AudioFrameScannerOptions;
  #format: AudioFraming | undefined;
  #bytes = new Uint8Array(16 * 1024);
  #start = 0;
  #end = 0;
  /** Stream offset of `#bytes[0]`. */
  #baseOffset = 0;
  #skipBytes = 0;
  #firstGarbage: Uint8Array | undefined;
  #garbageBytes = 0;
  #isSynced = false;
  #isFinishing = false;
  /** Timestamp of the first frame that begins at `offset` or later. */
  #stamps: { readonly offset: number; readonly ticks: number }[] = [];

  constructor(options: AudioFrameScannerOptions) {
    this.#options = options;
    this.#format = options.format;
  }

  /** Framing of the stream, once it is known. */
  get format(): AudioFraming | undefined {
    return this.#format;
  }

  /** First two bytes that belonged to no tag and no frame: what the stream is instead. */
  get firstGarbage(): Uint8Array | undefined {
    return this.#firstGarbage;
  }

  /** Bytes that belonged to no tag and no frame so far. */
  get garbageBytes(): number {
    return this.#garbageBytes;
  }

  /** The next frame that begins in bytes pushed from now on is at `ticks`. */
  stamp(ticks: number): void {
    this.#stampAt(this.#baseOffset + this.#end, ticks);
  }

  push(bytes: Uint8Array): void {
    this.#append(bytes);
    this.#scan();
  }

  /** Bytes are missing here: a whole frame still comes out, the one that was being collected is given up. */
  drop(): void {
    this.finish();
    this.#start = this.#end;
    this.#skipBytes = 0;
    this.#isSynced = false;
    this.#stamps = [];
  }

  /** The stream ends here: a last frame needs no successor to be believed. */
  finish(): void {
    this.#isFinishing = true;
    this.#scan();
    this.#isFinishing = false;
  }

  #scan(): void {
    while (this.#scanOne());
  }

  /** Takes one tag, frame or byte of garbage from the front; false when more bytes are needed. */
  #scanOne(): boolean {
    const skipped = Math.min(this.#skipBytes, this.#end - this.#start);
    this.#start += skipped;
    this.#skipBytes -= skipped;
    const available = this.#end - this.#start;
    if (available < (this.#isFinishing ? 1 : ID3_HEADER_BYTES)) return false;
    const tagLength = id3TagLength(this.#bytes, this.#start);
    if (tagLength > 0) return this.#takeTag(tagLength, available);
    const header = this.#headerAt(this.#start);
    if (header === undefined) return this.#takeGarbage();
    if (!this.#isSynced) {
      const isBelieved = this.#isFollowed(header, available);
      if (isBelieved !== true) return isBelieved === false && this.#takeGarbage();
    }
    if (available < header.lengthBytes) return false;
    this.#takeFrame(header);
    return true;
  }

  #takeTag(tagLength: number, available: number): boolean {
    const kept = Math.min(tagLength, MAX_TAG_BYTES);
    if (available < kept && !this.#isFinishing) return false;
    const ticks = this.#options.onTag?.(this.#bytes.subarray(this.#start, Math.min(this.#start + kept, this.#end)));
    this.#skipBytes = tagLength;
    if (ticks !== undefined) this.#stampAt(this.#baseOffset + this.#start, ticks);
    return true;
  }

  #takeGarbage(): boolean {
    this.#firstGarbage ??= this.#bytes.slice(this.#start, Math.min(this.#start + 2, this.#end));
    this.#garbageBytes += 1;
    this.#isSynced = false;
    this.#start += 1;
    return true;
  }

  #takeFrame(header: AudioFrameHeader): void {
    this.#format = header.format;
    this.#isSynced = true;
    const offset = this.#baseOffset + this.#start;
    let ticks: number | undefined;
    while (this.#stamps[0] !== undefined && this.#stamps[0].offset <= offset) ticks = this.#stamps.shift()?.ticks;
    const frame = this.#bytes.subarray(this.#start, this.#start + header.lengthBytes);
    this.#start += header.lengthBytes;
    this.#options.onFrame(frame, ticks);
  }

  /** Whether another header, a tag or the end follows the frame; `undefined` when that is not to be seen yet. */
  #isFollowed(header: AudioFrameHeader, available: number): boolean | undefined {
    const next = this.#start + header.lengthBytes;
    if (available < header.lengthBytes + ID3_HEADER_BYTES && !this.#isFinishing) return undefined;
    if (next === this.#end) return true;
    if (next > this.#end) return false;
    const following = this.#headerAt(next);
    return id3TagLength(this.#bytes, next) > 0 || (following?.format === header.format && following.signature === header.signature);
  }

  #headerAt(at: number): AudioFrameHeader | undefined {
    const bytes = this.#bytes.subarray(0, this.#end);
    if (this.#format === 'adts') return parseAdtsHeader(bytes, at);
    if (this.#format === 'mpeg-audio') return parseMpegAudioHeader(bytes, at);
    return parseAdtsHeader(bytes, at) ?? parseMpegAudioHeader(bytes, at);
  }

  #stampAt(offset: number, ticks: number): void {
    // Stamps without a frame between them: only the last says something.
    if (this.#stamps.at(-1)?.offset === offset) this.#stamps.pop();
    this.#stamps.push({ offset, ticks });
    if (this.#stamps.length > MAX_STAMPS) this.#stamps.shift();
  }

  #append(bytes: Uint8Array): void {
    if (this.#end + bytes.length > this.#bytes.length) {
      const kept = this.#bytes.subarray(this.#start, this.#end);
      const needed = kept.length + bytes.length;
      const target = needed > this.#bytes.length ? new Uint8Array(2 * needed) : this.#bytes;
      target.set(kept);
      this.#bytes = target;
      this.#baseOffset += this.#start;
      this.#end = kept.length;
      this.#start = 0;
    }
    this.#bytes.set(bytes, this.#end);
    this.#end += bytes.length;
  }
}
