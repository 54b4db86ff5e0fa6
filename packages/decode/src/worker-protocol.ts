import type { MessagePort } from 'node:worker_threads';
import type { MediaHint } from './media-hint.ts';
import type { TrackInfo } from './track-info.ts';
import type { ErrorRecord } from './worker-error.ts';

/**
 * Messages between `DecodeWorker` and its thread. A blocked thread gets no message events, so the main thread posts,
 * increments the doorbell and notifies it; the thread takes the messages with `receiveMessageOnPort`.
 */

/** What the thread is started with. */
export interface WorkerSetup {
  readonly port: MessagePort;
  /** One 32-bit word: the only one that the thread waits on. */
  readonly doorbell: SharedArrayBuffer;
}

/** Everything that the thread needs to open one stream. */
export interface OpenCommand {
  readonly type: 'open';
  readonly streamId: number;
  readonly module: WebAssembly.Module;
  readonly readerModule: string;
  readonly readerData: unknown;
  readonly hint: MediaHint | undefined;
  readonly startFrame: number;
  readonly ringSeconds: number;
}

export interface SeekCommand {
  readonly type: 'seek';
  readonly streamId: number;
  readonly frame: number;
  /** Ring generation of everything that is decoded after this seek. */
  readonly generation: number;
}

export type WorkerCommand =
  | OpenCommand
  | SeekCommand
  | { readonly type: 'close'; readonly streamId: number }
  /** Close every stream and end the thread. */
  | { readonly type: 'stop' };

/** Every command about a stream is answered, except a seek that a later command of the stream made pointless. */
export type WorkerReply =
  | { readonly type: 'opened'; readonly streamId: number; readonly info: TrackInfo; readonly ring: SharedArrayBuffer }
  | { readonly type: 'open-failed'; readonly streamId: number; readonly error: ErrorRecord }
  | { readonly type: 'sought'; readonly streamId: number; readonly generation: number; readonly landedFrame: number }
  | { readonly type: 'seek-failed'; readonly streamId: number; readonly generation: number; readonly error: ErrorRecord }
  /** Nothing follows the frames that are in the ring. Decoder and byte source are closed. */
  | { readonly type: 'failed'; readonly streamId: number; readonly error: ErrorRecord }
  /** Decoder and byte source are closed: nothing of the stream is read any more. */
  | { readonly type: 'closed'; readonly streamId: number };
