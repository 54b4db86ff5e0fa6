import { createHttpClient } from '@tutti/net';
import { afterEach, beforeEach, expect, it } from 'vitest';
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
  const waited = bench.events.findIndex((event) => event.type === 'buffering' && event.startSeconds === 8);
  expect(bench.events[waited + 1]).toEqual({ type: 'playing' });
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
