import { type Origin, startOrigin } from '@tutti/fixtures';
import { createHttpClient, type HttpBody, type HttpClientOptions } from '@tutti/net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { BreakingLink, type Outage } from './breaking-link.ts';
import { instantClock, netErrorOf, provenBytes, readAll } from './net-bench.ts';

const KiB = 1024;
const BYTES = provenBytes(2048 * KiB);
/** Where the link breaks. */
const BREAK = 1024 * KiB;
const OUTAGES: readonly Outage[] = ['refused', 'reset', 'black-holed', 'dns'];

let origin: Origin;
let link: BreakingLink;
/** Requests that the origin had when the link broke. */
let requestsBeforeBreak: number;

beforeEach(async () => {
  origin = await startOrigin();
  origin.put('/a.mp3', BYTES);
  link = await BreakingLink.to(origin.port);
});
afterEach(async () => {
  await link[Symbol.asyncDispose]();
  await origin[Symbol.asyncDispose]();
});

const REQUEST = () => ({ url: `http://origin.test:${link.port}/a.mp3`, kind: 'media' }) as const;
const clientOf = (options: HttpClientOptions) =>
  createHttpClient({ lookup: link.lookup, connectTimeoutMs: 100, firstByteTimeoutMs: 100, idleTimeoutMs: 100, ...options });

/** Reads a body whose link breaks in the middle; `whenDown` is called when it has. */
async function readBroken(body: HttpBody, outage: Outage, whenDown: () => void): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const part of body.chunks) {
    parts.push(part);
    if (length < BREAK && length + part.length >= BREAK) {
      await link.goDown(outage);
      requestsBeforeBreak = origin.requests.length;
      whenDown();
    }
    length += part.length;
  }
  return new Uint8Array(Buffer.concat(parts));
}

/** Once the link had broken, the origin was never asked again for what the client had. */
function expectNothingRestarted(): void {
  const starts = origin.requests
    .slice(requestsBeforeBreak)
    .map(({ range }) => Number(/^bytes=(\d+)-/.exec(range ?? 'bytes=0-')![1]));
  expect(starts.length).toBeGreaterThan(0);
  for (const start of starts) expect(start).toBeGreaterThanOrEqual(BREAK);
}

describe.each(OUTAGES)('an origin that is %s in the middle of a body', (outage) => {
  test.each([500, 2000])('for %i ms: the body goes on where it was', async (outageMs) => {
    origin.configure({ bytesPerSecond: 40_000 * KiB });
    await using client = clientOf({ retry: { baseMs: 10, capMs: 100 } });
    const offsets: number[] = [];
    client.on((event) => event.type === 'healed' && offsets.push(event.offset));
    const cameUp = Promise.withResolvers<void>();
    const whenDown = () => setTimeout(() => void link.comeUp().then(cameUp.resolve, cameUp.reject), outageMs);
    const bytes = await readBroken(await client.open(REQUEST()), outage, whenDown);
    await cameUp.promise;
    expect(Buffer.compare(bytes, BYTES)).toBe(0);
    expect(Math.min(...offsets)).toBeGreaterThanOrEqual(BREAK);
    expectNothingRestarted();
  });

  test.each([10_000, 60_000])('for %i ms of an injected clock, with the waits of production', async (outageMs) => {
    origin.configure({ bytesPerSecond: 40_000 * KiB });
    const clock = instantClock();
    let downSinceMs = Number.POSITIVE_INFINITY;
    await using client = clientOf({
      random: () => 0.5,
      clock: {
        nowMs: () => clock.nowMs(),
        sleep: async (delayMs, signal) => {
          await clock.sleep(delayMs, signal);
          if (clock.nowMs() - downSinceMs >= outageMs) await link.comeUp();
        },
      },
    });
    const body = await client.open(REQUEST());
    const bytes = await readBroken(body, outage, () => (downSinceMs = clock.nowMs()));
    expect(Buffer.compare(bytes, BYTES)).toBe(0);
    expect(clock.nowMs()).toBeGreaterThanOrEqual(outageMs);
    expectNothingRestarted();
  });
});

test('an outage longer than outageMs ends the body, with the failure and the number of attempts', async () => {
  const clock = instantClock();
  await using client = clientOf({ clock, random: () => 0.5, retry: { outageMs: 20_000 } });
  const body = await client.open(REQUEST());
  const error = await netErrorOf(readBroken(body, 'refused', () => undefined));
  expect(error).toMatchObject({ code: 'net/connect-failed', isRecoverable: true });
  expect(error.attempts).toBeGreaterThan(6);
  expect(clock.nowMs()).toBeGreaterThan(15_000);
  expect(clock.nowMs()).toBeLessThan(20_000);
});

test('who asks for something new hears after five retries; what plays already may wait longer', async () => {
  await link.goDown('refused');
  const clock = instantClock();
  await using client = clientOf({
    random: () => 0.5,
    clock: {
      nowMs: () => clock.nowMs(),
      sleep: async (delayMs, signal) => {
        await clock.sleep(delayMs, signal);
        if (clock.nowMs() > 30_000) await link.comeUp();
      },
    },
  });
  expect(await netErrorOf(client.open(REQUEST()))).toMatchObject({ code: 'net/connect-failed', attempts: 6 });
  expect(clock.nowMs()).toBeLessThan(8000);
  const body = await client.open({ ...REQUEST(), outlastsOutage: true });
  expect(Buffer.compare(await readAll(body), BYTES)).toBe(0);
});

test('a server that answers with errors is no outage: five retries are all', async () => {
  origin.configure({ fault: 'status', faultEvery: 1 });
  await using client = clientOf({ clock: instantClock() });
  const request = { ...REQUEST(), outlastsOutage: true };
  expect(await netErrorOf(client.open(request))).toMatchObject({ status: 503, attempts: 6 });
});
