export type StorageErrorCode =
  | 'storage/busy'
  | 'storage/cancelled'
  | 'storage/failed'
  | 'storage/fragmented'
  | 'storage/io'
  | 'storage/no-space'
  | 'storage/not-active'
  | 'storage/not-present'
  | 'storage/read-only'
  | 'storage/representation-changed';

/** Every failure of this package. `path` is a file-system path, never a URL. */
export class StorageError extends Error {
  override readonly name = 'StorageError';
  readonly code: StorageErrorCode;
  readonly path: string | undefined;

  constructor(code: StorageErrorCode, message: string, options: { readonly path?: string; readonly cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.path = options.path;
  }

  /** Whether trying again later, without changing anything, may succeed. */
  get isRecoverable(): boolean {
    switch (this.code) {
      case 'storage/busy':
      case 'storage/cancelled':
      case 'storage/failed':
      case 'storage/not-present':
      case 'storage/representation-changed':
        return true;
      case 'storage/fragmented':
      case 'storage/io':
      case 'storage/no-space':
      case 'storage/not-active':
      case 'storage/read-only':
        return false;
    }
  }
}

/**
 * Converts what the file system throws: `ENOSPC`, `EDQUOT` and `EFBIG` to `storage/no-space`, a refusal to write to
 * `storage/read-only`, a missing file to `storage/not-present`, anything else to `storage/io`. `operation` says what was
 * being done, with its values, and begins the message. A `StorageError` comes back as it is.
 */
export function toStorageError(error: unknown, operation: string, path?: string): StorageError {
  if (error instanceof StorageError) return error;
  const systemCode = error instanceof Error && 'code' in error ? error.code : undefined;
  const [code, reason] = explain(systemCode, error);
  return new StorageError(code, `${operation}: ${reason}`, { cause: error, ...(path === undefined ? {} : { path }) });
}

function explain(systemCode: unknown, error: unknown): readonly [StorageErrorCode, string] {
  switch (systemCode) {
    case 'ENOSPC':
      return ['storage/no-space', 'no space left on the device'];
    case 'EDQUOT':
      return ['storage/no-space', 'the disk quota is used up'];
    case 'EFBIG':
      return ['storage/no-space', 'the file system allows no file this large'];
    case 'EROFS':
      return ['storage/read-only', 'the file system is read-only'];
    case 'EACCES':
    case 'EPERM':
      return ['storage/read-only', 'permission denied'];
    case 'ENOENT':
      return ['storage/not-present', 'no such file'];
    case 'EIO':
      return ['storage/io', 'the device reported an input/output error'];
    default:
      return ['storage/io', error instanceof Error ? error.message : String(error)];
  }
}
