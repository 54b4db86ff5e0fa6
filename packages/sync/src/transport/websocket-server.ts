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

/** Accepts control channels on an HTTP server; other upgrades are refused. Disposing ends every channel. */
export function acceptLinks({ server, onLink, ...timing }: AcceptLinksOptions): Disposable {
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
  return {
    [Symbol.dispose]() {
      server.off('upgrade', upgrade);
      for (const socket of sockets.clients) socket.terminate();
      sockets.close();
    },
  };
}

function refusal(request: IncomingMessage, connectionCount: number): string | undefined {
  if (!isTrustedRequest(request)) return '403 Forbidden';
  if (request.url !== CONTROL_PATH) return '404 Not Found';
  return connectionCount >= MAX_CONNECTIONS ? '503 Service Unavailable' : undefined;
}
