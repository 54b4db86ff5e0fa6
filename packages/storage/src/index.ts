/**
 * The bytes of one resource, on disk or in memory: random writes, reads that know what is there, waiting for what is
 * not, and readers in worker threads over shared memory.
 *
 * @module
 */
export { readAtomic, writeAtomic, type AtomicOptions } from './atomic-resource.ts';
export type { ByteRange } from './byte-range.ts';
export {
  inspectPartial,
  openDiskResource,
  removeDiskResource,
  type DiskResourceOptions,
  type PartialSummary,
} from './disk-resource.ts';
export { RemoteFailure } from './failure-record.ts';
export { makeDirectories, nodeFileSystem, type FileSystem } from './file-system.ts';
export { openMemoryResource, type MemoryResourceOptions } from './memory-resource.ts';
export { isSameProcess, livenessOf, ownIdentity, parseIdentity, type ProcessIdentity } from './process-identity.ts';
export { RangeSet } from './range-set.ts';
export { openResourceReader } from './resource-reader.ts';
export { StorageError, toStorageError, type StorageErrorCode } from './storage-error.ts';
export type {
  AttachedReader,
  AttachReaderOptions,
  CommittedResource,
  ResourceHandle,
  ResourceOrigin,
  ResourceReader,
  ResourceState,
  StreamingResource,
} from './streaming-resource.ts';
