import { inspect } from 'node:util';
import { type Origin, startOrigin } from '@tutti/fixtures';
import { createHttpClient } from '@tutti/net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { CookieJars } from '../src/cookie-jar.ts';
import { parseTarget } from '../src/target.ts';
import { instantClock, netErrorOf } from './net-bench.ts';

let origin: Origin;

beforeEach(async () => {
  origin = await startOrigin();
  for (const path of ['/one/a.ts', '/one/b.ts', '/two/c.ts', '/key.bin']) origin.put(path, 'x');
});
afterEach(() => origin[Symbol.asyncDispose]());

const request = (path: string, cookieJar?: string) =>
  ({ url: origin.url(path), kind: 'key', ...(cookieJar === undefined ? {} : { cookieJar }) }) as const;
const sent = () => origin.requests.map(({ headers }) => headers['cookie']);

describe('cookies of answers', () => {
  test('go back with requests of the same jar, and with no other', async () => {
    origin.configure({ setCookies: ['session=1; Path=/; HttpOnly', 'tier=gold; Path=/one'] });
    await using client = createHttpClient();
    await client.fetchWhole(request('/one/a.ts', 'asset-1'));
    origin.configure({ setCookies: [] });
    await client.fetchWhole(request('/one/b.ts', 'asset-1'));
    await client.fetchWhole(request('/key.bin', 'asset-1'));
    await client.fetchWhole(request('/one/b.ts', 'asset-2'));
    await client.fetchWhole(request('/one/b.ts'));
    expect(sent()).toEqual([undefined, 'tier=gold; session=1', 'session=1', undefined, undefined]);
  });

  test('are not kept without a jar', async () => {
    origin.configure({ setCookies: ['session=1; Path=/'] });
    await using client = createHttpClient();
    await client.fetchWhole(request('/key.bin'));
    await client.fetchWhole(request('/key.bin', 'asset-1'));
    expect(sent()).toEqual([undefined, undefined]);
  });

  test('set by a redirect go along with its next hop', async () => {
    origin.configure({ redirectPrefix: '/cdn', setCookies: ['pass=1; Path=/'] });
    await using client = createHttpClient();
    await client.fetchWhole(request('/key.bin', 'asset-1'));
    expect(sent()).toEqual([undefined, 'pass=1']);
  });

  test('do not follow a redirect to another origin, and its own do not come back', async () => {
    await using elsewhere = await startOrigin({ behaviour: { setCookies: ['theirs=1; Path=/; Domain=127.0.0.1'] } });
    elsewhere.put('/key.bin', 'x');
    await using client = createHttpClient({ lookup: (_host, _options, done) => done(null, [{ address: '127.0.0.1', family: 4 }]) });
    const home = `http://home.test:${origin.port}`;
    origin.configure({ setCookies: ['ours=1; Path=/'], redirectPrefix: elsewhere.baseUrl });
    await client.fetchWhole({ url: `${home}/key.bin`, kind: 'key', cookieJar: 'asset-1' });
    expect(elsewhere.requests[0]!.headers['cookie']).toBeUndefined();
    origin.configure({ redirectPrefix: '' });
    await client.fetchWhole({ url: `${home}/key.bin`, kind: 'key', cookieJar: 'asset-1' });
    expect(sent()).toEqual([undefined, 'ours=1']);
  });

  test('follow those that the caller names itself', async () => {
    origin.configure({ setCookies: ['session=1; Path=/'] });
    await using client = createHttpClient();
    await client.fetchWhole(request('/key.bin', 'asset-1'));
    await client.fetchWhole({ ...request('/key.bin', 'asset-1'), headers: { Cookie: 'mine=2' } });
    expect(sent()[1]).toBe('mine=2; session=1');
  });

  test('set by an error answer are kept: the next attempt has them', async () => {
    origin.configure({ setCookies: ['challenge=1; Path=/'], fault: 'status', faultEvery: 1, faultTimes: 1 });
    await using client = createHttpClient({ clock: instantClock() });
    await client.fetchWhole(request('/key.bin', 'asset-1'));
    expect(sent()).toEqual([undefined, 'challenge=1']);
  });

  test('are in no error, event or log line', async () => {
    origin.configure({ setCookies: ['session=SECRET; Path=/'], fault: 'status', faultEvery: 2, faultStatus: 403 });
    const said: unknown[] = [];
    await using client = createHttpClient({
      logger: { debug: (...line) => said.push(line), warn: (...line) => said.push(line) },
    });
    client.on((event) => said.push(event));
    await client.fetchWhole(request('/key.bin', 'asset-1'));
    said.push(inspect(await netErrorOf(client.fetchWhole(request('/key.bin', 'asset-1'))), { depth: 9, showHidden: true }));
    expect(sent()[1]).toBe('session=SECRET');
    expect(said.length).toBeGreaterThan(2);
    expect(inspect(said, { depth: 9, maxArrayLength: null, maxStringLength: null })).not.toContain('SECRET');
  });
});

describe('a jar (RFC 6265)', () => {
  const HOST = 'https://music.example.org';
  let nowMs = 1_000_000;
  let jars: CookieJars;

  beforeEach(() => {
    nowMs = 1_000_000;
    jars = new CookieJars(() => nowMs);
  });

  const store = (url: string, ...lines: readonly string[]) => jars.store('j', parseTarget(url), lines);
  const textFor = (url: string) => jars.textFor('j', parseTarget(url));

  test.each([
    ['host only', 'a=1', `${HOST}/x`, 'a=1'],
    ['host only, at a host below', 'a=1', 'https://cdn.music.example.org/x', undefined],
    ['a domain above, at a host beside', 'a=1; Domain=example.org; Path=/', 'https://cdn.example.org/x', 'a=1'],
    ['a domain with its old dot', 'a=1; domain=.EXAMPLE.org; path=/', 'https://example.org/', 'a=1'],
    ['a domain that only ends alike', 'a=1; Domain=example.org; Path=/', 'https://badexample.org/', undefined],
    ['a foreign domain', 'a=1; Domain=other.org; Path=/', 'https://other.org/', undefined],
    ['a host below its own', 'a=1; Domain=cdn.music.example.org; Path=/', 'https://cdn.music.example.org/', undefined],
    ['a whole top-level domain', 'a=1; Domain=org; Path=/', `${HOST}/`, undefined],
    ['the directory of its request', 'a=1', `${HOST}/songs/album/other.mp3`, 'a=1'],
    ['the directory of its request, outside of it', 'a=1', `${HOST}/else/x.mp3`, undefined],
    ['a path', 'a=1; Path=/songs', `${HOST}/songs/x.mp3`, 'a=1'],
    ['a path itself', 'a=1; Path=/songs', `${HOST}/songs`, 'a=1'],
    ['a path that only begins alike', 'a=1; Path=/songs', `${HOST}/songs-2/x.mp3`, undefined],
    ['secure, over https', 'a=1; Path=/; Secure', `${HOST}/`, 'a=1'],
    ['secure, over http', 'a=1; Path=/; Secure', 'http://music.example.org/', undefined],
    ['quotes and equals signs, as they are', 'a="x=y"; Path=/', `${HOST}/`, 'a="x=y"'],
    ['no value', 'a=; Path=/', `${HOST}/`, 'a='],
    ['no name', '=1; Path=/', `${HOST}/`, undefined],
    ['no pair', 'nonsense', `${HOST}/`, undefined],
    ['a control character', 'a=1\u0007; Path=/', `${HOST}/`, undefined],
    ['more than 4096 characters', `a=${'x'.repeat(4096)}; Path=/`, `${HOST}/`, undefined],
    ['Max-Age over', 'a=1; Path=/; Max-Age=0', `${HOST}/`, undefined],
    ['Max-Age before Expires', 'a=1; Path=/; Max-Age=9; Expires=Thu, 01 Jan 1970 00:00:00 GMT', `${HOST}/`, 'a=1'],
    ['Expires in the past', 'a=1; Path=/; Expires=Thu, 01 Jan 1970 00:00:01 GMT', `${HOST}/`, undefined],
    ['an Expires that is no date', 'a=1; Path=/; Expires=soon', `${HOST}/`, 'a=1'],
  ])('%s', (_what, line, url, expected) => {
    store(url === `${HOST}/x` ? `${HOST}/x` : `${HOST}/songs/album/one.mp3`, line);
    expect(textFor(url)).toBe(expected);
  });

  test('a host that is an address has cookies of its own only', () => {
    store('http://127.0.0.1/', 'a=1; Domain=0.0.1', 'b=2; Domain=127.0.0.1');
    expect(textFor('http://127.0.0.1:8080/')).toBe('b=2');
  });

  test('secure cookies are not taken over http', () => {
    store('http://music.example.org/', 'a=1; Path=/; Secure');
    expect(textFor(`${HOST}/`)).toBeUndefined();
  });

  test('a cookie ends at its time, is replaced by its like, and removed by one that has ended', () => {
    store(`${HOST}/`, 'a=1; Max-Age=10', 'b=1', 'c=1');
    store(`${HOST}/`, 'b=2', 'c=; Max-Age=-1');
    expect(textFor(`${HOST}/`)).toBe('a=1; b=2');
    nowMs += 10_000;
    expect(textFor(`${HOST}/`)).toBe('b=2');
  });

  test('it is bounded: fifty cookies, and 256 jars', () => {
    store(`${HOST}/`, ...Array.from({ length: 60 }, (_, index) => `c${index}=1`));
    expect(textFor(`${HOST}/`)?.split('; ').length).toBe(50);
    expect(textFor(`${HOST}/`)).toContain('c59=1');
    for (let index = 0; index < 256; index += 1) jars.store(`jar-${index}`, parseTarget(HOST), ['a=1']);
    expect(textFor(`${HOST}/`)).toBeUndefined();
    expect(jars.textFor('jar-0', parseTarget(HOST))).toBe('a=1');
  });
});
