/** Thread that answers clock probes. Ends when it is terminated. */
import { parentPort, workerData } from 'node:worker_threads';
import { decodeDatagram, encodeDatagram, ReplayWindow } from '../protocol/datagram.ts';
import { monotonicUs } from '../monotonic.ts';
import type { ResponderCommand, ResponderStart } from './udp-clock-responder.ts';
import { bindUdp } from './udp-socket.ts';

interface Admitted {
  readonly key: Uint8Array;
  readonly window: ReplayWindow;
}

const admitted = new Map<number, Admitted>();
const tell = (start: ResponderStart): void => parentPort?.postMessage(start);

parentPort?.on('message', (command: ResponderCommand) => {
  if (command.type === 'dismiss') admitted.delete(command.nodeNumber);
  else admitted.set(command.nodeNumber, { key: command.key, window: new ReplayWindow() });
});

try {
  const { port, socket } = await bindUdp((workerData as { readonly port: number }).port);
  socket.on('message', (bytes, remote) => {
    const t2Us = monotonicUs();
    const request = decodeDatagram(bytes, (nodeNumber) => admitted.get(nodeNumber)?.key);
    if (request === undefined || request.type !== 'request') return;
    const node = admitted.get(request.nodeNumber);
    if (node === undefined || !node.window.accept(request.sequence)) return;
    const reply = encodeDatagram({ ...request, type: 'reply', t2Us, t3Us: monotonicUs() }, node.key);
    // Where the network refuses an answer, the node asks again.
    socket.send(reply, remote.port, remote.address, () => undefined);
  });
  socket.on('error', () => undefined);
  tell({ port });
} catch (error) {
  tell({ code: error instanceof Error && 'code' in error ? String(error.code) : 'unknown' });
}
