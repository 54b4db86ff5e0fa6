import { randomUUID } from 'node:crypto';
import type { Timeline } from '@tutti/sync';
import type { PartyKeys } from '@tutti/sync/protocol';
import { connectLink, proveToHost } from '@tutti/sync/transport';

/** A node that has everything at once and writes down what the host publishes. */
export interface Observer extends Disposable {
  /** The next line that is published. */
  nextLine(): Promise<Timeline>;
}

/** Joins as a node that answers at once, so that what is measured is the host and the other nodes. */
export async function observe(options: {
  readonly port: number;
  readonly keys: PartyKeys;
  readonly durationFrames: number;
  readonly sampleRate: number;
}): Promise<Observer> {
  const link = await connectLink({ host: '127.0.0.1', port: options.port });
  await proveToHost(link, options.keys);
  link.send({ type: 'hello', role: 'node', nodeId: randomUUID(), name: 'observer', output: 'none', hasDevice: false, volumeDb: 0 });
  const { durationFrames, sampleRate } = options;
  const lines: Timeline[] = [];
  let waiting: ((line: Timeline) => void) | undefined;
  const listen = async (): Promise<void> => {
    for (let message = await link.receive(); message !== undefined; message = await link.receive()) {
      if (message.type === 'fetch') link.send({ type: 'got', trackId: message.trackId, hash: message.hash, isOk: true });
      else if (message.type === 'prepare') {
        const { hash, trackId } = message;
        link.send({ type: 'armed', trackId, hash, minLeadMs: 0, sampleRate, durationFrames });
      } else if (message.type === 'line') {
        lines.push(message.line);
        waiting?.(message.line);
      }
    }
  };
  listen().catch(() => undefined);
  return {
    nextLine: () => new Promise((resolve) => (waiting = resolve)),
    [Symbol.dispose]: () => link.close(),
  };
}
