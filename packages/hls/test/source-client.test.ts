import { startOrigin } from '@tutti/fixtures';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { HlsBench, putClear, readAll, vod } from './hls-bench.ts';

const authorization = `Basic ${Buffer.from('listener:p@ss').toString('base64')}`;

let bench: HlsBench;
beforeEach(async () => {
  bench = await HlsBench.start();
});
afterEach(async () => {
  await bench[Symbol.asyncDispose]();
});

it('credentials in the URL go with every request to its origin', async () => {
  const segments = putClear(bench.origin, 'a');
  bench.origin.configure({ requiredHeader: `authorization: ${authorization}` });
  const url = bench.origin.url('/a/list.m3u8').replace('//', '//listener:p%40ss@');
  expect(await readAll(await bench.open(url))).toEqual(Buffer.concat(segments));
  expect(bench.origin.requests).toHaveLength(6);
});

it('another origin that the playlist names does not get them', async () => {
  await using other = await startOrigin();
  const segments = putClear(other, 'a', 2);
  bench.origin.put('/b/list.m3u8', vod(['s0.ts', 's1.ts'].flatMap((name) => ['#EXTINF:4,', other.url(`/a/${name}`)])));
  const url = bench.origin.url('/b/list.m3u8').replace('//', '//listener:p%40ss@');
  expect(await readAll(await bench.open(url))).toEqual(Buffer.concat(segments));
  expect(bench.origin.requests.map(({ headers }) => headers.authorization)).toEqual([authorization]);
  expect(other.requests.map(({ headers }) => headers.authorization)).toEqual([undefined, undefined]);
});

it('a cookie that the playlist sets goes with its segments, and with nothing of another presentation', async () => {
  putClear(bench.origin, 'a', 2);
  putClear(bench.origin, 'b', 2);
  bench.origin.configure({ setCookies: ['session=42; Path=/'] });
  await readAll(await bench.open('/a/list.m3u8'));
  expect(bench.origin.requests.map(({ headers }) => headers.cookie)).toEqual([undefined, 'session=42', 'session=42']);
  bench.origin.resetLog();
  await readAll(await bench.open('/b/list.m3u8'));
  expect(bench.origin.requests[0]?.headers.cookie).toBeUndefined();
});

it('once a segment has come, the next ones wait until the origin is back', async () => {
  const segments = putClear(bench.origin, 'a', 4);
  using gate = bench.origin.gate('/a/s1.ts', 10);
  const reading = readAll(await bench.open('/a/list.m3u8', { lookAheadSeconds: 4 }));
  await gate.reached();
  const client = bench.client;
  const gaveUp = new Promise<void>((resolve) => {
    // More refusals than a new request would take.
    let refusals = 0;
    client.on((event) => {
      if (event.type === 'retry' && ++refusals === 7) resolve();
    });
  });
  await bench.origin.stop();
  await gaveUp;
  await bench.origin.restart();
  gate.release();
  expect(await reading).toEqual(Buffer.concat(segments));
});
