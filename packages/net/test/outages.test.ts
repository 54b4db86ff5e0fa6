import { type Origin, startOrigin } from '@tutti/fixtures';
import { createHttpClient, type HttpClient, type HttpClientOptions } from '@tutti/net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { BreakingLink, type Outage } from '@tutti/fixtures';
import { instantClock, netErrorOf, provenBytes, readAll } from './net-bench.ts';

const KiB = 1024;
const BYTES = provenBytes(2048 * KiB);
/** Where the link breaks. */
const BREAK = 1024 * KiB;
const OUTAGES: readonly Outage[] = ['refused', 'reset', 'black-holed', 'dns'];

let origin: Origin;
let link: BreakingLink;

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
  createHttpClient({ lookup: link.lookup, connectTimeoutMs: 200, firstByteTimeoutMs: 200, idleTimeoutMs: 100, ...options });

/** Reads a body whose link breaks in the middle; `whenDown` is called when it has. */
async function readBroken(client: HttpClient, outage: Outage, whenDown: () => void): Promise<Uint8Array> {
  // What follows the break is not on its way yet when the link goes down.
  using gate = origin.gate('/a.mp3', BREAK);
  const body = await client.open(REQUEST());
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const part of body.chunks) {
    parts.push(part);
    if (length < BREAK && length + part.length >= BREAK) {
      await link.goDown(outage);
      gate.release();
      whenDown();
    }
    length += part.length;
  }
  return new Uint8Array(Buffer.concat(parts));
}

/** The origin was never asked again for what the client had. */
function expectNothingRestarted(): void {
  // The opening asks for the whole, without a range; what heals asks for the rest.
  const healing = origin.requests.flatMap(({ range }) => (range === undefined ? [] : [Number(/^bytes=(\d+)-$/.exec(range)?.[1])]));
  expect(healing.length).toBeGreaterThan(0);
  for (const start of healing) expect(start).toBeGreaterThanOrEqual(BREAK);
}

describe.each(OUTAGES)('an origin that is %s in the middle of a body', (outage) => {
  test.each([500, 2000])('for %i ms: the body goes on where it was', async (outageMs) => {
    await using client = clientOf({ retry: { baseMs: 10, capMs: 100 } });
    const offsets: number[] = [];
    client.on((event) => event.type === 'healed' && offsets.push(event.offset));
    const cameUp = Promise.withResolvers<void>();
    const whenDown = () => setTimeout(() => void link.comeUp().then(cameUp.resolve, cameUp.reject), outageMs);
    const bytes = await readBroken(client, outage, whenDown);
    await cameUp.promise;
    expect(Buffer.compare(bytes, BYTES)).toBe(0);
    expect(Math.min(...offsets)).toBeGreaterThanOrEqual(BREAK);
    expectNothingRestarted();
  });

  test.each([10_000, 60_000])('for %i ms of an injected clock, with the waits of production', async (outageMs) => {
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
    const bytes = await readBroken(client, outage, () => (downSinceMs = clock.nowMs()));
    expect(Buffer.compare(bytes, BYTES)).toBe(0);
    expect(clock.nowMs()).toBeGreaterThanOrEqual(outageMs);
    expectNothingRestarted();
  });
});

test('an outage longer than outageMs ends the body, with the failure and the number of attempts', async () => {
  const clock = instantClock();
  await using client = clientOf({ clock, random: () => 0.5, retry: { outageMs: 20_000 } });
  const error = await netErrorOf(readBroken(client, 'refused', () => undefined));
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
