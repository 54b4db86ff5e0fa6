import fc from 'fast-check';
import { type Origin, startOrigin } from '@tutti/fixtures';
import { createHttpClient, type HttpBody, NetError, type NetEvent } from '@tutti/net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Exchange } from '../src/exchange.ts';
import { RequestLimits, type RequestSlot } from '../src/request-limits.ts';
import { instantClock, netErrorOf, rawServer, readAll, trust } from './net-bench.ts';

describe.each(['http', 'h2'] as const)('over %s', (protocol) => {
  let origin: Origin;

  beforeEach(async () => {
    origin = await startOrigin({ protocol });
    for (const name of 'abcdefghijkl') origin.put(`/${name}.ts`, new Uint8Array(100_000));
  });
  afterEach(() => origin[Symbol.asyncDispose]());

  const segment = (name: string) => ({ url: origin.url(`/${name}.ts`), kind: 'segment' }) as const;
  const asked = () => origin.requests.map(({ target }) => target.slice(1, 2)).join('');

  describe('requests under way', () => {
    test('are six per origin; the seventh begins when one of them ends', async () => {
      const gate = origin.gate('.ts', 10);
      await using client = createHttpClient(trust(origin));
      const bodies = await Promise.all(['a', 'b', 'c', 'd', 'e', 'f'].map((name) => client.open(segment(name))));
      const seventh = client.open(segment('g'));
      await gate.reached();
      expect(origin.requests.length).toBe(6);
      await bodies[2]![Symbol.asyncDispose]();
      const late = await seventh;
      expect(asked()).toMatch(/^[a-f]{6}g$/);
      gate.release();
      for (const body of [...bodies.toSpliced(2, 1), late]) expect((await readAll(body)).length).toBe(100_000);
    });

    test('are bounded over all origins', async () => {
      await using second = await startOrigin({ protocol });
      second.put('/z.ts', 'z');
      await using client = createHttpClient({ ...trust(origin), totalRequests: 2 });
      const first = await client.open(segment('a'));
      const other = await client.open(segment('b'));
      const waiting = client.open({ url: second.url('/z.ts'), kind: 'segment' });
      await readAll(first);
      await waiting;
      expect(second.requests.length).toBe(1);
      await other[Symbol.asyncDispose]();
    });

    test('do not keep a key waiting, which those under way may wait for', async () => {
      origin.put('/key.bin', new Uint8Array(16));
      await using client = createHttpClient({ ...trust(origin), perOriginRequests: 1, totalRequests: 1 });
      const body = await client.open(segment('a'));
      const second = client.open(segment('b'));
      expect((await client.fetchWhole({ url: origin.url('/key.bin'), kind: 'key' })).bytes.length).toBe(16);
      await readAll(body);
      await readAll(await second);
      expect(origin.requests.map(({ target }) => target)).toEqual(['/a.ts', '/key.bin', '/b.ts']);
    });

    test('go by priority, and in order inside one', async () => {
      await using client = createHttpClient({ ...trust(origin), perOriginRequests: 1 });
      const first = await client.open(segment('a'));
      const waiting = [
        client.fetchWhole({ ...segment('b'), priority: 'warm' }),
        client.fetchWhole({ ...segment('c'), priority: 'prefetch' }),
        client.fetchWhole({ ...segment('d'), priority: 'prefetch' }),
        client.fetchWhole({ ...segment('e'), priority: 'demand' }),
        client.fetchWhole({ ...segment('f') }),
      ];
      await readAll(first);
      await Promise.all(waiting);
      expect(asked()).toBe('aefcdb');
    });

    test('a full origin does not hold up another', async () => {
      await using second = await startOrigin({ protocol });
      second.put('/z.ts', 'z');
      await using client = createHttpClient({ ...trust(origin), perOriginRequests: 1 });
      const held = await client.open(segment('a'));
      const waiting = client.fetchWhole(segment('b'));
      expect((await client.fetchWhole({ url: second.url('/z.ts'), kind: 'segment', priority: 'warm' })).bytes.length).toBe(1);
      await readAll(held);
      await waiting;
    });

    test('a redirect to another origin counts there', async () => {
      await using front = await startOrigin({ protocol });
      front.configure({ redirectPrefix: origin.baseUrl });
      await using client = createHttpClient({ ...trust(origin), perOriginRequests: 1 });
      const held = await client.open(segment('a'));
      const redirected = client.fetchWhole({ url: front.url('/b.ts'), kind: 'segment' });
      const again = client.fetchWhole({ url: front.url('/c.ts'), kind: 'segment' });
      await readAll(held);
      await Promise.all([redirected, again]);
      expect(asked()).toBe('abc');
    });
  });

  describe('cancelling', () => {
    test('breaking out of the chunks closes the connection and frees the slot', async () => {
      const gate = origin.gate('a.ts', 50_000);
      await using client = createHttpClient({ ...trust(origin), perOriginRequests: 1 });
      for await (const _chunk of (await client.open(segment('a'))).chunks) break;
      expect((await client.fetchWhole(segment('b'))).bytes.length).toBe(100_000);
      await origin.idle();
      expect(origin.requests[0]!.sentBytes).toBe(50_000);
      gate.release();
    });

    test('a body that is never read is let go by dispose', async () => {
      await using client = createHttpClient({ ...trust(origin), perOriginRequests: 1 });
      const body = await client.open(segment('a'));
      await body[Symbol.asyncDispose]();
      await client.fetchWhole(segment('b'));
      expect((await netErrorOf(readAll(body))).code).toBe('net/closed');
    });

    test('abort rejects the reading with the reason itself, frees the slot and closes the connection', async () => {
      const gate = origin.gate('a.ts', 50_000);
      await using client = createHttpClient({ ...trust(origin), perOriginRequests: 1 });
      const controller = new AbortController();
      const body = await client.open(segment('a'), { signal: controller.signal });
      const reading = readAll(body);
      await gate.reached();
      const reason = { why: 'stopped by the listener' };
      controller.abort(reason);
      await expect(reading).rejects.toBe(reason);
      await client.fetchWhole(segment('b'));
      await origin.idle();
      gate.release();
    });

    test('abort frees the slot also while nobody reads', async () => {
      const gate = origin.gate('a.ts', 50_000);
      await using client = createHttpClient({ ...trust(origin), perOriginRequests: 1 });
      const controller = new AbortController();
      const body = await client.open(segment('a'), { signal: controller.signal });
      controller.abort(new Error('enough'));
      await client.fetchWhole(segment('b'));
      await expect(readAll(body)).rejects.toThrow('enough');
      gate.release();
    });

    test('abort leaves the queue, and takes no turn', async () => {
      await using client = createHttpClient({ ...trust(origin), perOriginRequests: 1 });
      const held = await client.open(segment('a'));
      const controller = new AbortController();
      const waiting = client.open(segment('b'), { signal: controller.signal });
      const last = client.fetchWhole(segment('c'));
      controller.abort(new Error('not wanted'));
      await expect(waiting).rejects.toThrow('not wanted');
      await readAll(held);
      await last;
      expect(asked()).toBe('ac');
    });

    test('abort ends the wait for an answer that never comes, and the wait before a retry', async () => {
      await using hole = await rawServer((socket) => socket.once('data', () => controller.abort(new Error('no patience'))));
      const controller = new AbortController();
      await using client = createHttpClient(trust(origin));
      await expect(client.open({ url: hole.url, kind: 'media' }, { signal: controller.signal })).rejects.toThrow('no patience');

      origin.configure({ fault: 'status', faultEvery: 1, retryAfterSeconds: 50 });
      const second = new AbortController();
      using _ = client.on((event) => event.type === 'retry' && second.abort(new Error('no patience either')));
      await expect(client.open(segment('a'), { signal: second.signal })).rejects.toThrow('no patience either');
    });

    test('abort while the connection is still being made is felt at once, and closes it when it stands', async () => {
      let sent = 0;
      const exchange = new Exchange(() => {
        sent += 1;
      });
      const reason = new Error('no patience');
      exchange.abort(reason);
      await expect(exchange.head).rejects.toBe(reason);
      const aborted: Error[] = [];
      exchange.onRequestStart({
        aborted: false,
        paused: false,
        reason: null,
        abort: (why) => void aborted.push(why),
        pause: () => undefined,
        resume: () => undefined,
      });
      expect(aborted).toEqual([reason]);
      expect(sent).toBe(0);
    });

    test('an aborted signal sends nothing', async () => {
      await using client = createHttpClient(trust(origin));
      const signal = AbortSignal.abort(new Error('before'));
      await expect(client.open(segment('a'), { signal })).rejects.toThrow('before');
      await expect(client.fetchWhole(segment('a'), { signal })).rejects.toThrow('before');
      expect(origin.requests.length).toBe(0);
    });

    test('close ends bodies, waiting requests and later ones with net/closed', async () => {
      const gate = origin.gate('a.ts', 50_000);
      const client = createHttpClient({ ...trust(origin), perOriginRequests: 1 });
      const reading = netErrorOf(client.open(segment('a')).then(readAll));
      const waiting = netErrorOf(client.open(segment('b')));
      await gate.reached();
      await client.close();
      await client.close();
      expect((await reading).code).toBe('net/closed');
      expect((await waiting).code).toBe('net/closed');
      expect((await netErrorOf(client.open(segment('c')))).code).toBe('net/closed');
      await origin.idle();
      gate.release();
    });
  });

  test('many requests under one signal leave no listener behind and warn of none', async () => {
    const warnings: Error[] = [];
    const note = (warning: Error) => warnings.push(warning);
    process.on('warning', note);
    await using client = createHttpClient({ ...trust(origin), perOriginRequests: 3 });
    const { signal } = new AbortController();
    await Promise.all(Array.from({ length: 40 }, () => client.fetchWhole(segment('a'), { signal })));
    await new Promise((resolve) => setImmediate(resolve));
    process.off('warning', note);
    expect(origin.requests.length).toBe(40);
    expect(warnings).toEqual([]);
  });

  test('events tell of each answer and each body, and a listener that throws harms nobody', async () => {
    await using client = createHttpClient({ ...trust(origin), clock: instantClock() });
    const events: NetEvent[] = [];
    const seen = client.on((event) => events.push(event));
    client.on(() => {
      throw new Error('listener');
    });
    await client.fetchWhole(segment('a'));
    seen[Symbol.dispose]();
    await client.fetchWhole(segment('b'));
    expect(events).toMatchObject([
      { type: 'response', url: origin.url('/a.ts'), kind: 'segment', status: 200 },
      { type: 'body', url: origin.url('/a.ts'), kind: 'segment', bytes: 100_000 },
    ]);
  });

  test('a healed body goes before requests of its priority that wait', async () => {
    origin.configure({ fault: 'reset', faultPath: 'a.ts', faultEvery: 1, faultTimes: 1, faultAfterBytes: 50_000 });
    await using client = createHttpClient({ ...trust(origin), perOriginRequests: 1 });
    const body: HttpBody = await client.open(segment('a'));
    const waiting = [client.fetchWhole(segment('b')), client.fetchWhole(segment('c'))];
    expect((await readAll(body)).length).toBe(100_000);
    await Promise.all(waiting);
    expect(asked()).toMatch(/^aba?c?a?c?$/);
    expect(asked().indexOf('a', 1)).toBeLessThan(asked().indexOf('c'));
  });
});

test('limits hold for whatever is asked, released and aborted, and everything gets its turn', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 3 }),
      fc.integer({ min: 1, max: 4 }),
      fc.array(
        fc.record({
          origin: fc.constantFrom('x', 'y', 'z'),
          priority: fc.constantFrom('demand', 'prefetch', 'warm'),
          isAborted: fc.boolean(),
        }),
        {
          maxLength: 25,
        },
      ),
      async (perOrigin, total, wishes) => {
        const limits = new RequestLimits({ perOrigin, total });
        const held: RequestSlot[] = [];
        let turns = 0;
        const asking = wishes.map(async (wish) => {
          const controller = new AbortController();
          const granted = limits.acquire(wish.origin, { kind: 'segment', priority: wish.priority, signal: controller.signal });
          if (wish.isAborted) controller.abort(new Error('left'));
          const slot = await granted.catch(() => undefined);
          if (slot === undefined) return;
          turns += 1;
          held.push(slot);
          expect(held.length).toBeLessThanOrEqual(total);
          expect(held.filter((one) => one.origin === wish.origin).length).toBeLessThanOrEqual(perOrigin);
          await Promise.resolve();
          held.splice(held.indexOf(slot), 1);
          slot.release();
          slot.release();
        });
        await Promise.all(asking);
        expect(turns).toBeGreaterThanOrEqual(wishes.filter((wish) => !wish.isAborted).length);
      },
    ),
    { numRuns: 100 },
  );
});

test('NetError tells from its code alone whether it may pass', () => {
  const of = (code: NetError['code'], status?: number) =>
    new NetError(code, 'x', { url: 'x', ...(status === undefined ? {} : { status }) });
  expect(of('net/reset').isRecoverable).toBe(true);
  expect(of('net/status', 503).isRecoverable).toBe(true);
  expect(of('net/status', 400).isRecoverable).toBe(false);
  expect(of('net/unexpected-html').isRecoverable).toBe(false);
});
