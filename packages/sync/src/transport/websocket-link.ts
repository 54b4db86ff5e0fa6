import type { WebSocket } from 'ws';
import { SyncError } from '../sync-error.ts';

/** How an end of a control channel came to its end. */
export interface LinkEnd {
  /** Why, in words without secrets; `undefined` after an orderly close by the other side. */
  readonly error: SyncError | undefined;
}

/** A control channel: messages in order, and the certainty that silence ends it. */
export interface Link<Incoming, Outgoing> {
  /** Where the other end is, for messages and for counting its attempts. */
  readonly remoteAddress: string;
  /** Sends now, or does nothing once the link has ended. */
  send(message: Outgoing): void;
  /** The next message, in order; `undefined` after an orderly end. Rejects with the error that ended the link. One call at a time. */
  receive(): Promise<Incoming | undefined>;
  /** Resolves when the link has ended, whoever ended it. */
  readonly ended: Promise<LinkEnd>;
  /** Sends what is queued, then ends the link. Idempotent. */
  close(): void;
}

export interface LinkTiming {
  /** Between two signs of life, in milliseconds. Default 2000. */
  readonly heartbeatMs?: number;
  /** Silence after which the other end counts as gone, in milliseconds. Default 5000. */
  readonly timeoutMs?: number;
}

export interface LinkOptions<Incoming> extends LinkTiming {
  readonly socket: WebSocket;
  readonly remoteAddress: string;
  /** Throws `SyncError` on what is no message. */
  readonly parse: (text: string) => Incoming;
}

const HEARTBEAT_MS = 2000;
const TIMEOUT_MS = 5000;
/** Messages that wait for their consumer; a flood ends the link. */
const MAX_QUEUED_MESSAGES = 1000;
/** Bytes that wait for the other end: one that takes nothing any more is gone. */
const MAX_UNSENT_BYTES = 8 << 20;

/**
 * Puts messages over a WebSocket that is open. Both ends ping every two seconds, and silence for five ends the link; so do a
 * message that cannot be read and a flood, each with its error.
 */
export function openLink<Incoming, Outgoing>(options: LinkOptions<Incoming>): Link<Incoming, Outgoing> {
  const { heartbeatMs = HEARTBEAT_MS, parse, remoteAddress, socket, timeoutMs = TIMEOUT_MS } = options;
  const ended = Promise.withResolvers<LinkEnd>();
  const queue: Incoming[] = [];
  let end: LinkEnd | undefined;
  let wake = Promise.withResolvers<void>();

  const finish = (error: SyncError | undefined): void => {
    if (end !== undefined) return;
    end = { error };
    clearInterval(heartbeat);
    clearTimeout(silence);
    wake.resolve();
    ended.resolve(end);
  };
  const fail = (code: 'sync/link-lost' | 'sync/bad-message', message: string): void => {
    finish(new SyncError(code, message));
    socket.terminate();
  };
  const heartbeat = setInterval(() => socket.ping(), heartbeatMs);
  const silence = setTimeout(
    () => fail('sync/link-lost', `no sign of life from ${remoteAddress} for ${timeoutMs / 1000} seconds`),
    timeoutMs,
  );
  const hear = (): void => void (end === undefined && silence.refresh());

  socket.on('ping', hear);
  socket.on('pong', hear);
  socket.on('message', (bytes: Buffer, isBinary: boolean) => {
    hear();
    if (end !== undefined) return;
    try {
      if (isBinary) throw new SyncError('sync/bad-message', 'it is binary');
      queue.push(parse(bytes.toString()));
    } catch (error) {
      fail('sync/bad-message', `${remoteAddress} sent what is no party message: ${error instanceof Error ? error.message : 'bad'}`);
      return;
    }
    if (queue.length > MAX_QUEUED_MESSAGES) fail('sync/bad-message', `${remoteAddress} floods the control channel`);
    wake.resolve();
  });
  socket.on('error', (error: Error & { code?: string }) => {
    const isOversize = error.code === 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH';
    if (isOversize) fail('sync/bad-message', `${remoteAddress} sent a message that is too long`);
    else fail('sync/link-lost', `the connection with ${remoteAddress} broke`);
  });
  socket.on('close', (code: number) => {
    finish(
      [1000, 1001, 1005].includes(code) ? undefined : new SyncError('sync/link-lost', `the connection with ${remoteAddress} broke`),
    );
  });

  const receive = async (): Promise<Incoming | undefined> => {
    for (;;) {
      const message = queue.shift();
      if (message !== undefined) return message;
      if (end?.error !== undefined) throw end.error;
      if (end !== undefined) return undefined;
      wake = Promise.withResolvers<void>();
      await wake.promise;
    }
  };

  return {
    remoteAddress,
    receive,
    ended: ended.promise,
    send(message) {
      if (end !== undefined) return;
      if (socket.bufferedAmount > MAX_UNSENT_BYTES) fail('sync/link-lost', `${remoteAddress} does not take its messages`);
      else socket.send(JSON.stringify(message));
    },
    close() {
      if (end !== undefined) return;
      socket.close(1000);
      finish(undefined);
      // An end that does not answer the close is not waited for.
      setTimeout(() => socket.terminate(), heartbeatMs).unref();
    },
  };
}
