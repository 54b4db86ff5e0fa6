import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createRawServer, type AddressInfo, type Socket } from 'node:net';
import { once } from 'node:events';
import type { Origin } from '@tutti/fixtures';
import { type Clock, type HttpBody, type HttpClientOptions, NetError } from '@tutti/net';

/** Bytes in which each place is told by its neighbourhood, so that a repeated or missing stretch cannot compare equal. */
export function provenBytes(length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  let state = 0x2545f491;
  for (let index = 0; index < length; index += 1) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    bytes[index] = state >>> 24;
  }
  return bytes;
}

/** A clock whose waits are over at once and remembered. */
export function instantClock(): Clock & { readonly delaysMs: number[] } {
  const delaysMs: number[] = [];
  let nowMs = 0;
  return {
    delaysMs,
    nowMs: () => nowMs,
    sleep: async (delayMs, signal) => {
      signal.throwIfAborted();
      delaysMs.push(delayMs);
      nowMs += delayMs;
    },
  };
}

/** Client options that trust an origin's own certificate and speak its HTTP/2. */
export function trust({ certificate }: Origin): HttpClientOptions {
  return certificate === undefined ? {} : { certificateAuthorities: [certificate], http2: true };
}

/** All bytes of a body. */
export async function readAll(body: HttpBody): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for await (const part of body.chunks) parts.push(part);
  return new Uint8Array(Buffer.concat(parts));
}

/** What a promise rejects with, which must be a `NetError`. */
export async function netErrorOf(promise: Promise<unknown>): Promise<NetError> {
  const reason = await promise.then(
    () => new Error('it succeeded'),
    (error: unknown) => error,
  );
  if (reason instanceof NetError) return reason;
  throw reason;
}

export interface LoopbackServer extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
  /** Sockets open now. */
  readonly sockets: ReadonlySet<Socket>;
}

/** An HTTP server with one handler, for status codes, headers and redirects. */
export async function httpServer(handler: (request: IncomingMessage, response: ServerResponse) => void): Promise<LoopbackServer> {
  return listening(createServer(handler));
}

/** A TCP server with one handler, for what no HTTP server would do. */
export async function rawServer(handler: (socket: Socket) => void): Promise<LoopbackServer> {
  return listening(createRawServer(handler));
}

async function listening(server: ReturnType<typeof createRawServer>): Promise<LoopbackServer> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.once('close', () => sockets.delete(socket));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    sockets,
    async [Symbol.asyncDispose]() {
      const closed = once(server, 'close');
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}
