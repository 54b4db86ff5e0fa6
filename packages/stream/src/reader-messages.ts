import type { ByteRange, ResourceHandle } from '@tutti/storage';
import type { MessagePort } from 'node:worker_threads';

/** What a `DecodeSpec` of this package carries to the worker: which bytes, and the port to ask for more. */
export type ReaderData =
  | {
      readonly kind: 'resource';
      readonly label: string;
      readonly handle: ResourceHandle;
      /** Length that the decoder may rely on; `undefined` makes it read forward only. */
      readonly length: number | undefined;
      readonly port: MessagePort;
    }
  | { readonly kind: 'segments'; readonly label: string; readonly port: MessagePort }
  | { readonly kind: 'file'; readonly label: string; readonly fd: number; readonly length: number };

/** Worker to main: where the reader of one resource stands. */
export interface ReaderPosition {
  readonly position: number;
  /** The reader is blocked until the bytes from `position` to here are there; `undefined`: it reads on. */
  readonly neededEnd: number | undefined;
  /** The reader met the end of the resource. */
  readonly isAtEnd: boolean;
}

/** Main to worker, for a reader of segments. */
export type SegmentCommand =
  | { readonly type: 'append'; readonly handle: ResourceHandle; readonly range: ByteRange | undefined }
  | { readonly type: 'finish' }
  | { readonly type: 'fail'; readonly failure: PassedFailure };

/** Worker to main, from a reader of segments. */
export interface SegmentPosition {
  /** The part being read, counted from the first one appended; the number of parts appended when it waits for another. */
  readonly partIndex: number;
  /** Offset in that part's resource. */
  readonly position: number;
  readonly state: 'reading' | 'waiting' | 'starved' | 'ended';
  /** Parts before this one are never read again. */
  readonly droppedCount: number;
}

/** An error on its way into another thread. */
export interface PassedFailure {
  readonly name: string;
  readonly code: string | undefined;
  readonly message: string;
  readonly isRecoverable: boolean;
}

export function passFailure(error: Error): PassedFailure {
  const code = 'code' in error && typeof error.code === 'string' ? error.code : undefined;
  const isRecoverable = 'isRecoverable' in error && error.isRecoverable === true;
  return { name: error.name, code, message: error.message, isRecoverable };
}
