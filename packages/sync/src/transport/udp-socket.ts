import { createSocket, type Socket } from 'node:dgram';

/** What a bound UDP socket gives its reader: the bytes, first of all, so that it can look at the clock at once. */
export interface BoundSocket {
  readonly socket: Socket;
  readonly port: number;
}

/**
 * Binds a UDP socket on every address of this machine; port 0 takes any. IPv4 and IPv6 where there is IPv6, else IPv4. Rejects with
 * the system's error.
 */
export async function bindUdp(port: number): Promise<BoundSocket> {
  try {
    return await bind(createSocket({ type: 'udp6', ipv6Only: false }), port);
  } catch (error) {
    if (codeOf(error) === 'EADDRINUSE') throw error;
    return bind(createSocket('udp4'), port);
  }
}

function bind(socket: Socket, port: number): Promise<BoundSocket> {
  return new Promise((resolve, reject) => {
    socket.once('error', (error) => {
      socket.close();
      reject(error);
    });
    socket.bind({ port, exclusive: true }, () => {
      socket.removeAllListeners('error');
      resolve({ socket, port: socket.address().port });
    });
  });
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined;
}
