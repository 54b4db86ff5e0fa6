import type { IncomingMessage } from 'node:http';
import { startOrigin } from '@tutti/fixtures';
import { createHttpClient } from '@tutti/net';
import { expect, test } from 'vitest';
import { RedirectTrail } from '../src/redirects.ts';
import { parseTarget } from '../src/target.ts';
import { httpServer, instantClock, netErrorOf, readAll } from './net-bench.ts';

test('the final URL is the one after the redirects, with its query and without credentials', async () => {
  await using origin = await startOrigin();
  origin.put('/a.mp3', 'abc');
  origin.configure({ redirectPrefix: '/cdn' });
  await using client = createHttpClient();
  const url = new URL(origin.url('/a.mp3?token=1#part'));
  url.username = 'user';
  const body = await client.open({ url: url.href, kind: 'media' });
  expect(body.finalUrl).toBe(origin.url('/cdn/a.mp3?token=1'));
  expect(Buffer.from(await readAll(body)).toString()).toBe('abc');
});

test.each([301, 302, 303, 307, 308])('%i is followed, keeping the range', async (status) => {
  const asked: (string | undefined)[] = [];
  await using server = await httpServer((request, response) => {
    asked.push(request.headers.range);
    if (request.url === '/a') response.writeHead(status, { location: 'b' }).end();
    else response.writeHead(206, { 'content-range': 'bytes 1-2/3' }).end('bc');
  });
  await using client = createHttpClient();
  const body = await client.open({ url: `${server.url}/a`, kind: 'media', range: { start: 1 } });
  expect(Buffer.from(await readAll(body)).toString()).toBe('bc');
  expect(asked).toEqual(['bytes=1-', 'bytes=1-']);
});

test('a location in raw UTF-8 is followed', async () => {
  const paths: (string | undefined)[] = [];
  await using server = await httpServer((request, response) => {
    paths.push(request.url);
    if (request.url === '/a') response.writeHead(302, { location: Buffer.from('/ü.mp3', 'utf8').toString('latin1') }).end();
    else response.end('ok');
  });
  await using client = createHttpClient();
  await client.fetchWhole({ url: `${server.url}/a`, kind: 'key' });
  expect(paths).toEqual(['/a', '/%C3%BC.mp3']);
});

test.each([
  ['a circle', '/a', 'redirects go round in a circle'],
  ['file:', 'file:///etc/passwd', 'redirect to file:///etc/passwd refused'],
  ['data:', 'data:text/plain,x', 'refused'],
  ['no URL', 'http://[x?token=secret', 'redirect to http://[x refused'],
  ['an empty location', '', '302 redirect without a location'],
])('a redirect to %s is refused, once', async (_what, location, text) => {
  let requests = 0;
  await using server = await httpServer((_request, response) => {
    requests += 1;
    response.writeHead(302, { location }).end();
  });
  await using client = createHttpClient({ clock: instantClock() });
  const error = await netErrorOf(client.open({ url: `${server.url}/a`, kind: 'media' }));
  expect(error).toMatchObject({ code: 'net/bad-redirect', status: 302, attempts: undefined });
  expect(error.message).toContain(text);
  expect(error.message).not.toContain('secret');
  expect(requests).toBe(1);
});

test('ten redirects are followed, eleven are not', async () => {
  await using server = await httpServer((request, response) => {
    const left = Number(request.url?.slice(1));
    if (left === 0) response.end('ok');
    else response.writeHead(302, { location: `/${left - 1}` }).end();
  });
  await using client = createHttpClient();
  await client.fetchWhole({ url: `${server.url}/10`, kind: 'key' });
  const error = await netErrorOf(client.fetchWhole({ url: `${server.url}/11`, kind: 'key' }));
  expect(error.message).toBe(`GET ${server.url}/11: more than 10 redirects`);
});

test('credentials stay on their origin, also those of the provider and also on the way back', async () => {
  const seen: {
    readonly at: string;
    readonly authorization: string | undefined;
    readonly cookie: string | undefined;
    readonly other: unknown;
  }[] = [];
  const note = (at: string, { headers }: IncomingMessage) =>
    seen.push({ at, authorization: headers.authorization, cookie: headers.cookie, other: headers['x-player'] });
  let home = '';
  await using elsewhere = await httpServer((request, response) => {
    note('elsewhere', request);
    response.writeHead(302, { location: `${home}/back` }).end();
  });
  await using server = await httpServer((request, response) => {
    note(request.url!, request);
    if (request.url === '/a') response.writeHead(302, { location: '/b' }).end();
    else if (request.url === '/b') response.writeHead(302, { location: elsewhere.url }).end();
    else response.end('ok');
  });
  home = server.url;
  await using client = createHttpClient({ headers: () => ({ cookie: 'session=1', 'x-player': 'yes' }) });
  await client.fetchWhole({ url: `${server.url}/a`, kind: 'key', headers: { Authorization: 'Bearer 1' } });
  const home1 = { authorization: 'Bearer 1', cookie: 'session=1', other: 'yes' };
  const away = { authorization: undefined, cookie: undefined, other: 'yes' };
  expect(seen).toEqual([
    { at: '/a', ...home1 },
    { at: '/b', ...home1 },
    { at: 'elsewhere', ...away },
    { at: '/back', ...away },
  ]);
});

test('user and password of the URL become Basic authorization, also on a redirect of the same origin', async () => {
  const seen: (string | undefined)[] = [];
  await using server = await httpServer((request, response) => {
    seen.push(request.headers.authorization);
    if (request.url === '/a') response.writeHead(302, { location: '/b' }).end();
    else response.end('ok');
  });
  await using client = createHttpClient();
  const url = `${server.url.replace('//', '//us%40er:p%C3%A4ss@')}/a`;
  const { finalUrl } = await client.fetchWhole({ url, kind: 'key' });
  const basic = `Basic ${Buffer.from('us@er:päss').toString('base64')}`;
  expect(seen).toEqual([basic, basic]);
  expect(finalUrl).toBe(`${server.url}/b`);
});

test('a redirect from https to http is refused, one from http to https is followed', () => {
  const trail = new RedirectTrail(parseTarget('http://host/a'));
  trail.follow(302, 'https://host/b');
  expect(trail.current.href).toBe('https://host/b');
  expect(trail.hasLeftOrigin).toBe(true);
  expect(() => trail.follow(302, 'http://host/c?token=secret')).toThrow(
    'GET http://host/a: redirect from https to http refused (http://host/c)',
  );
});
