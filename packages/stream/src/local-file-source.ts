import { closeSync, openSync } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { basename } from 'node:path';
import { extensionOf } from './media-kind.ts';
import type { FillReport, MediaSource, MediaSpan, SpanReader } from './media-source.ts';
import { readerModule } from './reader-module.ts';
import type { ReaderData } from './reader-messages.ts';
import { StreamError, type StreamErrorCode } from './stream-error.ts';

/**
 * Opens a file of this computer for playing, without the cache. Rejects with `stream/not-found`, `stream/unreadable` (a
 * directory, no permission, not a regular file) or `stream/empty`, each with a sentence that names the path.
 */
export async function openLocalFileSource(path: string, options: { readonly signal?: AbortSignal } = {}): Promise<MediaSource> {
  options.signal?.throwIfAborted();
  await using file = await openFile(path);
  const status = await file.stat();
  if (status.isDirectory()) throw unreadable(path, 'it is a directory');
  if (!status.isFile()) throw unreadable(path, 'it is not a regular file');
  if (status.size === 0) throw new StreamError('stream/empty', `open ${path}: the file is empty`, { label: path });
  return new LocalFileSource(path, status.size);
}

async function openFile(path: string): Promise<FileHandle> {
  try {
    return await open(path, 'r');
  } catch (cause) {
    throw explain(path, cause);
  }
}

class LocalFileSource implements MediaSource {
  readonly kind = 'file';
  readonly label: string;
  /** Decoding knows. */
  readonly durationSeconds = undefined;
  readonly counters = { networkBytes: 0, cachedBytes: 0, requestCount: 0 };
  readonly #length: number;
  #isClosed = false;

  constructor(path: string, length: number) {
    this.label = path;
    this.#length = length;
  }

  async *spans({ startSeconds }: { readonly startSeconds: number }): AsyncIterable<MediaSpan> {
    const extension = extensionOf(basename(this.label));
    yield {
      startSeconds: 0,
      durationSeconds: undefined,
      offsetSeconds: startSeconds,
      isGap: false,
      isSeekable: true,
      hint: extension === undefined ? {} : { extension },
      openReader: () => this.#openReader(extension),
    };
  }

  async fill(): Promise<FillReport> {
    const bytes = this.#length;
    return { doneBytes: bytes, totalBytes: bytes, doneResources: 1, totalResources: 1, isComplete: true, missing: [] };
  }

  /** Nothing ever happens to a file that is there. */
  on(): Disposable {
    return { [Symbol.dispose]() {} };
  }

  async close(): Promise<void> {
    this.#isClosed = true;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #openReader(extension: string | undefined): SpanReader {
    if (this.#isClosed)
      throw new StreamError('stream/closed', `open a reader of ${this.label}: the source is closed`, { label: this.label });
    let fd: number | undefined = openDescriptor(this.label);
    const readerData: ReaderData = { kind: 'file', label: this.label, fd, length: this.#length };
    return {
      spec: { readerModule, readerData, hint: extension === undefined ? {} : { extension } },
      async release() {
        if (fd !== undefined) closeSync(fd);
        fd = undefined;
      },
    };
  }
}

/** Opened here, so that the worker's descriptor is closed by whoever knows that the worker is done with it. */
function openDescriptor(path: string): number {
  try {
    return openSync(path, 'r');
  } catch (cause) {
    throw explain(path, cause);
  }
}

function explain(path: string, cause: unknown): StreamError {
  const systemCode = cause instanceof Error && 'code' in cause ? cause.code : undefined;
  switch (systemCode) {
    case 'ENOENT':
    case 'ENOTDIR':
      return failure('stream/not-found', path, 'there is no such file', cause);
    case 'EACCES':
    case 'EPERM':
      return failure('stream/unreadable', path, 'permission denied', cause);
    case 'EISDIR':
      return failure('stream/unreadable', path, 'it is a directory', cause);
    default:
      return failure('stream/unreadable', path, cause instanceof Error ? cause.message : String(cause), cause);
  }
}

function unreadable(path: string, reason: string): StreamError {
  return failure('stream/unreadable', path, reason, undefined);
}

function failure(code: StreamErrorCode, path: string, reason: string, cause: unknown): StreamError {
  return new StreamError(code, `open ${path}: ${reason}`, { label: path, cause });
}
