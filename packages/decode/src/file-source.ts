import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import type { ByteSource, CreateByteSource } from './byte-source.ts';
import { DecodeError } from './decode-error.ts';
import type { DecodeSpec } from './decode-spec.ts';

/**
 * A complete local file. Opening throws the file system's error unchanged (`ENOENT`, `EACCES`); a pipe or device has no
 * known length and is refused with `decode/source`.
 */
export function fileByteSource(path: string | URL): ByteSource {
  const descriptor = openSync(path, 'r');
  const stats = fstatSync(descriptor);
  if (!stats.isFile()) {
    closeSync(descriptor);
    throw new DecodeError('decode/source', `open ${String(path)}: it is not a regular file`);
  }
  let isOpen = true;
  return {
    length: stats.size,
    readAt(position, into) {
      if (!isOpen) throw new DecodeError('decode/source', `read ${String(path)}: the source is closed`);
      return readSync(descriptor, into, 0, into.length, position);
    },
    close() {
      if (!isOpen) return;
      isOpen = false;
      closeSync(descriptor);
    },
  };
}

/** What `DecodeWorker.open` needs to play a complete local file. */
export function fileSpec(path: string): DecodeSpec {
  return { readerModule: new URL('./file-source.ts', import.meta.url), readerData: { path } };
}

/** Reader module for `DecodeWorker`: `readerData` is `{path}`. */
export const createByteSource: CreateByteSource = (readerData) => {
  const path = (readerData as { readonly path?: unknown } | null)?.path;
  if (typeof path !== 'string' && !(path instanceof URL)) {
    throw new DecodeError('decode/source', 'open a file source: readerData holds no path');
  }
  return fileByteSource(path);
};
