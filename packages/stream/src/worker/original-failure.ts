import { RemoteFailure, StorageError } from '@tutti/storage';

/** What made the resource fail, instead of the storage's remark that it has failed. */
export function originalFailure(error: unknown): unknown {
  return error instanceof StorageError && error.cause instanceof RemoteFailure ? error.cause : error;
}
