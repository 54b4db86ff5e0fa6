import { inspect } from 'node:util';
import { startOrigin } from '@tutti/fixtures';
import { createHttpClient, type NetEvent } from '@tutti/net';
import { expect, test } from 'vitest';
import { instantClock, netErrorOf, readAll } from './net-bench.ts';

test('no query, password, cookie or authorization in errors, causes, events and log lines', async () => {
  await using origin = await startOrigin();
  origin.put('/a.mp3', new Uint8Array(30_000));
  const said: unknown[] = [];
  await using client = createHttpClient({
    clock: instantClock(),
    retry: { maxRetries: 2 },
    headers: () => ({ cookie: 'session=SECRET' }),
    logger: { debug: (...line) => said.push(line), warn: (...line) => said.push(line) },
  });
  client.on((event: NetEvent) => said.push(event));
  const url = origin.url('/a.mp3?token=SECRET').replace('//', '//user:SECRET@');
  const request = { url, kind: 'media', headers: { authorization: 'Bearer SECRET' } } as const;
  const failures = async () => {
    const error = await netErrorOf(client.open(request).then(readAll));
    said.push(error.message, error, error.cause, inspect(error, { depth: 9, showHidden: true }));
    return error.code;
  };

  const codes: string[] = [];
  for (const faultStatus of [404, 403, 503]) {
    origin.configure({ fault: 'status', faultEvery: 1, faultStatus });
    codes.push(await failures());
  }
  for (const fault of ['html', 'reset', 'wrong-range'] as const) {
    origin.configure({ fault, faultEvery: 1, faultAfterBytes: fault === 'reset' ? 0 : 4096 });
    codes.push(await (fault === 'wrong-range' ? readAll(await client.open(request)).then(() => 'none') : failures()));
  }
  await origin.stop();
  codes.push(await failures());
  expect(codes).toEqual([
    'net/not-found',
    'net/forbidden',
    'net/status',
    'net/unexpected-html',
    'net/reset',
    'none',
    'net/connect-failed',
  ]);
  for (const bad of ['http://h h/?token=SECRET', 'ftp://u:SECRET@host/x?token=SECRET', '//user:SECRET@host/x', '?SECRET']) {
    const error = await netErrorOf(client.open({ url: bad, kind: 'media' }));
    said.push(error.message, error, inspect(error, { depth: 9, showHidden: true }));
  }

  const text = inspect(said, { depth: 9, maxArrayLength: null, maxStringLength: null });
  expect(text).toContain(origin.url('/a.mp3'));
  expect(text).not.toContain('SECRET');
});

test('headers that are this client’s own business cannot be set', async () => {
  await using origin = await startOrigin();
  origin.put('/a.mp3', 'abc');
  await using client = createHttpClient({ userAgent: 'tutti-test' });
  const headers = { Range: 'bytes=1-1', Host: 'elsewhere', 'Accept-Encoding': 'gzip', 'X-Mine': 'kept', 'User-Agent': 'mine' };
  expect((await readAll(await client.open({ url: origin.url('/a.mp3'), kind: 'media', headers }))).length).toBe(3);
  expect(origin.requests[0]!.headers).toMatchObject({
    host: `127.0.0.1:${origin.port}`,
    'accept-encoding': 'identity',
    'x-mine': 'kept',
    'user-agent': 'mine',
  });
});

test('a header provider is asked with kind and full URL', async () => {
  await using origin = await startOrigin();
  origin.put('/a.mp3', 'abc');
  const asked: string[][] = [];
  await using client = createHttpClient({
    headers: (kind, url) => {
      asked.push([kind, url]);
      return {};
    },
  });
  await client.fetchWhole({ url: origin.url('/a.mp3?x=1'), kind: 'segment' });
  expect(asked).toEqual([['segment', origin.url('/a.mp3?x=1')]]);
});
