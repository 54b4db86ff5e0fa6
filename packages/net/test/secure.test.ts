import { constants } from 'node:http2';
import { startOrigin } from '@tutti/fixtures';
import { createHttpClient } from '@tutti/net';
import { describe, expect, test } from 'vitest';
import { BreakingLink } from '@tutti/fixtures';
import { instantClock, netErrorOf, provenBytes, readAll, trust } from './net-bench.ts';
import { resettingServer } from './resetting-server.ts';

const BYTES = provenBytes(300_000);

describe('TLS', () => {
  test('a certificate that nobody vouches for is refused, once', async () => {
    await using origin = await startOrigin({ protocol: 'https' });
    await using client = createHttpClient({ clock: instantClock() });
    const error = await netErrorOf(client.open({ url: origin.url('/a.mp3'), kind: 'media' }));
    expect(error).toMatchObject({ code: 'net/tls', attempts: undefined, isRecoverable: false });
    expect(error.message).toContain(`no secure connection to 127.0.0.1:${origin.port} (DEPTH_ZERO_SELF_SIGNED_CERT)`);
    expect(origin.requests.length).toBe(0);
  });

  test('a certificate for another name is refused', async () => {
    await using origin = await startOrigin({ protocol: 'https' });
    await using link = await BreakingLink.to(origin.port);
    await using client = createHttpClient({ ...trust(origin), lookup: link.lookup, retry: { maxRetries: 0 } });
    const error = await netErrorOf(client.open({ url: `https://other.example:${origin.port}/a.mp3`, kind: 'media' }));
    expect(error).toMatchObject({ code: 'net/tls' });
    expect(error.message).toContain('(ERR_TLS_CERT_ALTNAME_INVALID)');
  });

  test('a redirect from https to http is refused before anything is sent there', async () => {
    await using plain = await startOrigin();
    await using origin = await startOrigin({ protocol: 'https', behaviour: { redirectPrefix: plain.baseUrl } });
    await using client = createHttpClient({ ...trust(origin), clock: instantClock() });
    const error = await netErrorOf(client.open({ url: origin.url('/a.mp3?token=SECRET'), kind: 'media' }));
    expect(error).toMatchObject({ code: 'net/bad-redirect', status: 302, attempts: undefined });
    expect(error.message).not.toContain('SECRET');
    expect(origin.requests.length).toBe(1);
    expect(plain.requests.length).toBe(0);
  });

  test('a redirect from http to https is followed', async () => {
    await using origin = await startOrigin({ protocol: 'https' });
    origin.put('/a.mp3', BYTES);
    await using plain = await startOrigin({ behaviour: { redirectPrefix: origin.baseUrl } });
    await using client = createHttpClient(trust(origin));
    const body = await client.open({ url: plain.url('/a.mp3'), kind: 'media' });
    expect(body.finalUrl).toBe(origin.url('/a.mp3'));
    expect(await readAll(body)).toEqual(BYTES);
  });
});

describe('HTTP/2', () => {
  test.each([
    ['h2', true, 2],
    ['h2', false, 1],
    ['https', true, 1],
  ] as const)('from a server that speaks %s, asked with http2: %s, comes version %i', async (protocol, http2, version) => {
    await using origin = await startOrigin({ protocol });
    origin.put('/a.mp3', BYTES);
    await using client = createHttpClient({ ...trust(origin), http2 });
    expect(await readAll(await client.open({ url: origin.url('/a.mp3'), kind: 'media', range: { start: 5 } }))).toEqual(
      BYTES.subarray(5),
    );
    expect(':scheme' in origin.requests[0]!.headers).toBe(version === 2);
  });

  test('six bodies share one connection, and the end of one does not touch the others', async () => {
    await using origin = await startOrigin({ protocol: 'h2' });
    origin.put('/a.mp3', BYTES);
    await using link = await BreakingLink.to(origin.port);
    await using client = createHttpClient({ ...trust(origin), lookup: link.lookup });
    const request = { url: `https://origin.test:${link.port}/a.mp3`, kind: 'media' } as const;
    await client.fetchWhole(request);
    const bodies = await Promise.all(Array.from({ length: 6 }, () => client.open(request)));
    await bodies[0]![Symbol.asyncDispose]();
    for (const body of bodies.slice(1)) expect(await readAll(body)).toEqual(BYTES);
    expect(link.connections).toBe(1);
  });

  test('a connection that goes silent is left: the body goes on over a new one', async () => {
    await using origin = await startOrigin({ protocol: 'h2' });
    origin.put('/a.mp3', BYTES);
    await using link = await BreakingLink.to(origin.port);
    await using client = createHttpClient({
      ...trust(origin),
      clock: instantClock(),
      lookup: link.lookup,
      idleTimeoutMs: 100,
      firstByteTimeoutMs: 100,
    });
    const gate = origin.gate('/a.mp3', 100_000);
    const offsets: number[] = [];
    client.on((event) => event.type === 'healed' && offsets.push(event.offset));
    const body = await client.open({ url: `https://origin.test:${link.port}/a.mp3`, kind: 'media' });
    await gate.reached();
    await link.goDown('black-holed');
    gate.release();
    await link.comeUp();
    expect(await readAll(body)).toEqual(BYTES);
    expect(offsets.length).toBe(1);
    expect(link.connections).toBe(2);
  });

  test('a stream that is reset for an error is a reset', async () => {
    await using server = await resettingServer(constants.NGHTTP2_INTERNAL_ERROR);
    await using client = createHttpClient({ http2: true, certificateAuthorities: [server.certificate] });
    const body = await client.open({ url: server.url, kind: 'media' });
    expect((await netErrorOf(readAll(body))).code).toBe('net/reset');
  });

  test.each([constants.NGHTTP2_NO_ERROR, constants.NGHTTP2_CANCEL])(
    'undici tells a stream of unknown length that is reset with %i as whole: why HTTP/2 is not the default',
    async (errorCode) => {
      await using server = await resettingServer(errorCode);
      await using client = createHttpClient({ http2: true, certificateAuthorities: [server.certificate] });
      const body = await client.open({ url: server.url, kind: 'media' });
      expect((await readAll(body)).length).toBe(1000);
    },
  );
});
