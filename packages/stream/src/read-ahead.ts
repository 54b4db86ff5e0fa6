import type { ByteRange } from '@tutti/storage';

export interface ReadAheadOptions {
  /** Receives the window that the reader wants, whenever it changes; `undefined` when it wants nothing any more. */
  readonly publish: (window: ByteRange | undefined) => void;
  /** Size of the window once reading is steady, in bytes. Default 2 MiB. */
  readonly lookAheadBytes?: number;
}

/** Steady look-ahead, in bytes: 50 s of 320 kbit/s, 16 s of CD-quality FLAC. */
export const defaultLookAheadBytes = 2 * 1024 * 1024;
/** First window after a jump, in bytes: two reads of a demuxer, so that a search by bisection wastes little. */
const initialBytes = 128 * 1024;

/**
 * Turns a reader's position into the window of bytes that should be fetched for it. A jump opens a small window; reading on
 * doubles it up to the look-ahead, as a file system's read-ahead does. The window moves when half of it has been read, so
 * that it is refilled in few large requests.
 */
export class ReadAhead {
  readonly #publish: (window: ByteRange | undefined) => void;
  readonly #maximumBytes: number;
  #size: number;
  #window: ByteRange | undefined;

  constructor(options: ReadAheadOptions) {
    this.#publish = options.publish;
    this.#maximumBytes = options.lookAheadBytes ?? defaultLookAheadBytes;
    this.#size = Math.min(initialBytes, this.#maximumBytes);
  }

  get window(): ByteRange | undefined {
    return this.#window;
  }

  /** The reader stands at `position` and needs the bytes up to `neededEnd` to go on. */
  moveTo(position: number, neededEnd = position): void {
    const window = this.#window;
    if (window === undefined || position < window.start || position > window.end) {
      this.#size = Math.min(initialBytes, this.#maximumBytes);
    } else if ((position - window.start) * 2 >= window.end - window.start) {
      this.#size = Math.min(this.#size * 2, this.#maximumBytes);
    } else if (neededEnd <= window.end) {
      return;
    }
    this.#window = { start: position, end: Math.max(position + this.#size, neededEnd) };
    this.#publish(this.#window);
  }

  /** The reader is gone. */
  clear(): void {
    if (this.#window === undefined) return;
    this.#window = undefined;
    this.#publish(undefined);
  }
}
