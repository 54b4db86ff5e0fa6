import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createServer, type TLSSocket } from 'node:tls';
import { LOOPBACK_CERTIFICATE, LOOPBACK_KEY } from '@tutti/fixtures';
import type { LoopbackServer } from './net-bench.ts';

const PREFACE_BYTES = 24;
const FRAME_HEAD_BYTES = 9;
const DATA = 0;
const HEADERS = 1;
const RST_STREAM = 3;
const SETTINGS = 4;
const ACK = 1;
const END_HEADERS = 4;
/** `:status: 200` in HPACK's static table. */
const STATUS_200 = Uint8Array.of(0x88);

/**
 * An HTTP/2 server, frame by frame (RFC 9113, 4.1): 200, 1000 bytes, and RST_STREAM with `errorCode` in the place of an end.
 * Node's own server ends a stream in order before it resets it.
 */
export async function resettingServer(errorCode: number): Promise<LoopbackServer & { readonly certificate: string }> {
  const sockets = new Set<TLSSocket>();
  const server = createServer({ cert: LOOPBACK_CERTIFICATE, key: LOOPBACK_KEY, ALPNProtocols: ['h2'] }, (socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.write(frame(SETTINGS, 0, 0, new Uint8Array(0)));
    let bytes = Buffer.alloc(0);
    let skip = PREFACE_BYTES;
    socket.on('data', (chunk: Buffer) => {
      bytes = Buffer.concat([bytes, chunk]);
      for (;;) {
        const length = bytes.length < skip + FRAME_HEAD_BYTES ? Number.POSITIVE_INFINITY : bytes.readUIntBE(skip, 3);
        if (bytes.length < skip + FRAME_HEAD_BYTES + length) return;
        const [type, flags] = [bytes[skip + 3], bytes[skip + 4]];
        const stream = bytes.readUInt32BE(skip + 5);
        bytes = bytes.subarray(skip + FRAME_HEAD_BYTES + length);
        skip = 0;
        if (type === SETTINGS && flags !== ACK) socket.write(frame(SETTINGS, ACK, 0, new Uint8Array(0)));
        if (type === HEADERS) {
          socket.write(frame(HEADERS, END_HEADERS, stream, STATUS_200));
          socket.write(frame(DATA, 0, stream, new Uint8Array(1000)));
          socket.write(frame(RST_STREAM, 0, stream, Uint8Array.of(0, 0, 0, errorCode)));
        }
      }
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `https://127.0.0.1:${port}`,
    port,
    sockets,
    certificate: LOOPBACK_CERTIFICATE,
    async [Symbol.asyncDispose]() {
      const closed = once(server, 'close');
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

function frame(type: number, flags: number, stream: number, payload: Uint8Array): Buffer {
  const head = Buffer.alloc(FRAME_HEAD_BYTES);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}
