import type { Transferable } from 'node:worker_threads';
import type { MediaHint } from './media-hint.ts';

/** Everything a decode worker needs to open one stream. Plain data: it crosses into the worker by structured clone. */
export interface DecodeSpec {
  /** Module that exports `createByteSource: CreateByteSource`. */
  readonly readerModule: URL | string;
  /** Passed to `createByteSource` as it is. */
  readonly readerData: unknown;
  /** Objects in `readerData` that move into the worker (message ports). */
  readonly transfer?: readonly Transferable[];
  readonly hint?: MediaHint;
  /** Frame to begin at; the source must be able to seek. Default 0. */
  readonly startFrame?: number;
}
