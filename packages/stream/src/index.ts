/**
 * Byte sources over the cache: what readers want is fetched where they want it, stored once, and read from shared state by
 * decode workers that block until it is there.
 *
 * @module
 */
export { readBytes, type ReadBytesOptions } from './byte-stream.ts';
export { download, type BodyTransform, type DownloadOptions, type DownloadResult } from './downloader.ts';
export { openFileSource, type FileSource, type OpenFileSourceOptions, type Sniff } from './file-source.ts';
export { openLocalFileSource } from './local-file-source.ts';
export type {
  FillOptions,
  FillProgress,
  FillReport,
  MediaSource,
  MediaSourceEvent,
  MediaSpan,
  SourceCounters,
  SpanReader,
} from './media-source.ts';
export {
  openSegmentedReader,
  type SegmentDemand,
  type SegmentedReader,
  type SegmentedReaderOptions,
  type SegmentLease,
} from './segmented-reader.ts';
export { StreamError, type StreamErrorCode } from './stream-error.ts';
export { SharedTransferLimit, type TransferLimit } from './transfer-limit.ts';
