import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { SyncError } from '../sync-error.ts';

/** Answers the clock probes of the nodes that were admitted, and nobody else's, from a thread of its own. */
export interface ClockResponder extends AsyncDisposable {
  /** UDP port in use. */
  readonly port: number;
  /** From now on answers this node, under this key; another key for the same number replaces the first, and its sequence. */
  admit(nodeNumber: number, key: Uint8Array): void;
  dismiss(nodeNumber: number): void;
  close(): Promise<void>;
}

/** To the responder's thread. */
export type ResponderCommand =
  | { readonly type: 'admit'; readonly nodeNumber: number; readonly key: Uint8Array }
  | { readonly type: 'dismiss'; readonly nodeNumber: number };

/** From the responder's thread, once. */
export type ResponderStart = { readonly port: number } | { readonly code: string };

/**
 * Starts answering on a UDP port; 0 takes any. Rejects with `SyncError` `sync/port-in-use` or `sync/no-socket`. The thread keeps its
 * socket away from whatever blocks the main one: a late answer would be a wrong time.
 */
export async function startClockResponder(options: { readonly port: number }): Promise<ClockResponder> {
  const worker = new Worker(new URL('./udp-clock-responder-worker.ts', import.meta.url), { workerData: options });
  const [start] = (await once(worker, 'message')) as [ResponderStart];
  if ('code' in start) {
    await worker.terminate();
    throw start.code === 'EADDRINUSE'
      ? new SyncError('sync/port-in-use', `Port ${options.port} is in use. Please close the other application or change the port.`)
      : new SyncError('sync/no-socket', `UDP port ${options.port} cannot be opened (${start.code}): choose another`);
  }
  const post = (command: ResponderCommand): void => worker.postMessage(command);
  const close = async (): Promise<void> => void (await worker.terminate());
  return {
    port: start.port,
    admit: (nodeNumber, key) => post({ type: 'admit', nodeNumber, key }),
    dismiss: (nodeNumber) => post({ type: 'dismiss', nodeNumber }),
    close,
    [Symbol.asyncDispose]: close,
  };
}
