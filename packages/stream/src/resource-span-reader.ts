import type { MediaHint } from '@tutti/decode';
import type { StreamingResource } from '@tutti/storage';
import { MessageChannel } from 'node:worker_threads';
import type { SpanReader } from './media-source.ts';
import { ReadAhead } from './read-ahead.ts';
import type { ReaderData, ReaderPosition } from './reader-messages.ts';
import { readerModule } from './reader-module.ts';

export interface ResourceSpanReaderOptions {
  readonly resource: StreamingResource;
  /** The decode worker's doorbell. */
  readonly doorbell: SharedArrayBuffer;
  readonly label: string;
  readonly hint: MediaHint;
  /** Length that the decoder may rely on; `undefined` makes it read forward only. */
  readonly length: number | undefined;
  readonly lookAheadBytes: number;
  /** Called whenever the worker reports where it stands. */
  readonly onPosition?: (position: ReaderPosition) => void;
}

/** Opens a decode worker's way to one resource: bytes by shared state, wants and progress by messages. */
export function openResourceSpanReader(options: ResourceSpanReaderOptions): SpanReader {
  const { doorbell, hint, label, length, lookAheadBytes, resource } = options;
  const attached = resource.attachReader({ doorbell });
  const ahead = new ReadAhead({ lookAheadBytes, publish: (window) => attached.want(window) });
  const { port1, port2 } = new MessageChannel();
  port1.on('message', (message: ReaderPosition) => {
    if (!message.isAtEnd) ahead.moveTo(message.position, message.neededEnd);
    options.onPosition?.(message);
  });
  port1.unref();
  const readerData: ReaderData = { kind: 'resource', label, handle: attached.handle, length, port: port2 };
  return {
    spec: { readerModule, readerData, transfer: [port2], hint },
    async release() {
      // The worker's end may never have been sent.
      port2.close();
      port1.close();
      ahead.clear();
      attached.release();
    },
  };
}
