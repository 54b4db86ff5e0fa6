import { once } from 'node:events';
import { createServer } from 'node:net';
import { type Origin, startOrigin } from '@tutti/fixtures';
import { createHttpClient, type NetEvent } from '@tutti/net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { httpServer, instantClock, netErrorOf, provenBytes, rawServer, readAll } from './net-bench.ts';

const BYTES = provenBytes(30_000);
let origin: Origin;

beforeEach(async () => {
  origin = await startOrigin();
  origin.put('/a.mp3', BYTES);
});
afterEach(() => origin[Symbol.asyncDispose]());

const REQUEST = () => ({ url: origin.url('/a.mp3'), kind: 'media' }) as const;

describe('establishing an answer', () => {
  test('tries again after 503 until the server answers', async () => {
    origin.configure({ fault: 'status', faultEvery: 1, faultTimes: 3 });
    await using client = createHttpClient({ clock: instantClock() });
    const events: NetEvent[] = [];
    client.on((event) => events.push(event));
    expect(await readAll(await client.open(REQUEST()))).toEqual(BYTES);
    expect(events.filter((event) => event.type === 'retry').map(({ attempt, code }) => [attempt, code])).toEqual([
      [1, 'net/status'],
      [2, 'net/status'],
      [3, 'net/status'],
    ]);
  });

  test('gives up after five retries, with the status and the number of attempts', async () => {
    origin.configure({ fault: 'status', faultEvery: 1 });
    await using client = createHttpClient({ clock: instantClock() });
    const error = await netErrorOf(client.open(REQUEST()));
    expect(error).toMatchObject({ code: 'net/status', status: 503, attempts: 6, isRecoverable: true });
    expect(error.message).toBe(`GET ${origin.url('/a.mp3')}: 503 service unavailable (6 attempts)`);
    expect(origin.requests.length).toBe(6);
  });

  test('waits with full jitter: random times the doubled base, up to the cap', async () => {
    origin.configure({ fault: 'status', faultEvery: 1 });
    const clock = instantClock();
    await using client = createHttpClient({ clock, random: () => 0.5, retry: { baseMs: 100, capMs: 500, maxRetries: 5 } });
    await netErrorOf(client.open(REQUEST()));
    expect(clock.delaysMs).toEqual([50, 100, 200, 250, 250]);
  });

  test('honours Retry-After in seconds, up to a minute', async () => {
    const clock = instantClock();
    await using client = createHttpClient({ clock, random: () => 0 });
    origin.configure({ fault: 'status', faultEvery: 1, faultTimes: 1, faultStatus: 429, retryAfterSeconds: 7 });
    await readAll(await client.open(REQUEST()));
    origin.configure({ retryAfterSeconds: 3600, faultTimes: 1 });
    await readAll(await client.open(REQUEST()));
    expect(clock.delaysMs).toEqual([7000, 60_000]);
  });

  test('honours Retry-After as a date by the clock of the server', async () => {
    let answers = 0;
    await using server = await httpServer((_request, response) => {
      answers += 1;
      if (answers > 1) return void response.end('ok');
      response.writeHead(503, { date: 'Sat, 01 Jan 2000 00:00:00 GMT', 'retry-after': 'Sat, 01 Jan 2000 00:00:09 GMT' }).end();
    });
    const clock = instantClock();
    await using client = createHttpClient({ clock, random: () => 0 });
    await client.fetchWhole({ url: server.url, kind: 'key' });
    expect(clock.delaysMs).toEqual([9000]);
  });

  test('stops when the next wait would pass the total deadline', async () => {
    origin.configure({ fault: 'status', faultEvery: 1 });
    const clock = instantClock();
    await using client = createHttpClient({ clock, random: () => 1, retry: { baseMs: 100, totalDeadlineMs: 450 } });
    expect(await netErrorOf(client.open(REQUEST()))).toMatchObject({ attempts: 3 });
    expect(clock.delaysMs).toEqual([100, 200]);
  });

  test('an attempt under way ends with the total deadline', async () => {
    await using hole = await rawServer(() => undefined);
    await using client = createHttpClient({ retry: { totalDeadlineMs: 80, baseMs: 1 } });
    const error = await netErrorOf(client.open({ url: `${hole.url}/a.mp3`, kind: 'media' }));
    expect(error).toMatchObject({ code: 'net/timeout', attempts: undefined });
    expect(error.message).toMatch(/no answer from 127\.0\.0\.1:\d+ within \d\d ms$/);
  });

  test.each([408, 425, 429, 500, 502, 503, 504])('tries again after %i', async (faultStatus) => {
    origin.configure({ fault: 'status', faultEvery: 1, faultTimes: 1, faultStatus });
    await using client = createHttpClient({ clock: instantClock() });
    await readAll(await client.open(REQUEST()));
    expect(origin.requests.map((request) => request.status)).toEqual([faultStatus, 200]);
  });

  test.each([
    [400, 'net/status', '400 bad request'],
    [401, 'net/forbidden', '401 unauthorized'],
    [403, 'net/forbidden', '403 forbidden'],
    [404, 'net/not-found', '404 not found'],
    [410, 'net/not-found', '410 gone'],
    [451, 'net/status', '451 unavailable for legal reasons'],
    [501, 'net/status', '501 not implemented'],
    [204, 'net/status', '204 no content'],
    [304, 'net/status', '304 not modified'],
  ] as const)('does not try again after %i: %s', async (faultStatus, code, text) => {
    origin.configure({ fault: 'status', faultEvery: 1, faultStatus });
    await using client = createHttpClient({ clock: instantClock() });
    const error = await netErrorOf(client.open(REQUEST()));
    expect(error).toMatchObject({ code, status: faultStatus, attempts: undefined, isRecoverable: false });
    expect(error.message).toBe(`GET ${origin.url('/a.mp3')}: ${text}`);
    expect(origin.requests.length).toBe(1);
  });

  test('a refused connection is tried again, and succeeds when the server is back', async () => {
    await origin.stop();
    const clock = instantClock();
    await using client = createHttpClient({
      clock: {
        ...clock,
        sleep: async (delayMs, signal) => {
          await clock.sleep(delayMs, signal);
          if (clock.delaysMs.length === 2) await origin.restart();
        },
      },
    });
    expect(await readAll(await client.open(REQUEST()))).toEqual(BYTES);
    expect(clock.delaysMs.length).toBe(2);
  });

  test('a refused connection names host, port and what the system said', async () => {
    await origin.stop();
    await using client = createHttpClient({ clock: instantClock(), retry: { maxRetries: 1 } });
    const error = await netErrorOf(client.open(REQUEST()));
    expect(error).toMatchObject({ code: 'net/connect-failed', attempts: 2 });
    expect(error.message).toBe(
      `GET ${origin.url('/a.mp3')}: cannot connect to 127.0.0.1:${origin.port}: connection refused (ECONNREFUSED) (2 attempts)`,
    );
    expect(error.cause).toMatchObject({ code: 'ECONNREFUSED' });
  });

  test('a host that does not exist is named', async () => {
    await using client = createHttpClient({ clock: instantClock(), retry: { maxRetries: 0 } });
    const error = await netErrorOf(client.open({ url: 'http://no-such-host.invalid/a.mp3', kind: 'media' }));
    expect(error.code).toBe('net/connect-failed');
    expect(error.message).toMatch(
      /^GET http:\/\/no-such-host\.invalid\/a\.mp3: cannot connect to no-such-host\.invalid:80: host .+ \(E\w+\)$/,
    );
  });

  test('a server that accepts and never answers runs into the first-byte timeout, each time', async () => {
    let connections = 0;
    await using hole = await rawServer(() => {
      connections += 1;
    });
    await using client = createHttpClient({ clock: instantClock(), firstByteTimeoutMs: 40, retry: { maxRetries: 2 } });
    const error = await netErrorOf(client.open({ url: `${hole.url}/a.mp3`, kind: 'media' }));
    expect(error).toMatchObject({ code: 'net/timeout', attempts: 3, isRecoverable: true });
    expect(connections).toBe(3);
  });

  test('a connection that ends before the head is a reset, and tried again', async () => {
    let connections = 0;
    await using server = await rawServer((socket) => {
      connections += 1;
      socket.once('data', () => socket.end());
    });
    await using client = createHttpClient({ clock: instantClock(), retry: { maxRetries: 1 } });
    const error = await netErrorOf(client.open({ url: server.url, kind: 'media' }));
    expect(error).toMatchObject({ code: 'net/reset', attempts: 2 });
    expect(connections).toBe(2);
  });

  test('what is no HTTP is a protocol error, not tried again, and keeps the raw answer to itself', async () => {
    let connections = 0;
    await using server = await rawServer((socket) => {
      connections += 1;
      socket.once('data', () => socket.end('SSH-2.0-secret-banner\r\n'));
    });
    await using client = createHttpClient({ clock: instantClock() });
    const error = await netErrorOf(client.open({ url: server.url, kind: 'media' }));
    expect(error.code).toBe('net/protocol');
    expect(connections).toBe(1);
    expect(JSON.stringify([error, error.cause, Object.getOwnPropertyNames(error.cause)])).not.toContain('secret-banner');
  });

  test('a plain server behind an https URL is a failure of TLS, not tried again', async () => {
    const server = createServer((socket) => {
      socket.on('error', () => undefined);
      socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\n\r\n'));
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as { port: number };
    await using client = createHttpClient({ clock: instantClock() });
    const error = await netErrorOf(client.open({ url: `https://127.0.0.1:${port}/`, kind: 'media' }));
    expect(error.code).toBe('net/tls');
    expect(error.attempts).toBeUndefined();
    server.close();
  });
});

describe('URLs that cannot be fetched', () => {
  test.each([
    ['banana', 'GET banana: not a URL; give one that begins with http:// or https://'],
    ['', 'GET : not a URL; give one that begins with http:// or https://'],
    ['ftp://host/a.mp3', 'GET ftp://host/a.mp3: only http and https can be fetched, not ftp'],
    ['file:///etc/passwd', 'GET file:///etc/passwd: only http and https can be fetched, not file'],
    ['http://u:p@[nonsense/a?token=1', 'GET http://[nonsense/a: not a URL; give one that begins with http:// or https://'],
  ])('%s', async (url, message) => {
    await using client = createHttpClient();
    const error = await netErrorOf(client.open({ url, kind: 'media' }));
    expect(error.code).toBe('net/bad-url');
    expect(error.message).toBe(message);
  });

  test('an empty or backward range is the mistake of the caller', async () => {
    await using client = createHttpClient();
    await expect(client.open({ ...REQUEST(), range: { start: 5, end: 5 } })).rejects.toBeInstanceOf(RangeError);
    await expect(client.open({ ...REQUEST(), range: { start: -1 } })).rejects.toBeInstanceOf(RangeError);
  });
});
