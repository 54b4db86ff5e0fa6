import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { hostname } from 'node:os';
import { connect, createServer as createTcpServer, type AddressInfo, type Socket } from 'node:net';
import { describe, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { SyncError } from '@tutti/sync';
import { acceptLinks, connectLink, isTrustedRequest, type Link, type LinkTiming } from '@tutti/sync/transport';
import type { HostMessage, PeerMessage } from '@tutti/sync/protocol';

type HostLink = Link<PeerMessage, HostMessage>;

interface TestHost extends AsyncDisposable {
  readonly port: number;
  /** The next link that was accepted. */
  accepted(): Promise<HostLink>;
}

async function startHost(timing: LinkTiming = {}): Promise<TestHost> {
  const server: Server = createServer((_, response) => response.writeHead(404).end());
  const waiting: ((link: HostLink) => void)[] = [];
  const early: HostLink[] = [];
  const links = acceptLinks({
    server,
    ...timing,
    onLink: (link) => {
      const taker = waiting.shift();
      if (taker === undefined) early.push(link);
      else taker(link);
    },
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    accepted: () => {
      const link = early.shift();
      return link === undefined ? new Promise((resolve) => waiting.push(resolve)) : Promise.resolve(link);
    },
    async [Symbol.asyncDispose]() {
      await links.close();
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

describe('a control channel', () => {
  test('carries messages both ways in order, the first with the connection', async () => {
    await using host = await startHost();
    const accepting = host.accepted().then((link) => {
      link.send({ type: 'end', reason: 'one' });
      link.send({ type: 'end', reason: 'two' });
      return link;
    });
    const link = await connectLink({ host: '127.0.0.1', port: host.port });
    const other = await accepting;
    expect([await link.receive(), await link.receive()]).toEqual([
      { type: 'end', reason: 'one' },
      { type: 'end', reason: 'two' },
    ]);
    link.send({ type: 'bye', reason: 'x' });
    expect(await other.receive()).toEqual({ type: 'bye', reason: 'x' });
    link.close();
    expect(await other.ended).toEqual({ error: undefined });
    expect(await link.ended).toEqual({ error: undefined });
    link.send({ type: 'bye', reason: 'nobody hears this' });
  });

  test('silence ends it', async () => {
    await using host = await startHost({ heartbeatMs: 20, timeoutMs: 100 });
    const socket = connect(host.port, '127.0.0.1');
    await once(socket, 'connect');
    // A peer that shook hands and then never answers a ping.
    const key = Buffer.alloc(16).toString('base64');
    socket.write(
      `GET /party HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${key}\r\n\r\n`,
    );
    const { error } = await (await host.accepted()).ended;
    expect(error?.code).toBe('sync/link-lost');
    expect(error?.message).toContain('no sign of life');
    socket.destroy();
  });

  test('a live but idle one stays', async () => {
    await using host = await startHost({ heartbeatMs: 10, timeoutMs: 100 });
    const link = await connectLink({ host: '127.0.0.1', port: host.port, heartbeatMs: 10, timeoutMs: 100 });
    const other = await host.accepted();
    // As many heartbeats as the timeout would have cut twenty times: the socket under test counts them, not a clock.
    const socket = new WebSocket(`ws://127.0.0.1:${host.port}/party`);
    const third = await host.accepted();
    for (let beat = 0; beat < 50; beat++) await once(socket, 'ping');
    link.send({ type: 'bye', reason: 'still here' });
    expect(await other.receive()).toEqual({ type: 'bye', reason: 'still here' });
    third.close();
  });

  test.each([
    ['no JSON', (socket: WebSocket) => socket.send('{{{')],
    ['no message', (socket: WebSocket) => socket.send('{"type":"welcome"}')],
    ['binary', (socket: WebSocket) => socket.send(new Uint8Array(10))],
    ['too long', (socket: WebSocket) => socket.send(JSON.stringify({ type: 'bye', reason: 'x'.repeat(1 << 20) }))],
    ['a flood', (socket: WebSocket) => Array.from({ length: 5000 }, () => socket.send('{"type":"bye","reason":""}'))],
  ])('%s ends it with its reason', async (_, misbehave) => {
    await using host = await startHost();
    const socket = new WebSocket(`ws://127.0.0.1:${host.port}/party`);
    await once(socket, 'open');
    const link = await host.accepted();
    misbehave(socket);
    const { error } = await link.ended;
    expect(error?.code).toBe('sync/bad-message');
    await once(socket, 'close');
  });

  test('a broken connection ends it', async () => {
    await using host = await startHost();
    const socket = new WebSocket(`ws://127.0.0.1:${host.port}/party`);
    await once(socket, 'open');
    const link = await host.accepted();
    socket.terminate();
    expect((await link.ended).error?.code).toBe('sync/link-lost');
  });

  test('other paths, foreign origins and made-up host names are refused', async () => {
    await using host = await startHost();
    const refused = async (path: string, headers: Record<string, string>): Promise<string> => {
      const socket = new WebSocket(`ws://127.0.0.1:${host.port}${path}`, { headers });
      const [error] = (await once(socket, 'error')) as [Error];
      return error.message;
    };
    expect(await refused('/other', {})).toContain('404');
    expect(await refused('/party', { origin: 'https://evil.example' })).toContain('403');
    expect(await refused('/party', { host: 'evil.example' })).toContain('403');
    const own = new WebSocket(`ws://127.0.0.1:${host.port}/party`, { origin: `http://127.0.0.1:${host.port}` });
    await once(own, 'open');
    own.terminate();
  });

  test('nobody there, somebody else there, nothing said, and an abort each say so', async () => {
    const sockets = new Set<Socket>();
    const free = createTcpServer((socket) => sockets.add(socket.on('error', () => {})));
    free.listen(0, '127.0.0.1');
    await once(free, 'listening');
    const port = (free.address() as AddressInfo).port;
    // It takes connections and never answers.
    await expect(connectLink({ host: '127.0.0.1', port, connectTimeoutMs: 50 })).rejects.toMatchObject({
      code: 'sync/unreachable',
    });
    const aborting = connectLink({ host: '127.0.0.1', port, signal: AbortSignal.abort(new Error('enough')) });
    await expect(aborting).rejects.toThrow('enough');
    const controller = new AbortController();
    const waiting = connectLink({ host: '127.0.0.1', port, signal: controller.signal });
    controller.abort(new Error('later'));
    await expect(waiting).rejects.toThrow('later');
    free.close();
    for (const socket of sockets) socket.destroy();
    await once(free, 'close');
    await expect(connectLink({ host: '127.0.0.1', port })).rejects.toMatchObject({ code: 'sync/unreachable' });
    const web = createServer((_, response) => response.end('hello'));
    web.listen(0, '127.0.0.1');
    await once(web, 'listening');
    await expect(connectLink({ host: '127.0.0.1', port: (web.address() as AddressInfo).port })).rejects.toBeInstanceOf(SyncError);
    await expect(connectLink({ host: '127.0.0.1', port: (web.address() as AddressInfo).port })).rejects.toMatchObject({
      code: 'sync/no-party',
    });
    web.close();
  });
});

describe('a trusted request', () => {
  test.each([
    ['127.0.0.1:17401', undefined, true],
    ['[::1]:17401', undefined, true],
    ['localhost', undefined, true],
    ['192.168.1.20:17401', 'http://192.168.1.20:17401', true],
    ['192.168.1.20:17401', 'http://192.168.1.20', false],
    ['192.168.1.20:17401', 'null', false],
    [`${hostname()}.fritz.box:17401`, undefined, true],
    ['evil.example', undefined, false],
    ['localhost.evil.example', undefined, false],
    ['a@127.0.0.1', undefined, false],
    ['127.0.0.1/x', undefined, false],
    ['', undefined, false],
    [undefined, undefined, false],
  ])('Host %s with Origin %s: %s', (host, origin, isTrusted) => {
    expect(
      isTrustedRequest({ headers: { ...(host === undefined ? {} : { host }), ...(origin === undefined ? {} : { origin }) } }),
    ).toBe(isTrusted);
  });
});
