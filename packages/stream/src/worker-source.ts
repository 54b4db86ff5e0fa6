/**
 * Reader module for decode workers: byte sources that block until the main thread has fetched what is read.
 *
 * @module
 */
import type { ByteSource, CreateByteSource, ReaderContext } from '@tutti/decode';
import type { ReaderData } from './reader-messages.ts';
import { fileBytes } from './worker/file-bytes.ts';
import { resourceBytes } from './worker/resource-bytes.ts';
import { segmentBytes } from './worker/segment-bytes.ts';

/** Makes the byte source that `readerData`, made by a `SpanReader` of this package, describes. */
export const createByteSource: CreateByteSource = (readerData: unknown, context: ReaderContext): ByteSource => {
  const wanted = readerData as ReaderData;
  switch (wanted.kind) {
    case 'resource':
      return resourceBytes(wanted, context);
    case 'segments':
      return segmentBytes(wanted, context);
    case 'file':
      return fileBytes(wanted);
  }
};
