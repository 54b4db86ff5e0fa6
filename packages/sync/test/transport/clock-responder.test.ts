import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { describe, expect, test } from 'vitest';
import { monotonicUs } from '@tutti/sync/monotonic';
import { startClockResponder } from '@tutti/sync/transport';
import { decodeDatagram, encodeDatagram, type ClockDatagram } from '../../src/protocol/datagram.ts';

const key = Buffer.alloc(32, 1);
const other = Buffer.alloc(32, 2);

interface Node extends Disposable {
  readonly socket: Socket;
  send(bytes: Uint8Array): void;
  request(sequence: number, options?: { readonly nodeNumber?: number; readonly key?: Uint8Array }): Uint8Array;
  /** The next datagram that the host sent. */
  reply(): Promise<Uint8Array>;
}

function node(port: number): Node {
  const socket = createSocket('udp4');
  return {
    socket,
    send: (bytes) => socket.send(bytes, port, '127.0.0.1'),
    request: (sequence, { nodeNumber = 1, key: own = key } = {}) =>
      encodeDatagram({ type: 'request', nodeNumber, sequence, t1Us: monotonicUs(), t2Us: 0, t3Us: 0 }, own),
    reply: async () => ((await once(socket, 'message')) as [Uint8Array])[0],
    [Symbol.dispose]: () => socket.close(),
  };
}

const read = (bytes: Uint8Array, own = key): ClockDatagram | undefined => decodeDatagram(bytes, () => own);

describe('the clock responder', () => {
  test('answers an admitted node with its own times, in as many bytes', async () => {
    await using responder = await startClockResponder({ port: 0 });
    responder.admit(1, key);
    using self = node(responder.port);
    // The first ones may come before the thread knows the node.
    const asking = setInterval(() => self.send(self.request((sequence += 1))), 5);
    let sequence = 0;
    const bytes = await self.reply();
    const t4Us = monotonicUs();
    clearInterval(asking);
    expect(bytes).toHaveLength(48);
    const { nodeNumber, t1Us, t2Us, t3Us, type } = read(bytes)!;
    expect({ nodeNumber, type }).toEqual({ nodeNumber: 1, type: 'reply' });
    expect(t1Us).toBeLessThanOrEqual(t2Us);
    expect(t2Us).toBeLessThanOrEqual(t3Us);
    expect(t3Us).toBeLessThanOrEqual(t4Us);
  });

  test('answers nothing to garbage, strangers, wrong keys, replies, replays and whoever left', async () => {
    await using responder = await startClockResponder({ port: 0 });
    responder.admit(1, key);
    responder.admit(2, other);
    using self = node(responder.port);
    await answered(self, 1000);
    const replayed = self.request(2000);
    self.send(replayed);
    while (read(await self.reply())?.sequence !== 2000);
    const answers: (ClockDatagram | undefined)[] = [];
    self.socket.on('message', (bytes) => answers.push(read(bytes)));
    self.send(new Uint8Array(0));
    self.send(new Uint8Array(47));
    self.send(new Uint8Array(60_000));
    self.send(Buffer.from('x'.repeat(48)));
    self.send(self.request(2001, { nodeNumber: 3 }));
    self.send(self.request(2002, { key: other }));
    self.send(encodeDatagram({ type: 'reply', nodeNumber: 1, sequence: 2003, t1Us: 1, t2Us: 2, t3Us: 3 }, key));
    self.send(replayed);
    self.send(self.request(2000 - 64));
    // Loopback keeps the order: when this is answered, the others would have been.
    self.send(self.request(2004));
    while (!answers.some((answer) => answer?.sequence === 2004)) await once(self.socket, 'message');
    expect(answers.map((answer) => answer?.sequence)).toEqual([2004]);
  });

  test('answers nobody who was dismissed', async () => {
    await using responder = await startClockResponder({ port: 0 });
    responder.admit(1, key);
    responder.admit(2, other);
    using self = node(responder.port);
    await answered(self, 1);
    responder.dismiss(1);
    const seen: number[] = [];
    self.socket.on('message', (bytes) => seen.push(read(bytes, key)?.sequence ?? read(bytes, other)?.sequence ?? -1));
    // The thread may take some datagrams before it hears of the dismissal: once one was left out, none is answered again.
    let sequence = 2000;
    const asked = async (): Promise<boolean> => {
      sequence += 2;
      self.send(self.request(sequence));
      self.send(self.request(sequence + 1, { nodeNumber: 2, key: other }));
      while (!seen.includes(sequence + 1)) await once(self.socket, 'message');
      return seen.includes(sequence);
    };
    while (await asked());
    for (let again = 0; again < 10; again++) expect(await asked()).toBe(false);
  });

  test('goes on answering while the main thread is blocked', async () => {
    await using responder = await startClockResponder({ port: 0 });
    responder.admit(1, key);
    using self = node(responder.port);
    await answered(self, 1);
    const t1Us = monotonicUs();
    self.send(self.request(5000));
    await new Promise((resolve) => setImmediate(resolve));
    // Not even a turn of this thread's loop for 60 ms.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 60);
    let reply = read(await self.reply());
    while (reply?.sequence !== 5000) reply = read(await self.reply());
    expect(reply.t3Us).toBeLessThan(t1Us + 60_000);
  });

  test('a port that is taken is refused in words', async () => {
    await using first = await startClockResponder({ port: 0 });
    await expect(startClockResponder({ port: first.port })).rejects.toMatchObject({
      code: 'sync/port-in-use',
      message: `Port ${first.port} is in use. Please close the other application or change the port.`,
    });
  });
});

/** Asks until the thread knows the node. */
async function answered(self: Node, sequence: number): Promise<void> {
  let next = sequence;
  const asking = setInterval(() => self.send(self.request((next += 1))), 5);
  await self.reply();
  clearInterval(asking);
}
