import type { ByteSource, ReaderContext } from '@tutti/decode';
import { openResourceReader, type ResourceReader } from '@tutti/storage';
import type { MessagePort } from 'node:worker_threads';
import type { ReaderData, ReaderPosition } from '../reader-messages.ts';
import { originalFailure } from './original-failure.ts';

/** The main thread hears of progress this often, in bytes read on: half of the first window, so that it grows before it is used up. */
const reportEveryBytes = 64 * 1024;

/** One resource while it is being fetched: reads block until the bytes are there. */
export function resourceBytes(
  { handle, length, port }: Extract<ReaderData, { kind: 'resource' }>,
  context: ReaderContext,
): ByteSource {
  const reader = openResourceReader(handle);
  const report = new PositionReport(port);
  return {
    length,
    readAt(position, into) {
      if (into.length === 0) return 0;
      for (;;) {
        // The doorbell first: a byte that lands after the check then ends the wait at once.
        const seen = Atomics.load(context.doorbell, 0);
        const read = readPresent(reader, position, into);
        if (typeof read === 'number') {
          report.reading(position, position + read);
          return read;
        }
        if (read === 'end') {
          report.atEnd(position);
          return 0;
        }
        report.blocked(read);
        context.wait(seen);
      }
    },
    close() {
      port.close();
    },
  };
}

/**
 * Reads what is there, or says what has to be. The end is proven by a committed length, or by the last byte of the length
 * that the origin announced: the rest of the file may still be a hole that nobody has asked for.
 */
function readPresent(reader: ResourceReader, position: number, into: Uint8Array): number | 'end' | { start: number; end: number } {
  try {
    const read = reader.read(position, into);
    if (read !== 'absent') return read;
    const announced = reader.announcedLength;
    if (announced === undefined || position < announced) return { start: position, end: position + into.length };
    const lastByte = announced - 1;
    return reader.read(lastByte, new Uint8Array(1)) === 'absent' ? { start: lastByte, end: announced } : 'end';
  } catch (error) {
    throw originalFailure(error);
  }
}

/** Tells the main thread where the reader stands: when it blocks, when it goes on, and now and then while it reads. */
class PositionReport {
  readonly #port: MessagePort;
  #last: ReaderPosition = { position: -1, neededEnd: undefined, isAtEnd: false };

  constructor(port: MessagePort) {
    this.#port = port;
  }

  reading(start: number, end: number): void {
    const { isAtEnd, neededEnd, position } = this.#last;
    const hasMoved = start < position || end - position >= reportEveryBytes;
    if (hasMoved || neededEnd !== undefined || isAtEnd) this.#post({ position: end, neededEnd: undefined, isAtEnd: false });
  }

  blocked({ start, end }: { readonly start: number; readonly end: number }): void {
    if (this.#last.position === start && this.#last.neededEnd === end) return;
    this.#post({ position: start, neededEnd: end, isAtEnd: false });
  }

  atEnd(position: number): void {
    if (!this.#last.isAtEnd) this.#post({ position, neededEnd: undefined, isAtEnd: true });
  }

  #post(message: ReaderPosition): void {
    this.#last = message;
    this.#port.postMessage(message);
  }
}
