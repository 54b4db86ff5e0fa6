import type { StreamingResource } from '@tutti/storage';
import { defaultLookAheadBytes, ReadAhead } from './read-ahead.ts';

export interface ReadBytesOptions {
  /** First byte. Default 0. */
  readonly start?: number;
  /** Offset after the last byte. Default: the end of the resource. */
  readonly end?: number;
  /** Largest chunk, in bytes. Default 64 KiB. */
  readonly chunkBytes?: number;
  /** Bytes fetched ahead of what was taken. Default 2 MiB. */
  readonly lookAheadBytes?: number;
  /** Abort ends the iteration with the reason. */
  readonly signal?: AbortSignal;
}

const defaultChunkBytes = 64 * 1024;

/**
 * The bytes of a resource in order, waiting for those that are still to come. Each chunk is the caller's. Ends at the
 * proven end or at `end`; throws what made the resource fail. Nothing is read ahead of the consumer into memory.
 */
export async function* readBytes(
  resource: StreamingResource,
  options: ReadBytesOptions = {},
): AsyncGenerator<Uint8Array, void, undefined> {
  const { chunkBytes = defaultChunkBytes, end = Number.MAX_SAFE_INTEGER, lookAheadBytes = defaultLookAheadBytes, signal } = options;
  const waitOptions = signal === undefined ? {} : { signal };
  const attached = resource.attachReader();
  const ahead = new ReadAhead({ lookAheadBytes, publish: (window) => attached.want(clip(window, end)) });
  try {
    for (let position = options.start ?? 0; position < end;) {
      signal?.throwIfAborted();
      ahead.moveTo(position, Math.min(position + 1, end));
      if ((await resource.waitRange({ start: position, end: position + 1 }, waitOptions)) === 'end') return;
      const chunk = new Uint8Array(Math.min(chunkBytes, end - position));
      const count = await resource.readAt(position, chunk);
      if (count === 0) return;
      position += count;
      yield chunk.subarray(0, count);
      if (isEnd(resource, position)) return;
    }
  } finally {
    ahead.clear();
    attached.release();
  }
}

/** Whether `position` is the end that the origin announced: the last byte is there, while a hole may keep the file from being committed. */
function isEnd(resource: StreamingResource, position: number): boolean {
  return resource.length === undefined && position === resource.announcedLength;
}

function clip(window: { readonly start: number; readonly end: number } | undefined, end: number) {
  return window === undefined ? undefined : { start: window.start, end: Math.min(window.end, end) };
}
