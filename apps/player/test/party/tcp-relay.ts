import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

export interface TcpRelay extends AsyncDisposable {
  readonly port: number;
  /** Breaks every connection. */
  cut(): void;
  /** From now on refuses connections, or takes them again. */
  setOpen(isOpen: boolean): void;
  /** From now on connects to another host. */
  setTarget(port: number): void;
  /** Called with what comes from the host; what it gives goes on to the node. */
  rewrite: (bytes: Buffer) => Buffer;
}

/** Stands between nodes and a host's TCP port. */
export async function startTcpRelay(targetPort: number): Promise<TcpRelay> {
  const sockets = new Set<Socket>();
  let isOpen = true;
  let target = targetPort;
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
    const onward = track(connect(target, '127.0.0.1'));
    socket.pipe(onward);
    onward.on('data', (bytes) => socket.write(relay.rewrite(bytes)));
    onward.on('close', () => socket.destroy());
    socket.on('close', () => onward.destroy());
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
    setTarget: (port: number) => void (target = port),
    async [Symbol.asyncDispose]() {
      cut();
      server.close();
      await once(server, 'close');
    },
  });
}
