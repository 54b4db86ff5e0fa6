import type { ByteSource } from '@tutti/decode';
import { readSync } from 'node:fs';
import type { ReaderData } from '../reader-messages.ts';
import { StreamError } from '../stream-error.ts';

/** A local file of known length, on a descriptor that the main thread opened and closes. */
export function fileBytes({ fd, label, length }: Extract<ReaderData, { kind: 'file' }>): ByteSource {
  return {
    length,
    readAt(position, into) {
      if (position >= length || into.length === 0) return 0;
      const count = readAt({ fd, label, position, into: into.subarray(0, Math.min(into.length, length - position)) });
      if (count > 0) return count;
      throw new StreamError(
        'stream/unreadable',
        `read ${label} at ${position}: the file became shorter than ${length} bytes while it played`,
        {
          label,
        },
      );
    },
    close() {},
  };
}

function readAt({ fd, into, label, position }: { fd: number; into: Uint8Array; label: string; position: number }): number {
  try {
    return readSync(fd, into, 0, into.length, position);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new StreamError('stream/unreadable', `read ${label} at ${position}: ${reason}`, { label, cause });
  }
}
