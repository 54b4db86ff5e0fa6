import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync } from 'node:zlib';
import { type Origin, startOrigin } from '@tutti/fixtures';
import { createHttpClient, type HttpClient } from '@tutti/net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { httpServer, instantClock, netErrorOf, provenBytes, rawServer, readAll } from './net-bench.ts';

const BYTES = provenBytes(20_000);
let origin: Origin;
let client: HttpClient;

beforeEach(async () => {
  origin = await startOrigin();
  origin.put('/a.mp3', BYTES);
  client = createHttpClient({ clock: instantClock() });
});
afterEach(async () => {
  await client.close();
  await origin[Symbol.asyncDispose]();
});

const REQUEST = () => ({ url: origin.url('/a.mp3'), kind: 'media' }) as const;

describe('a body addressed by bytes', () => {
  test('tells representation, type, place and whether ranges work', async () => {
    const body = await client.open({ ...REQUEST(), range: { start: 100, end: 300 } });
    expect(body).toMatchObject({
      start: 100,
      end: 300,
      acceptsRanges: true,
      contentType: 'audio/mpeg',
      finalUrl: origin.url('/a.mp3'),
    });
    expect(body.representation.totalLength).toBe(20_000);
    expect(body.representation.validator).toMatch(/^"/);
    expect(body.timeToFirstByteMs).toBeGreaterThanOrEqual(0);
    expect(await readAll(body)).toEqual(BYTES.subarray(100, 300));
  });

  test('is asked for as it is, without content coding', async () => {
    await readAll(await client.open(REQUEST()));
    expect(origin.requests[0]!.headers['accept-encoding']).toBe('identity');
  });

  test('ends at the end of the file when more was asked for', async () => {
    const body = await client.open({ ...REQUEST(), range: { start: 19_000, end: 99_000 } });
    expect(body.end).toBe(20_000);
    expect(await readAll(body)).toEqual(BYTES.subarray(19_000));
  });

  test('is cut out of the whole when the server knows no ranges', async () => {
    origin.configure({ ignoresRanges: true });
    const body = await client.open({ ...REQUEST(), range: { start: 100, end: 300 } });
    expect([body.start, body.end, body.acceptsRanges]).toEqual([100, 300, false]);
    expect(await readAll(body)).toEqual(BYTES.subarray(100, 300));
  });

  test('continues the representation that earlier bytes came from, and no other', async () => {
    const { representation } = await client.open(REQUEST());
    const request = { ...REQUEST(), range: { start: 10 }, expected: representation };
    expect(await readAll(await client.open(request))).toEqual(BYTES.subarray(10));
    expect(origin.requests.at(-1)!.ifRange).toBe(representation.validator);
    origin.configure({ etagSuffix: '-2' });
    expect((await netErrorOf(client.open(request))).code).toBe('net/representation-changed');
    expect((await netErrorOf(client.open({ ...REQUEST(), expected: representation }))).code).toBe('net/representation-changed');
  });

  test('of the same ETag is taken from its start when the server ignores the range', async () => {
    const { representation } = await client.open(REQUEST());
    origin.configure({ ignoresRanges: true });
    const body = await client.open({ ...REQUEST(), range: { start: 10 }, expected: representation });
    expect(await readAll(body)).toEqual(BYTES.subarray(10));
  });

  test('behind the last byte is a typed error that tells the length', async () => {
    const error = await netErrorOf(client.open({ ...REQUEST(), range: { start: 20_000 } }));
    expect(error).toMatchObject({ code: 'net/unsatisfiable-range', status: 416, totalLength: 20_000, attempts: undefined });
    origin.configure({ ignoresRanges: true });
    expect(await netErrorOf(client.open({ ...REQUEST(), range: { start: 20_000 } }))).toMatchObject({
      code: 'net/unsatisfiable-range',
      totalLength: 20_000,
    });
  });

  test('of an empty file is empty, with and without a range', async () => {
    origin.put('/empty.mp3', '');
    for (const range of [undefined, { start: 0 }]) {
      const body = await client.open({ url: origin.url('/empty.mp3'), kind: 'media', ...(range && { range }) });
      expect([body.end, body.representation.totalLength]).toEqual([0, 0]);
      expect((await readAll(body)).length).toBe(0);
    }
  });

  test('a weak ETag is no validator; the date is', async () => {
    const date = 'Wed, 01 Jan 2025 00:00:00 GMT';
    await using server = await httpServer((_request, response) => {
      response.writeHead(200, { etag: 'W/"weak"', 'last-modified': date, 'content-length': 2 }).end('ok');
    });
    const body = await client.open({ url: server.url, kind: 'media' });
    expect(body.representation).toEqual({ validator: date, totalLength: 2 });
  });
});

describe('answers that are refused, once and for all', () => {
  test('a part of a file of another length than before', async () => {
    const { representation } = await client.open(REQUEST());
    await using server = await httpServer((_request, response) => {
      response.writeHead(206, { 'content-range': 'bytes 5-9/20001', etag: representation.validator }).end('56789');
    });
    const request = { url: server.url, kind: 'media', range: { start: 5, end: 10 }, expected: representation } as const;
    expect((await netErrorOf(client.open(request))).code).toBe('net/representation-changed');
  });

  test('the whole of another file to a range of the one before: by its validator, or by having none', async () => {
    const { representation } = await client.open(REQUEST());
    for (const etag of ['"another"', undefined]) {
      await using server = await httpServer((_request, response) => {
        response.writeHead(200, { 'content-length': 20_000, ...(etag && { etag }) }).end(BYTES);
      });
      const request = { url: server.url, kind: 'media', range: { start: 5 }, expected: representation } as const;
      expect((await netErrorOf(client.open(request))).code).toBe('net/representation-changed');
    }
  });

  test('a 416 that tells of another length than before', async () => {
    const { representation } = await client.open(REQUEST());
    origin.put('/a.mp3', BYTES.subarray(0, 50));
    const error = await netErrorOf(client.open({ ...REQUEST(), range: { start: 100 }, expected: representation }));
    expect(error).toMatchObject({ code: 'net/representation-changed', totalLength: undefined });
  });

  test('fewer bytes than the whole that was announced, again and again', async () => {
    await using server = await httpServer((_request, response) => {
      response.writeHead(200, { 'content-length': 100 });
      response.write('short', () => response.socket?.end());
    });
    expect(await netErrorOf(client.fetchWhole({ url: server.url, kind: 'key' }))).toMatchObject({
      code: 'net/body-too-short',
      attempts: 6,
    });
  });

  test('another range than the asked one', async () => {
    origin.configure({ fault: 'wrong-range', faultEvery: 1 });
    const error = await netErrorOf(client.open({ ...REQUEST(), range: { start: 10, end: 20 } }));
    expect(error).toMatchObject({ code: 'net/range-mismatch', attempts: undefined });
    expect(error.message).toBe(`GET ${origin.url('/a.mp3')}: asked for bytes 10 to 20 and got 11 to 20`);
    expect(origin.requests.length).toBe(1);
  });

  test.each(['short-length', 'long-length'] as const)('a part whose length contradicts its range: %s', async (fault) => {
    origin.configure({ fault, faultEvery: 1 });
    expect((await netErrorOf(client.open({ ...REQUEST(), range: { start: 0 } }))).code).toBe('net/range-mismatch');
  });

  test.each([
    ['a part without Content-Range', {}],
    ['a malformed Content-Range', { 'content-range': 'bytes 5-2/100' }],
    ['a range beyond its own total', { 'content-range': 'bytes 0-199/100' }],
    ['several parts', { 'content-range': 'bytes 0-1/100', 'content-type': 'multipart/byteranges; boundary=x' }],
    ['more than was asked for', { 'content-range': 'bytes 0-9/100' }],
  ])('%s', async (_what, headers) => {
    await using server = await httpServer((_request, response) => {
      response.writeHead(206, headers).end('ab');
    });
    const error = await netErrorOf(client.open({ url: server.url, kind: 'media', range: { start: 0, end: 2 } }));
    expect(error.code).toBe('net/range-mismatch');
  });

  test('a part that was not asked for', async () => {
    await using server = await httpServer((_request, response) => {
      response.writeHead(206, { 'content-range': 'bytes 0-1/2' }).end('ab');
    });
    expect((await netErrorOf(client.open({ url: server.url, kind: 'media' }))).code).toBe('net/range-mismatch');
  });

  test('more bytes than the range has, when they come chunked', async () => {
    await using server = await httpServer((_request, response) => {
      response.writeHead(206, { 'content-range': 'bytes 0-1/2' }).end('abc');
    });
    const body = await client.open({ url: server.url, kind: 'media', range: { start: 0 } });
    expect((await netErrorOf(readAll(body))).code).toBe('net/body-too-long');
  });

  test.each(['media', 'segment', 'key', 'playlist'] as const)('a web page instead of %s, by its type', async (kind) => {
    origin.configure({ fault: 'html', faultEvery: 1 });
    const error = await netErrorOf(client.open({ ...REQUEST(), kind }));
    expect(error).toMatchObject({ code: 'net/unexpected-html', attempts: undefined, isRecoverable: false });
    expect(origin.requests.length).toBe(1);
  });

  test.each(['<!DOCTYPE html>\n<p>x', '\uFEFF \r\n\t<html lang="en">', '<HEAD>', '  <!doctype HTML><html>'])(
    'a web page that calls itself audio: %j',
    async (page) => {
      origin.put('/page.mp3', page, 'audio/mpeg');
      const body = await client.open({ url: origin.url('/page.mp3'), kind: 'media', range: { start: 0 } });
      expect((await netErrorOf(readAll(body))).code).toBe('net/unexpected-html');
      const whole = client.fetchWhole({ url: origin.url('/page.mp3'), kind: 'key' });
      expect((await netErrorOf(whole)).code).toBe('net/unexpected-html');
    },
  );

  test.each(['<', '<!doct', '<htmx', '   ', '', '#EXTM3U'])('but not what only looks a little like one: %j', async (text) => {
    origin.put('/text.mp3', text);
    const body = await client.open({ url: origin.url('/text.mp3'), kind: 'media' });
    expect(Buffer.from(await readAll(body)).toString()).toBe(text);
  });

  test('a page is known though it comes byte by byte', async () => {
    await using server = await rawServer((socket) => {
      socket.setNoDelay(true);
      socket.once('data', () => {
        socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n');
        for (const byte of '<!doctype html><html>') socket.write(`1\r\n${byte}\r\n`);
        socket.end('0\r\n\r\n');
      });
    });
    const body = await client.open({ url: server.url, kind: 'segment' });
    expect((await netErrorOf(readAll(body))).code).toBe('net/unexpected-html');
  });

  test('a compressed answer to a request by bytes', async () => {
    await using server = await httpServer((_request, response) => {
      response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync('x'));
    });
    for (const kind of ['media', 'segment', 'key'] as const) {
      const request = { url: server.url, kind };
      expect((await netErrorOf(kind === 'key' ? client.fetchWhole(request) : client.open(request))).code).toBe(
        'net/unexpected-encoding',
      );
    }
    expect((await netErrorOf(client.open({ url: server.url, kind: 'playlist' }))).code).toBe('net/unexpected-encoding');
  });
});

describe('whole resources', () => {
  test('a playlist is fetched compressed and given as it is', async () => {
    origin.put('/x.m3u8', '#EXTM3U\n');
    origin.configure({ gzipsPlaylists: true });
    const text = await client.fetchWhole({ url: origin.url('/x.m3u8'), kind: 'playlist' });
    expect(Buffer.from(text.bytes).toString()).toBe('#EXTM3U\n');
    expect(text).toMatchObject({ contentType: 'application/vnd.apple.mpegurl', finalUrl: origin.url('/x.m3u8') });
    expect(origin.requests[0]!.headers['accept-encoding']).toBe('gzip, deflate, br');
  });

  test.each([
    ['gzip', gzipSync('#EXTM3U\n')],
    ['deflate', deflateSync('#EXTM3U\n')],
    ['deflate', deflateRawSync('#EXTM3U\n')],
    ['br', brotliCompressSync('#EXTM3U\n')],
    ['identity', Buffer.from('#EXTM3U\n')],
  ])('decodes %s', async (coding, packed) => {
    await using server = await httpServer((_request, response) => {
      response.writeHead(200, { 'content-encoding': coding }).end(packed);
    });
    const { bytes } = await client.fetchWhole({ url: server.url, kind: 'playlist' });
    expect(Buffer.from(bytes).toString()).toBe('#EXTM3U\n');
  });

  test('an encoding that nobody offered is refused', async () => {
    await using server = await httpServer((_request, response) => {
      response.writeHead(200, { 'content-encoding': 'zstd' }).end('x');
    });
    expect((await netErrorOf(client.fetchWhole({ url: server.url, kind: 'playlist' }))).code).toBe('net/unexpected-encoding');
  });

  test('what is not the encoding that it claims is a protocol error', async () => {
    await using server = await httpServer((_request, response) => {
      response.writeHead(200, { 'content-encoding': 'gzip' }).end('#EXTM3U\n');
    });
    expect((await netErrorOf(client.fetchWhole({ url: server.url, kind: 'playlist' }))).code).toBe('net/protocol');
  });

  test.each(['gzip', 'br'])('a %s bomb stops at the limit', async (coding) => {
    const zeros = Buffer.alloc(20 * 1024 * 1024);
    const packed = coding === 'gzip' ? gzipSync(zeros) : brotliCompressSync(zeros, { params: {} });
    expect(packed.length).toBeLessThan(100_000);
    await using server = await httpServer((_request, response) => {
      response.writeHead(200, { 'content-encoding': coding }).end(packed);
    });
    expect((await netErrorOf(client.fetchWhole({ url: server.url, kind: 'playlist' }))).code).toBe('net/body-too-large');
  });

  test('more than maxBytes is refused, announced or not', async () => {
    expect((await netErrorOf(client.fetchWhole({ ...REQUEST(), maxBytes: 19_999 }))).code).toBe('net/body-too-large');
    expect(origin.sentBytes).toBeLessThanOrEqual(20_000);
    origin.configure({ hidesLength: true });
    expect((await netErrorOf(client.fetchWhole({ ...REQUEST(), maxBytes: 19_999 }))).code).toBe('net/body-too-large');
    expect((await client.fetchWhole({ ...REQUEST(), maxBytes: 20_000 })).bytes.length).toBe(20_000);
  });

  test.each(['reset', 'truncate'] as const)('one that breaks in the middle (%s) is fetched again', async (fault) => {
    origin.configure({ fault, faultEvery: 1, faultTimes: 2 });
    const { bytes } = await client.fetchWhole({ ...REQUEST(), kind: 'key' });
    expect(new Uint8Array(bytes)).toEqual(BYTES);
    expect(origin.requests.length).toBe(3);
  });

  test.each([false, true])('a part of a file, ranges ignored: %s', async (ignoresRanges) => {
    origin.configure({ ignoresRanges });
    const { bytes } = await client.fetchWhole({ ...REQUEST(), kind: 'segment', range: { start: 50, end: 70 }, maxBytes: 20 });
    expect(new Uint8Array(bytes)).toEqual(BYTES.subarray(50, 70));
  });
});
