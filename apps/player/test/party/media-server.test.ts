import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer, request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { fixturePath } from '@tutti/fixtures';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createMediaHandler } from '../../src/node/media-server.ts';
import { makeTrackCard, parseTrackCard } from '../../src/node/track-card.ts';
import { TrackLibrary } from '../../src/node/track-library.ts';

const file = fixturePath('part-1.flac');
const token = 't'.repeat(43);
const library = new TrackLibrary({ cache: () => Promise.reject(new Error('no URL is added')), variant: 'auto' });
const server = createServer(createMediaHandler({ library, token }));
let bytes: Buffer;
let sha256: string;
let hash: string;

interface Answer {
  readonly status: number | undefined;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

async function ask(path: string, headers: Record<string, string> = {}, method = 'GET'): Promise<Answer> {
  const { port } = server.address() as AddressInfo;
  const asked = httpRequest({ port, host: '127.0.0.1', path, method, headers: { authorization: `Bearer ${token}`, ...headers } });
  asked.end();
  const [response] = (await once(asked, 'response')) as [
    NodeJS.ReadableStream & { statusCode: number; headers: IncomingHttpHeaders },
  ];
  return { status: response.statusCode, headers: response.headers, body: await buffer(response) };
}

beforeAll(async () => {
  bytes = await readFile(file);
  sha256 = createHash('sha256').update(bytes).digest('hex');
  hash = (await library.add(file, { signal: new AbortController().signal })).card.hash;
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});

describe('the media server', () => {
  test('gives a track’s card and its bytes by hash', async () => {
    const { body, headers, status } = await ask(`/tracks/${hash}`);
    expect(status).toBe(200);
    expect(headers['content-type']).toBe('application/json');
    const card = parseTrackCard(body, hash);
    expect(card.resources.map((resource) => [resource.sha256, resource.length])).toEqual([[sha256, bytes.length]]);
    const media = await ask(`/media/${sha256}`);
    expect(media.headers.etag).toBe(`"${sha256}"`);
    expect(media.body.equals(bytes)).toBe(true);
  });

  test.each([
    ['bytes=0-0', 206, 0, 1],
    ['bytes=10-19', 206, 10, 20],
    ['bytes=-7', 206, -7, undefined],
    ['bytes=5-', 206, 5, undefined],
    ['bytes=5-99999999', 206, 5, undefined],
    ['bytes=0-1,4-5', 200, 0, undefined],
    ['bytes=-', 200, 0, undefined],
    ['lines=1-2', 200, 0, undefined],
  ])('answers %s with %i', async (range, status, start, end) => {
    const answer = await ask(`/media/${sha256}`, { range });
    expect(answer.status).toBe(status);
    const expected = bytes.subarray(start, end);
    expect(answer.body.equals(expected)).toBe(true);
    expect(Number(answer.headers['content-length'])).toBe(expected.length);
    if (status === 206) expect(answer.headers['content-range']).toMatch(new RegExp(`/${bytes.length}$`));
  });

  test('a range behind the end, or of another file, is not given', async () => {
    const behind = await ask(`/media/${sha256}`, { range: `bytes=${bytes.length}-` });
    expect([behind.status, behind.headers['content-range']]).toEqual([416, `bytes */${bytes.length}`]);
    const other = await ask(`/media/${sha256}`, { range: 'bytes=5-', 'if-range': '"another"' });
    expect([other.status, other.body.length]).toEqual([200, bytes.length]);
    const same = await ask(`/media/${sha256}`, { range: 'bytes=5-', 'if-range': `"${sha256}"` });
    expect([same.status, same.body.length]).toEqual([206, bytes.length - 5]);
  });

  test.each([
    ['no token', { authorization: '' }, 401],
    ['another token', { authorization: `Bearer ${'u'.repeat(43)}` }, 401],
    ['a made-up host name', { host: 'evil.example' }, 403],
    ['a foreign origin', { origin: 'https://evil.example' }, 403],
  ])('refuses %s', async (_, headers, status) => {
    const answer = await ask(`/media/${sha256}`, headers);
    expect([answer.status, answer.body.length]).toEqual([status, 0]);
  });

  test.each([
    '/',
    '/media/',
    `/media/${'0'.repeat(64)}`,
    '/media/../../etc/passwd',
    `/media/${'A'.repeat(64)}`,
    `/tracks/${'0'.repeat(64)}`,
  ])('has nothing at %s', async (path) => {
    expect((await ask(path)).status).toBe(404);
  });

  test('takes nothing', async () => {
    expect((await ask(`/media/${sha256}`, {}, 'POST')).status).toBe(405);
    const head = await ask(`/media/${sha256}`, {}, 'HEAD');
    expect([head.status, head.headers['content-length'], head.body.length]).toEqual([200, String(bytes.length), 0]);
  });
});

describe('a track’s card', () => {
  const resource = { relPath: 'media/a-0.flac', sha256: 'a'.repeat(64), length: 1 };
  const other = { relPath: 'media/b-0.flac', sha256: 'b'.repeat(64), length: 2 };
  const parts = { kind: 'progressive', url: 'http://tutti.invalid/a', bandwidth: 0 } as const;

  test('is the same whatever order its resources were found in', () => {
    const one = makeTrackCard({ ...parts, resources: [resource, other] });
    expect(makeTrackCard({ ...parts, resources: [other, resource] })).toEqual(one);
    // SHA-256 over the hashes, in the order of their places.
    const expected = createHash('sha256')
      .update('a'.repeat(64) + 'b'.repeat(64), 'hex')
      .digest('hex');
    expect(one.hash).toBe(expected);
  });

  test.each([
    ['another track’s', (card: object) => ({ ...card, hash: 'c'.repeat(64) })],
    ['one with other bytes', (card: object) => ({ ...card, resources: [resource] })],
    ['one without bytes', (card: object) => ({ ...card, resources: [] })],
    ['no card', () => 'card'],
  ])('%s is refused', (_, change) => {
    const card = makeTrackCard({ ...parts, resources: [resource, other] });
    const text = new TextEncoder().encode(JSON.stringify(change(card)));
    expect(() => parseTrackCard(text, card.hash)).toThrow(expect.objectContaining({ code: 'party/bad-card' }));
    expect(parseTrackCard(new TextEncoder().encode(JSON.stringify(card)), card.hash)).toEqual(card);
  });
});
