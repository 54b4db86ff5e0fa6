/** Thread that measures the host's clock. Ends when it is terminated. */
import { once } from 'node:events';
import { parentPort } from 'node:worker_threads';
import { ClockClient } from '../clock/clock-client.ts';
import { decodeDatagram, encodeDatagram } from '../protocol/datagram.ts';
import { sessionUs } from '../units.ts';
import { monotonicUs } from '../monotonic.ts';
import type { UdpClockCommand, UdpClockNews, UdpClockSetup } from './udp-clock-client.ts';
import { bindUdp } from './udp-socket.ts';

if (parentPort === null) throw new Error('the clock measures in a thread');
const parent = parentPort;
const tell = (news: UdpClockNews): void => parent.postMessage(news);
const [{ socket }, [setup]] = await Promise.all([bindUdp(0), once(parent, 'message')]);
const { address, key, nodeNumber, port } = setup as UdpClockSetup;
/** An IPv6 socket reaches IPv4 through the addresses that stand for it (RFC 4291, 2.5.5.2). */
const destination = socket.address().family === 'IPv6' && !address.includes(':') ? `::ffff:${address}` : address;
let isSilent = false;

const client = new ClockClient({
  now: monotonicUs,
  wallUs: () => Date.now() * 1000,
  after(us, run) {
    const timer = setTimeout(run, us / 1000);
    return { [Symbol.dispose]: () => clearTimeout(timer) };
  },
  send(request) {
    const datagram = { type: 'request', nodeNumber, ...request, t2Us: 0, t3Us: 0 } as const;
    // What the network does not take is a lost probe.
    socket.send(encodeDatagram(datagram, key), port, destination, () => undefined);
    if (isSilent) tell({ type: 'probe', request });
  },
  onEvent(event) {
    if (event.type === 'silent') isSilent = true;
    tell(event);
  },
});

socket.on('message', (bytes) => {
  const t4Us = monotonicUs();
  const reply = decodeDatagram(bytes, (number) => (number === nodeNumber ? key : undefined));
  if (reply?.type !== 'reply') return;
  isSilent = false;
  const { sequence, t1Us, t2Us, t3Us } = reply;
  client.receive({ sequence, t1Us: t1Us as ReturnType<typeof monotonicUs>, t2Us: sessionUs(t2Us), t3Us: sessionUs(t3Us) }, t4Us);
});
socket.on('error', () => undefined);

parent.on('message', (command: UdpClockCommand) => {
  if (command.type === 'burst') client.burst();
  else client.receive(command.reply, command.t4Us);
});
