import type { ByteSource, CreateByteSource } from './byte-source.ts';
import { DecodeError } from './decode-error.ts';
import type { DecodeSpec } from './decode-spec.ts';

/** Bytes in memory, plain or shared. They are not copied and must not change while they are read. */
export function bytesSource(bytes: Uint8Array): ByteSource {
  return {
    length: bytes.length,
    readAt(position, into) {
      const available = bytes.subarray(position, position + into.length);
      into.set(available);
      return available.length;
    },
    close() {},
  };
}

/** What `DecodeWorker.open` needs to play bytes in memory: they are copied into the worker unless their buffer is shared. */
export function bytesSpec(bytes: Uint8Array): DecodeSpec {
  return { readerModule: new URL('./bytes-source.ts', import.meta.url), readerData: { bytes } };
}

/** Reader module for `DecodeWorker`: `readerData` is `{bytes}`, a `Uint8Array`. */
export const createByteSource: CreateByteSource = (readerData) => {
  const bytes = (readerData as { readonly bytes?: unknown } | null)?.bytes;
  if (!(bytes instanceof Uint8Array)) {
    throw new DecodeError('decode/source', 'open a bytes source: readerData holds no bytes');
  }
  return bytesSource(bytes);
};
