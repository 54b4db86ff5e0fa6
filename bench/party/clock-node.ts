/**
 * A node that only keeps time: joins the party of its invitation and prints, on a machine where session time is local time, how far its
 * map is off, in microseconds, one number a line, at instants that have nothing to do with its measuring. Ends with the party.
 *
 * @module
 */
import { randomUUID } from 'node:crypto';
import { toSession, type ClockMap } from '@tutti/sync';
import { parseInvitation, PartyKeys } from '@tutti/sync/protocol';
import { monotonicUs } from '@tutti/sync/monotonic';
import { connectLink, proveToHost, startClockThread } from '@tutti/sync/transport';

const { host, port, secret } = parseInvitation(process.argv[2] ?? '');
if (secret === undefined) throw new Error('usage: clock-node INVITATION');
const keys = new PartyKeys(secret);
const link = await connectLink({ host, port });
const { nonces } = await proveToHost(link, keys);
link.send({ type: 'hello', role: 'node', nodeId: randomUUID(), name: 'clock', output: 'none', hasDevice: false, volumeDb: 0 });
const welcome = await link.receive();
if (welcome?.type !== 'welcome') throw new Error(`the host said ${welcome?.type ?? 'nothing'}`);
await using thread = startClockThread();
let map: ClockMap | undefined;
await thread.measure({
  host,
  port: welcome.clockPort,
  nodeNumber: welcome.nodeNumber,
  key: keys.clockKey(nonces),
  onProbe: () => undefined,
  onEvent: (event) => void (event.type === 'map' && event.isReady && (map = event.map)),
});
const telling = setInterval(() => {
  if (map === undefined) return;
  const nowUs = monotonicUs();
  process.stdout.write(`${Math.abs(toSession(map, nowUs) - nowUs)}\n`);
}, 700);
// What the host says is of no interest; that it says nothing any more is.
while ((await link.receive().catch(() => undefined)) !== undefined);
clearInterval(telling);
