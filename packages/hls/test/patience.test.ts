import { setImmediate } from 'node:timers/promises';
import { createHttpClient } from '@tutti/net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ThroughputEstimator } from '../src/index.ts';
import type { FetchTarget } from '../src/fetch-target.ts';
import { KeyRing } from '../src/keys.ts';
import { SegmentFetcher } from '../src/segment-fetch.ts';
import { HlsBench, putClear, readAll, SpanReading } from './hls-bench.ts';

let bench: HlsBench;
beforeEach(async () => {
  bench = await HlsBench.start();
});
afterEach(async () => {
  await bench[Symbol.asyncDispose]();
});

/** An origin that is there and refuses, for longer than the client asks by itself. */
const refusing = { fault: 'status', faultPath: '/a/s2.ts', faultEvery: 1 } as const;

it('a segment that fails is asked for again while its reader waits, with few requests', async () => {
  await using client = createHttpClient({ retry: { maxRetries: 0 } });
  const segments = putClear(bench.origin, 'a', 4);
  bench.origin.configure({ ...refusing, faultTimes: 2 });
  expect(await readAll(await bench.open('/a/list.m3u8', { client }))).toEqual(Buffer.concat(segments));
  expect(bench.paths.filter((path) => path === '/a/s2.ts')).toHaveLength(3);
});

it('whoever waits for a segment that fails is told so, and that it goes on', async () => {
  await using client = createHttpClient({ retry: { maxRetries: 0 } });
  const segments = putClear(bench.origin, 'a', 4);
  bench.origin.configure(refusing);
  const source = await bench.open('/a/list.m3u8', { client });
  const told = (): readonly string[] =>
    bench.events.map(({ type }) => type).filter((type) => type === 'buffering' || type === 'playing');
  for await (const span of source.spans({ startSeconds: 0 })) {
    await using reading = new SpanReading(span);
    await reading.reached(segments[0]!.length + segments[1]!.length);
    // The reader tells where it stands on another line than the bytes: what it says comes by and by.
    while (told().at(-1) !== 'buffering') await setImmediate();
    bench.origin.configure({ faultEvery: 0 });
    expect(await reading.end()).toEqual(Buffer.concat(segments));
    while (told().at(-1) !== 'playing') await setImmediate();
  }
  expect(told()).toEqual(told().map((_, index) => (index % 2 === 0 ? 'buffering' : 'playing')));
});

describe('a segment that is let rest after a failure', () => {
  /** Longer than any test. */
  const aDayMs = 86_400_000;

  /** A fetcher that has delivered once, and is patient from then on. */
  async function patientFetcher(): Promise<{ readonly fetcher: SegmentFetcher; readonly target: FetchTarget }> {
    const segments = putClear(bench.origin, 'a', 4);
    const asset = bench.keep(await bench.store.asset(bench.origin.url('/a/list.m3u8')));
    const client = bench.keep(createHttpClient({ retry: { maxRetries: 0 } }));
    const cache = { asset, client, onRequest: () => {} };
    const fetcher = new SegmentFetcher({
      ...cache,
      keys: new KeyRing(cache),
      throughput: new ThroughputEstimator(),
      patienceMs: 2 * aDayMs,
      firstRestMs: aDayMs,
      onBytes: () => {},
    });
    const target = (index: number): FetchTarget => ({
      name: `segment ${index}`,
      uri: bench.origin.url(`/a/s${index}.ts`),
      range: undefined,
      key: undefined,
      mediaSequence: index,
    });
    expect(await fetcher.complete(target(0), { priority: 'demand' })).toBe(segments[0]!.length);
    return { fetcher, target: target(2) };
  }

  it('is asked for at once when somebody demands it anew', async () => {
    const { fetcher, target } = await patientFetcher();
    bench.origin.configure({ ...refusing, faultTimes: 1 });
    const ahead = await fetcher.acquire(target, { priority: 'prefetch' });
    const isCommitted = (): boolean => ahead.resource.state === 'committed';
    while (!isCommitted()) {
      await (await fetcher.acquire(target, { priority: 'demand' })).release();
      await setImmediate();
    }
    await ahead.release();
    expect(bench.paths.filter((path) => path === '/a/s2.ts')).toHaveLength(2);
  });

  it('is not asked for again because somebody fetches it ahead as well, and its rest ends with the last who wants it', async () => {
    const { fetcher, target } = await patientFetcher();
    bench.origin.configure(refusing);
    const leases = [await fetcher.acquire(target, { priority: 'prefetch' })];
    while (bench.paths.at(-1) !== '/a/s2.ts') await setImmediate();
    await bench.origin.idle();
    for (let count = 0; count < 20; count += 1) leases.push(await fetcher.acquire(target, { priority: 'prefetch' }));
    await Promise.all(leases.map((lease) => lease.release()));
    expect(bench.paths.filter((path) => path === '/a/s2.ts')).toHaveLength(1);
  });
});

it('when patience ends the reader fails with what the origin said, after everything before it', async () => {
  await using client = createHttpClient({ retry: { maxRetries: 0 } });
  const segments = putClear(bench.origin, 'a', 4);
  bench.origin.configure(refusing);
  const source = await bench.open('/a/list.m3u8', { client, segmentPatienceMs: 0 });
  for await (const span of source.spans({ startSeconds: 0 })) {
    await using reading = new SpanReading(span);
    await expect(reading.end()).rejects.toMatchObject({ code: 'net/status' });
    expect(reading.bytes).toEqual(Buffer.concat(segments.slice(0, 2)));
  }
});

it('the first segment is not waited for: nothing plays that could go on', async () => {
  await using client = createHttpClient({ retry: { maxRetries: 0 } });
  putClear(bench.origin, 'a', 4);
  bench.origin.configure({ ...refusing, faultPath: '/a/s0.ts' });
  await expect(readAll(await bench.open('/a/list.m3u8', { client }))).rejects.toMatchObject({ code: 'net/status' });
  expect(bench.paths.filter((path) => path === '/a/s0.ts')).toHaveLength(1);
});

it('fetches ahead by bytes, and always one segment', async () => {
  putClear(bench.origin, 'a', 6);
  using gate = bench.origin.gate('/a/s2.ts', 10);
  const source = await bench.open('/a/list.m3u8', { lookAheadBytes: 1 });
  for await (const span of source.spans({ startSeconds: 0 })) {
    await using reading = new SpanReading(span);
    await gate.reached();
    await reading.reached(6000);
    expect(bench.paths).not.toContain('/a/s3.ts');
    gate.release();
    await reading.end();
  }
});

it('fetches nothing ahead of the first segment before sound is out', async () => {
  const segments = putClear(bench.origin, 'a', 3);
  // The whole segment but its end: the decoder has enough to begin with, and nothing else is under way.
  using gate = bench.origin.gate('/a/s0.ts', 2999);
  const source = await bench.open('/a/list.m3u8');
  for await (const span of source.spans({ startSeconds: 0 })) {
    await using reading = new SpanReading(span);
    await gate.reached();
    await reading.reached(2999);
    expect(bench.paths).toEqual(['/a/list.m3u8', '/a/s0.ts']);
    source.startFill?.();
    gate.release();
    expect(await reading.end()).toEqual(Buffer.concat(segments));
  }
});
