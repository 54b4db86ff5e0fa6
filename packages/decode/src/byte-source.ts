/**
 * What a decoder reads from: a length and reads by position.
 *
 * `readAt` returning 0 is the proven end of the stream and nothing else. A source whose bytes are not there yet blocks
 * (inside a worker only); a source whose bytes can never come throws.
 */
export interface ByteSource {
  /** Total length in bytes, or `undefined` when it is unknown: the source is then read forward only and cannot seek. */
  readonly length: number | undefined;
  /**
   * Reads up to `into.length` bytes at `position` and returns how many were read; 0 only at the end.
   * Whatever it throws surfaces unchanged from the decoder call that caused the read.
   */
  readAt(position: number, into: Uint8Array): number;
  /** Releases what the source holds. Idempotent. */
  close(): void;
}

/** What a blocking source inside a decode worker may use to wait. */
export interface ReaderContext {
  /** The worker's doorbell: one 32-bit word, the only word that the worker ever waits on. */
  readonly doorbell: Int32Array<SharedArrayBuffer>;
  /**
   * Blocks until the doorbell no longer holds `seen`. Load the doorbell *before* checking for coverage, then pass the
   * loaded value: a write between the check and the wait then returns at once instead of being lost.
   * Throws `DecodeError` `decode/interrupted` when a command (seek, close) arrived that makes the read pointless.
   */
  wait(seen: number): void;
}

/** The export that a reader module gives to the decode worker. `readerData` is whatever the opener passed. */
export type CreateByteSource = (readerData: unknown, context: ReaderContext) => ByteSource | Promise<ByteSource>;
