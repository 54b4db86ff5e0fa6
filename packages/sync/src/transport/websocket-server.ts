import type { IncomingMessage, Server } from 'node:http';
import type { Duplex } from 'node:stream';
import { WebSocketServer } from 'ws';
import { MAX_MESSAGE_BYTES, parsePeerMessage, type HostMessage, type PeerMessage } from '../protocol/messages.ts';
import { isTrustedRequest } from './request-guard.ts';
import { openLink, type Link, type LinkTiming } from './websocket-link.ts';

/** Where the control channel is on the host's HTTP server. */
export const CONTROL_PATH = '/party';
/** Connections at once; each may have a node behind it. */
const MAX_CONNECTIONS = 1024;

export interface AcceptLinksOptions extends LinkTiming {
  readonly server: Server;
  readonly onLink: (link: Link<PeerMessage, HostMessage>) => void;
}

/** The host's end of all control channels. */
export interface LinkAcceptor extends AsyncDisposable {
  /** Takes no more channels, lets those that are closing say their last words, and cuts off the rest. */
  close(): Promise<void>;
}

/** Last words take a moment; who does not answer them is not waited for, in milliseconds. */
const FAREWELL_MS = 300;

/** Accepts control channels on an HTTP server; other upgrades are refused. */
export function acceptLinks({ server, onLink, ...timing }: AcceptLinksOptions): LinkAcceptor {
  const sockets = new WebSocketServer({ noServer: true, maxPayload: MAX_MESSAGE_BYTES, perMessageDeflate: false });
  const upgrade = (request: IncomingMessage, stream: Duplex, head: Buffer): void => {
    stream.on('error', () => stream.destroy());
    const status = refusal(request, sockets.clients.size);
    if (status !== undefined) {
      stream.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
      return;
    }
    sockets.handleUpgrade(request, stream, head, (socket) => {
      const remoteAddress = request.socket.remoteAddress ?? 'unknown';
      onLink(openLink({ ...timing, socket, remoteAddress, parse: parsePeerMessage }));
    });
  };
  server.on('upgrade', upgrade);
  const close = async (): Promise<void> => {
    server.off('upgrade', upgrade);
    const open = [...sockets.clients];
    const gone = Promise.all(open.map((socket) => new Promise((resolve) => socket.once('close', resolve))));
    const cut = setTimeout(() => open.forEach((socket) => socket.terminate()), FAREWELL_MS);
    for (const socket of open) if (socket.readyState === socket.OPEN) socket.close(1001);
    await gone;
    clearTimeout(cut);
    sockets.close();
  };
  return { close, [Symbol.asyncDispose]: close };
}

function refusal(request: IncomingMessage, connectionCount: number): string | undefined {
  if (!isTrustedRequest(request)) return '403 Forbidden';
  if (request.url !== CONTROL_PATH) return '404 Not Found';
  return connectionCount >= MAX_CONNECTIONS ? '503 Service Unavailable' : undefined;
}
