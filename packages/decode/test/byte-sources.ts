/** Byte sources over memory for tests. */
import type { ByteSource } from '../src/byte-source.ts';

export interface MemorySourceOptions {
  /** Length unknown, and a step back is an error. */
  readonly isForwardOnly?: boolean;
  /** Most bytes that one read gives. */
  readonly chunkBytes?: number;
}

export interface MemorySource extends ByteSource {
  readonly isClosed: boolean;
}

export function memorySource(bytes: Uint8Array, options: MemorySourceOptions = {}): MemorySource {
  const { isForwardOnly = false, chunkBytes = Infinity } = options;
  let reached = 0;
  let isClosed = false;
  return {
    length: isForwardOnly ? undefined : bytes.length,
    get isClosed() {
      return isClosed;
    },
    readAt(position, into) {
      if (isForwardOnly && position < reached) throw new Error(`read at ${position}, behind ${reached}`);
      const part = bytes.subarray(position, position + Math.min(into.length, chunkBytes));
      into.set(part);
      reached = position + part.length;
      return part.length;
    },
    close() {
      isClosed = true;
    },
  };
}

/** Everything that a source gives when it is read from the start. */
export function readAll(source: ByteSource, pieceBytes = 1000): Uint8Array {
  const parts: Uint8Array[] = [];
  const piece = new Uint8Array(pieceBytes);
  for (let position = 0; ;) {
    const count = source.readAt(position, piece);
    if (count === 0) return Buffer.concat(parts);
    parts.push(piece.slice(0, count));
    position += count;
  }
}
