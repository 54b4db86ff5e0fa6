import { StorageError, type StorageErrorCode } from './storage-error.ts';

/** What is left of an error after it has crossed into another thread as bytes. */
export interface FailureRecord {
  readonly name: string;
  /** The error's `code`, where it had one. */
  readonly code: string | undefined;
  readonly message: string;
  readonly isRecoverable: boolean;
}

/** The error that made a resource fail, as another thread sees it: name, code, message, and whether trying again may help. */
export class RemoteFailure extends Error {
  override readonly name: string;
  readonly code: string | undefined;
  readonly isRecoverable: boolean;

  constructor(record: FailureRecord) {
    super(record.message);
    this.name = record.name;
    this.code = record.code;
    this.isRecoverable = record.isRecoverable;
  }
}

/** Longest message kept, in UTF-8 bytes: one long sentence with a path in it. */
export const FAILURE_MESSAGE_BYTES = 400;
/** Longest name and code kept, in UTF-8 bytes. */
export const FAILURE_WORD_BYTES = 64;

export function failureRecord(error: Error): FailureRecord {
  const code = 'code' in error && typeof error.code === 'string' ? error.code : undefined;
  const isRecoverable = 'isRecoverable' in error && error.isRecoverable === true;
  return { name: error.name, code, message: error.message, isRecoverable };
}

/** UTF-8 of `text` cut to `maxBytes` without splitting a character. */
export function encodeBounded(text: string, maxBytes: number): Uint8Array {
  const bytes = new Uint8Array(maxBytes);
  const { written } = new TextEncoder().encodeInto(text, bytes);
  return bytes.subarray(0, written);
}

/** The error that readers of a resource get when it failed because of `cause`. */
export function readerFailure(label: string, record: FailureRecord): StorageError {
  const code = isPassedOn(record.code) ? record.code : 'storage/failed';
  return new StorageError(code, `read ${label}: ${record.message}`, { cause: new RemoteFailure(record) });
}

function isPassedOn(code: string | undefined): code is StorageErrorCode {
  return (
    code === 'storage/io' ||
    code === 'storage/no-space' ||
    code === 'storage/read-only' ||
    code === 'storage/representation-changed'
  );
}
