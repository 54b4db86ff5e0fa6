import { isIP } from 'node:net';
import { WebSocket } from 'ws';
import { MAX_MESSAGE_BYTES, parseHostMessage, type HostMessage, type PeerMessage } from '../protocol/messages.ts';
import { SyncError } from '../sync-error.ts';
import { openLink, type Link, type LinkTiming } from './websocket-link.ts';
import { CONTROL_PATH } from './websocket-server.ts';

export interface ConnectOptions extends LinkTiming {
  readonly host: string;
  readonly port: number;
  /** Milliseconds until a host that does not answer counts as unreachable. Default 5000. */
  readonly connectTimeoutMs?: number;
  readonly signal?: AbortSignal;
}

const CONNECT_TIMEOUT_MS = 5000;

/** `host:port` as it stands in a URL. */
export function authorityOf(host: string, port: number): string {
  return `${isIP(host) === 6 ? `[${host}]` : host}:${port}`;
}

/**
 * Opens the control channel to a host. Rejects with `SyncError` `sync/unreachable` or `sync/no-party`, and with the signal's reason;
 * nothing stays open then.
 */
export async function connectLink(options: ConnectOptions): Promise<Link<HostMessage, PeerMessage>> {
  const { connectTimeoutMs = CONNECT_TIMEOUT_MS, host, port, signal } = options;
  signal?.throwIfAborted();
  const where = authorityOf(host, port);
  const socket = new WebSocket(`ws://${where}${CONTROL_PATH}`, {
    maxPayload: MAX_MESSAGE_BYTES,
    handshakeTimeout: connectTimeoutMs,
    perMessageDeflate: false,
    followRedirects: false,
  });
  const opened = Promise.withResolvers<Link<HostMessage, PeerMessage>>();
  const abort = (): void => opened.reject(signal?.reason);
  signal?.addEventListener('abort', abort);
  // In the event itself: the first message may come with it.
  socket.once('open', () => opened.resolve(openLink({ ...options, socket, remoteAddress: where, parse: parseHostMessage })));
  socket.on('error', (cause) => opened.reject(unreachable(where, cause)));
  try {
    return await opened.promise;
  } catch (error) {
    socket.terminate();
    throw error;
  } finally {
    signal?.removeEventListener('abort', abort);
  }
}

function unreachable(where: string, cause: Error): SyncError {
  if (/Unexpected server response/.test(cause.message)) {
    return new SyncError('sync/no-party', `there is no party at ${where}: something else answers there; check address and port`, {
      cause,
    });
  }
  return new SyncError('sync/unreachable', `there is no answer from ${where}: check the address, and that the host is running`, {
    cause,
  });
}
