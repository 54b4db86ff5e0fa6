import { readSync } from 'node:fs';
import type { ByteSource, CreateByteSource, ReaderContext } from '@tutti/decode';

/** What is kept of the beginning, so that a decoder may look at it twice while it finds out the format. */
const rememberedBytes = 1 << 20;
/** A non-blocking descriptor has no wait of its own: it is looked at this often. */
const retryMs = 5;

/** Reader module for a decode worker: standard input, forward only, of unknown length. */
export const createByteSource: CreateByteSource = (_readerData: unknown, context: ReaderContext): ByteSource => {
  const head = Buffer.alloc(rememberedBytes);
  let headLength = 0;
  let position = 0;
  return {
    length: undefined,
    readAt(wanted, into) {
      if (wanted < headLength) return head.copy(into, 0, wanted, Math.min(headLength, wanted + into.length));
      if (wanted < position) throw new Error(`read standard input: byte ${wanted} has gone by already`);
      // Forward only: what lies between is read and dropped.
      for (;;) {
        const skipping = wanted > position;
        const count = readAvailable(skipping ? into.subarray(0, Math.min(into.length, wanted - position)) : into, context);
        if (position < rememberedBytes) {
          head.set(into.subarray(0, Math.min(count, rememberedBytes - position)), position);
          headLength = Math.min(rememberedBytes, position + count);
        }
        position += count;
        if (!skipping || count === 0) return count;
      }
    },
    close() {},
  };
};

function readAvailable(into: Uint8Array, context: ReaderContext): number {
  for (;;) {
    try {
      return readSync(0, into, 0, into.length, null);
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? error.code : undefined;
      if (code === 'EOF') return 0;
      if (code !== 'EAGAIN') throw error;
      Atomics.wait(context.doorbell, 0, Atomics.load(context.doorbell, 0), retryMs);
    }
  }
}
