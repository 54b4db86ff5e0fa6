import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { seededRandom } from '@tutti/fixtures';

export interface UdpPath {
  /** Delay of every datagram in milliseconds: at least `min`, uniformly up to `max`. */
  readonly upMs: readonly [min: number, max: number];
  readonly downMs: readonly [min: number, max: number];
  /** Share of datagrams that get lost, each way. */
  readonly loss: number;
}

export interface UdpRelay extends AsyncDisposable {
  readonly port: number;
  /** Datagrams that arrived from nodes. */
  readonly receivedCount: number;
}

/** Stands between one node and a host's clock port, on a bad path. */
export async function startUdpRelay(targetPort: number, path: UdpPath, seed = 1): Promise<UdpRelay> {
  const random = seededRandom(seed);
  const timers = new Set<NodeJS.Timeout>();
  const front = await boundLike(targetPort);
  const back = createSocket('udp4').on('error', () => undefined);
  let node: RemoteInfo | undefined;
  let receivedCount = 0;
  const later = ([min, max]: readonly [number, number], run: () => void): void => {
    if (random() < path.loss) return;
    const timer = setTimeout(
      () => {
        timers.delete(timer);
        run();
      },
      min + random() * (max - min),
    );
    timers.add(timer);
  };
  front.on('message', (bytes, remote) => {
    node = remote;
    receivedCount++;
    later(path.upMs, () => back.send(bytes, targetPort, '127.0.0.1'));
  });
  back.on('message', (bytes) => {
    const to = node;
    if (to !== undefined) later(path.downMs, () => front.send(bytes, to.port, to.address));
  });
  return {
    port: front.address().port,
    get receivedCount() {
      return receivedCount;
    },
    async [Symbol.asyncDispose]() {
      for (const timer of timers) clearTimeout(timer);
      back.close();
      front.close();
      await once(front, 'close');
    },
  };
}

/** A socket whose port has as many digits: it can take the place of the other in a message without changing its length. */
async function boundLike(port: number): Promise<Socket> {
  for (;;) {
    const socket = createSocket('udp4').on('error', () => undefined);
    socket.bind(0, '127.0.0.1');
    await once(socket, 'listening');
    if (String(socket.address().port).length === String(port).length) return socket;
    socket.close();
  }
}
