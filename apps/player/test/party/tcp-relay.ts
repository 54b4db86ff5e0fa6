import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

export interface TcpRelay extends AsyncDisposable {
  readonly port: number;
  /** Breaks every connection. */
  cut(): void;
  /** From now on refuses connections, or takes them again. */
  setOpen(isOpen: boolean): void;
  /** Called with what comes from the host; what it gives goes on to the node. */
  rewrite: (bytes: Buffer) => Buffer;
}

/** Stands between nodes and a host's TCP port. */
export async function startTcpRelay(targetPort: number): Promise<TcpRelay> {
  const sockets = new Set<Socket>();
  let isOpen = true;
  const relay = { rewrite: (bytes: Buffer): Buffer => bytes };
  const track = (socket: Socket): Socket => {
    sockets.add(socket);
    return socket.on('error', () => undefined).on('close', () => sockets.delete(socket));
  };
  const server = createServer((socket) => {
    track(socket);
    if (!isOpen) {
      socket.destroy();
      return;
    }
    const target = track(connect(targetPort, '127.0.0.1'));
    socket.pipe(target);
    target.on('data', (bytes) => socket.write(relay.rewrite(bytes)));
    target.on('close', () => socket.destroy());
    socket.on('close', () => target.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const cut = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  return Object.assign(relay, {
    port: (server.address() as AddressInfo).port,
    cut,
    setOpen: (open: boolean) => void (isOpen = open),
    async [Symbol.asyncDispose]() {
      cut();
      server.close();
      await once(server, 'close');
    },
  });
}
