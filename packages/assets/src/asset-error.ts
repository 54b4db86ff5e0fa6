import { StorageError } from '@tutti/storage';

export type AssetErrorCode =
  | 'assets/bad-key'
  | 'assets/bad-root'
  | 'assets/closed'
  | 'assets/in-use'
  | 'assets/locked'
  | 'assets/no-space'
  | 'assets/not-cached'
  | 'assets/unsupported-layout';

/** Every failure of this package. `subject` names the asset, resource or directory, without secrets. */
export class AssetError extends Error {
  override readonly name = 'AssetError';
  readonly code: AssetErrorCode;
  readonly subject: string;

  constructor(code: AssetErrorCode, message: string, options: { readonly subject: string; readonly cause?: unknown }) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.subject = options.subject;
  }

  /** Whether trying again later, without changing anything, may succeed. */
  get isRecoverable(): boolean {
    switch (this.code) {
      case 'assets/in-use':
      case 'assets/locked':
        return true;
      case 'assets/bad-key':
      case 'assets/bad-root':
      case 'assets/closed':
      case 'assets/no-space':
      case 'assets/not-cached':
      case 'assets/unsupported-layout':
        return false;
    }
  }
}

/**
 * Gives storage's failures the cache's words where it has some: a full disk, a place somebody else writes, a directory that
 * cannot be written. Everything else comes back as it is.
 */
export function toAssetError(error: unknown, subject: string): unknown {
  if (!(error instanceof StorageError)) return error;
  switch (error.code) {
    case 'storage/no-space':
      return new AssetError(
        'assets/no-space',
        `${error.message}; free space on the cache's disk or choose another cache directory`,
        {
          subject,
          cause: error,
        },
      );
    case 'storage/busy':
      return new AssetError('assets/in-use', error.message, { subject, cause: error });
    case 'storage/read-only':
      return new AssetError('assets/bad-root', `${error.message}; make the cache directory writable or choose another one`, {
        subject,
        cause: error,
      });
    case 'storage/cancelled':
    case 'storage/failed':
    case 'storage/fragmented':
    case 'storage/io':
    case 'storage/not-active':
    case 'storage/not-present':
    case 'storage/representation-changed':
      return error;
  }
}
