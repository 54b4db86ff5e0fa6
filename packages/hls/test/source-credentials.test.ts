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
