import { SharedTransferLimit } from '@tutti/stream';
import type { FillOptions } from '@tutti/stream';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ThroughputEstimator } from '../src/index.ts';
import { encrypt, HlsBench, noise, putClear, readAll, readSpans, SpanReading, vod } from './hls-bench.ts';

let bench: HlsBench;
beforeEach(async () => {
  bench = await HlsBench.start();
});
afterEach(async () => {
  await bench[Symbol.asyncDispose]();
});

function putMaster(lines: readonly string[]): void {
  bench.origin.put('/main.m3u8', ['#EXTM3U', ...lines, ''].join('\n'));
}

/** Three rungs of six segments; gives each one's segments. */
function putLadder(): Readonly<Record<'low' | 'middle' | 'high', readonly Buffer[]>> {
  putMaster([
    '#EXT-X-STREAM-INF:BANDWIDTH=256000,CODECS="mp4a.40.2"',
    'high/list.m3u8',
    '#EXT-X-STREAM-INF:BANDWIDTH=64000,CODECS="mp4a.40.2"',
    'low/list.m3u8',
    '#EXT-X-STREAM-INF:BANDWIDTH=128000,CODECS="mp4a.40.2"',
    'middle/list.m3u8',
  ]);
  return {
    low: putClear(bench.origin, 'low', 6),
    middle: putClear(bench.origin, 'middle', 6),
    high: putClear(bench.origin, 'high', 6),
  };
}

/** An estimator that has seen one steady transfer. */
function measured(bitsPerSecond: number): ThroughputEstimator {
  return new ThroughputEstimator({ rememberedBitsPerSecond: bitsPerSecond * 2 });
}

describe('choosing a variant', () => {
  it.each([
    ['auto', 64_000],
    ['lowest', 64_000],
    ['highest', 256_000],
    [200_000, 128_000],
    [1, 64_000],
  ] as const)('%s plays %d bits per second and loads no other playlist', async (variant, bandwidth) => {
    putLadder();
    const source = await bench.open('/main.m3u8', { variant });
    expect(source.variants.map((each) => each.bandwidth)).toEqual([64_000, 128_000, 256_000]);
    expect(source.selected).toEqual({ bandwidth, codecs: 'mp4a.40.2', rendition: undefined });
    expect(bench.paths).toHaveLength(2);
  });

  it('starts where a remembered estimate allows', async () => {
    putLadder();
    expect((await bench.open('/main.m3u8', { throughput: measured(170_000) })).selected.bandwidth).toBe(128_000);
  });

  it('plays the default audio rendition of the group that the variant names, and never the video', async () => {
    putMaster([
      '#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="a",NAME="Deutsch",AUTOSELECT=YES,URI="de/list.m3u8"',
      '#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="a",NAME="English",DEFAULT=YES,URI="en/list.m3u8"',
      '#EXT-X-STREAM-INF:BANDWIDTH=900000,CODECS="avc1.64001f",AUDIO="a"',
      'video1.m3u8',
      '#EXT-X-STREAM-INF:BANDWIDTH=2900000,CODECS="avc1.64001f,mp4a.40.2",AUDIO="a"',
      'video2.m3u8',
    ]);
    const segments = putClear(bench.origin, 'en', 2);
    const source = await bench.open('/main.m3u8');
    expect(source.variants).toHaveLength(1);
    expect(await readAll(source)).toEqual(Buffer.concat(segments));
    expect(bench.paths.some((path) => path.includes('video'))).toBe(false);
  });

  it.each([
    [{}, 'English'],
    [{ language: 'de' }, 'Deutsch'],
    [{ language: 'de-AT' }, 'Deutsch'],
    [{ language: 'EN', name: 'commentary' }, 'Commentary'],
    [{ language: 'en', channels: 2 }, 'English'],
    [{ language: 'en', channels: 6 }, 'Surround'],
    [{ language: 'fr' }, 'English'],
  ])('plays the audio rendition that fits %j: %s', async (audio, name) => {
    const rendition = (attributes: string, file: string): string =>
      `#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="a",${attributes},URI="${file}/list.m3u8"`;
    putMaster([
      rendition('NAME="Deutsch",LANGUAGE="de",AUTOSELECT=YES,CHANNELS="2"', 'Deutsch'),
      rendition('NAME="Surround",LANGUAGE="en-GB",CHANNELS="6"', 'Surround'),
      rendition('NAME="Commentary",LANGUAGE="en",CHANNELS="2"', 'Commentary'),
      rendition('NAME="English",LANGUAGE="en-GB",DEFAULT=YES,CHANNELS="2"', 'English'),
      '#EXT-X-STREAM-INF:BANDWIDTH=900000,CODECS="mp4a.40.2",AUDIO="a"',
      'video.m3u8',
    ]);
    putClear(bench.origin, name, 1);
    const source = await bench.open('/main.m3u8', { audio });
    expect(source.selected.rendition?.name).toBe(name);
    expect(bench.paths).toEqual(['/main.m3u8', `/${name}/list.m3u8`]);
  });

  it('asks for announced keys while the media playlist is on its way, and for each once', async () => {
    putMaster([
      '#EXT-X-SESSION-KEY:METHOD=AES-128,URI="key.bin?token=secret"',
      '#EXT-X-SESSION-KEY:METHOD=SAMPLE-AES,URI="skd://other",KEYFORMAT="com.apple.streamingkeydelivery"',
      '#EXT-X-STREAM-INF:BANDWIDTH=1,CODECS="mp4a.40.2"',
      'list.m3u8',
    ]);
    const key = noise('key', 16);
    bench.origin.put('/key.bin', key);
    bench.origin.put('/s0.ts', encrypt(noise('s0'), key, new Uint8Array(16)));
    bench.origin.put('/list.m3u8', vod(['#EXT-X-KEY:METHOD=AES-128,URI="key.bin?token=secret"', '#EXTINF:4,', 's0.ts']));
    using gate = bench.origin.gate('/list.m3u8', 1);
    using keyGate = bench.origin.gate('/key.bin', 1);
    const opening = bench.open('/main.m3u8');
    await Promise.all([gate.reached(), keyGate.reached()]);
    gate.release();
    keyGate.release();
    expect(await readAll(await opening)).toEqual(noise('s0'));
    expect(bench.paths.toSorted()).toEqual(['/key.bin', '/list.m3u8', '/main.m3u8', '/s0.ts']);
  });

  it('plays though an announced key cannot be had, and stops asking for it when it is closed', async () => {
    putMaster([
      '#EXT-X-SESSION-KEY:METHOD=AES-128,URI="nowhere.bin"',
      '#EXT-X-SESSION-KEY:METHOD=AES-128,URI="stuck.bin"',
      '#EXT-X-STREAM-INF:BANDWIDTH=1,CODECS="mp4a.40.2"',
      'clear/list.m3u8',
    ]);
    const segments = putClear(bench.origin, 'clear', 2);
    bench.origin.put('/stuck.bin', noise('key', 16));
    using gate = bench.origin.gate('/stuck.bin', 1);
    const source = await bench.open('/main.m3u8');
    await gate.reached();
    expect(await readAll(source)).toEqual(Buffer.concat(segments));
    await source.close();
  });

  it.each([
    ['#EXT-X-START:TIME-OFFSET=5.5', undefined, 5.5],
    [undefined, '#EXT-X-START:TIME-OFFSET=-6,PRECISE=YES', 2],
    ['#EXT-X-START:TIME-OFFSET=1', '#EXT-X-START:TIME-OFFSET=2', 1],
    [undefined, '#EXT-X-START:TIME-OFFSET=-100', 0],
    [undefined, '#EXT-X-START:TIME-OFFSET=100', undefined],
    [undefined, undefined, undefined],
  ])('tells where its author wants it to begin: %s over %s', async (inMaster, inMedia, seconds) => {
    putMaster([...(inMaster === undefined ? [] : [inMaster]), '#EXT-X-STREAM-INF:BANDWIDTH=1', 'list.m3u8']);
    bench.origin.put('/list.m3u8', vod(['#EXTINF:4,', 's0.ts', '#EXTINF:4,', 's1.ts'], inMedia === undefined ? [] : [inMedia]));
    expect((await bench.open('/main.m3u8')).preferredStartSeconds).toBe(seconds);
  });

  it.each(['mp4a.40.5', 'mp4a.40.05', 'MP4A.40.29', 'opus', 'Opus', 'avc1.64001f, Opus', 'fLaC'])(
    'plays codec %s',
    async (codecs) => {
      putMaster([`#EXT-X-STREAM-INF:BANDWIDTH=1000,CODECS="${codecs}"`, 'good/list.m3u8']);
      putClear(bench.origin, 'good', 1);
      expect((await bench.open('/main.m3u8')).selected.codecs).toBe(codecs);
      expect(bench.events.map(({ type }) => type)).toEqual(['variant']);
    },
  );

  it.each(['mp4a.40.42', 'MP4A.40.42', 'ec-3', 'AC-3', 'ac-4.02.01.00'])(
    'leaves out a variant of codec %s with an event',
    async (codec) => {
      putMaster([
        `#EXT-X-STREAM-INF:BANDWIDTH=1000,CODECS="${codec}"`,
        'bad/list.m3u8',
        '#EXT-X-STREAM-INF:BANDWIDTH=2000,CODECS="mp4a.40.2"',
        'good/list.m3u8',
      ]);
      putClear(bench.origin, 'good', 1);
      expect((await bench.open('/main.m3u8', { variant: 'lowest' })).selected.bandwidth).toBe(2000);
      expect(bench.events[0]).toMatchObject({ type: 'variant-skipped', bandwidth: 1000 });
      expect(JSON.stringify(bench.events[0])).toContain(codec);
    },
  );

  it('names the codecs when no variant is left', async () => {
    putMaster([
      '#EXT-X-STREAM-INF:BANDWIDTH=1,CODECS="mp4a.40.42"',
      'a.m3u8',
      '#EXT-X-STREAM-INF:BANDWIDTH=2,CODECS="avc1.4d401f,ec-3"',
      'b.m3u8',
      '#EXT-X-STREAM-INF:BANDWIDTH=3,CODECS="avc1.4d401f"',
      'c.m3u8',
    ]);
    await expect(bench.open('/main.m3u8')).rejects.toMatchObject({
      code: 'hls/no-playable-variant',
      message: expect.stringMatching(/mp4a\.40\.42.*ec-3.*no audio/u),
    });
    expect(bench.paths).toEqual(['/main.m3u8']);
  });

  it('skips broken variants with an event and plays the nearest that works', async () => {
    const { middle } = putLadder();
    bench.origin.put('/high/list.m3u8', '<html>oops</html>', 'application/vnd.apple.mpegurl');
    const source = await bench.open('/main.m3u8', { variant: 'highest' });
    expect(source.selected.bandwidth).toBe(128_000);
    expect(bench.events.map(({ type }) => type)).toEqual(['variant-skipped', 'variant']);
    expect(await readAll(source)).toEqual(Buffer.concat(middle));
  });

  it('fails with what all variants fail with', async () => {
    putLadder();
    for (const name of ['low', 'middle', 'high']) bench.origin.put(`/${name}/list.m3u8`, vod([]));
    bench.origin.put('/low/list.m3u8', 'x');
    await expect(bench.open('/main.m3u8')).rejects.toMatchObject({ code: 'hls/no-playable-variant' });
    bench.origin.put('/low/list.m3u8', vod([]));
    await expect(bench.open('/main.m3u8')).rejects.toMatchObject({ code: 'hls/no-segments' });
  });

  it('imports variables of the multivariant playlist into its media playlists', async () => {
    putMaster(['#EXT-X-DEFINE:NAME="file",VALUE="s0"', '#EXT-X-STREAM-INF:BANDWIDTH=1', '{$file}/list.m3u8']);
    bench.origin.put('/s0/list.m3u8', vod(['#EXT-X-DEFINE:IMPORT="file"', '#EXTINF:4,', '{$file}.ts']));
    bench.origin.put('/s0/s0.ts', noise('s0'));
    expect(await readAll(await bench.open('/main.m3u8'))).toEqual(noise('s0'));
  });
});

describe('switching', () => {
  it('goes up at a segment boundary: a new span, one segment of pre-roll, no segment of the old variant twice', async () => {
    const { high, low } = putLadder();
    const throughput = new ThroughputEstimator();
    const source = await bench.open('/main.m3u8', { throughput, lookAheadSeconds: 8 });
    expect(source.selected.bandwidth).toBe(64_000);
    bench.events.length = 0;
    feedAfter(throughput, '/low/s2.ts', 10_000_000);
    const spans = await readSpans(source);
    expect(spans).toHaveLength(2);
    const [before, after] = spans;
    const switched = before!.span.durationSeconds! / 4;
    expect(switched).toBeGreaterThanOrEqual(3);
    expect(before?.bytes).toEqual(Buffer.concat(low.slice(0, switched)));
    expect(after?.bytes).toEqual(Buffer.concat(high.slice(switched - 1)));
    expect(after?.span).toMatchObject({ startSeconds: (switched - 1) * 4, offsetSeconds: 4 });
    expect(bench.events.filter(({ type }) => type.startsWith('variant'))).toMatchObject([
      { type: 'variant-decided', bandwidth: 256_000, reason: 'up' },
      { type: 'variant', bandwidth: 256_000, reason: 'up' },
    ]);
    expect(source.selected.bandwidth).toBe(256_000);
    expect(new Set(bench.paths).size).toBe(bench.paths.length);
  });

  it('goes down at once when the line gets slow', async () => {
    putLadder();
    const throughput = measured(10_000_000);
    const source = await bench.open('/main.m3u8', { throughput });
    expect(source.selected.bandwidth).toBe(256_000);
    feed(throughput, 90_000);
    const spans = await readSpans(source);
    expect(spans[0]?.span.durationSeconds).toBe(4);
    expect(spans[1]?.span).toMatchObject({ startSeconds: 0, offsetSeconds: 4 });
    expect(source.selected.bandwidth).toBe(64_000);
  });

  it('stays with a variant that the user chose', async () => {
    putLadder();
    const throughput = new ThroughputEstimator();
    const source = await bench.open('/main.m3u8', { throughput, variant: 'lowest' });
    feed(throughput, 10_000_000);
    expect(await readSpans(source)).toHaveLength(1);
  });

  it('keeps to the limits of the user', async () => {
    putLadder();
    const throughput = measured(10_000_000);
    const source = await bench.open('/main.m3u8', { throughput, limits: { maxBitsPerSecond: 200_000 } });
    expect(source.selected.bandwidth).toBe(128_000);
    feed(throughput, 1000);
    await readSpans(source);
    expect(source.selected.bandwidth).toBe(64_000);
    const floored = await bench.open('/main.m3u8', { throughput, limits: { minBitsPerSecond: 100_000 } });
    await readSpans(floored);
    expect(floored.selected.bandwidth).toBe(128_000);
  });

  it('does not count what comes from the cache as throughput', async () => {
    putLadder();
    await readAll(await bench.open('/main.m3u8', { variant: 'lowest' }));
    const throughput = new ThroughputEstimator();
    await readAll(await bench.open('/main.m3u8', { variant: 'lowest', throughput }));
    expect(throughput.bitsPerSecond).toBeUndefined();
  });
});

describe('offline', () => {
  it('plays the best variant that is whole in the cache', async () => {
    const { low, middle } = putLadder();
    await readAll(await bench.open('/main.m3u8', { variant: 'lowest' }));
    await readAll(await bench.open('/main.m3u8', { variant: 128_000 }));
    const partly = await bench.open('/main.m3u8', { variant: 'highest', lookAheadSeconds: 4 });
    for await (const span of partly.spans({ startSeconds: 0 })) {
      await using reading = new SpanReading(span);
      await reading.reached(3000);
      break;
    }
    await bench.origin.stop();
    expect(await readAll(await bench.openOffline('/main.m3u8'))).toEqual(Buffer.concat(middle));
    expect(await readAll(await bench.openOffline('/main.m3u8', { variant: 'lowest' }))).toEqual(Buffer.concat(low));
  });
});

describe('offline after a run that switched', () => {
  it('switches at the same boundary, gives the same bytes, and starts in the middle of either part', async () => {
    const { high, low } = putLadder();
    const throughput = new ThroughputEstimator();
    const online = await bench.open('/main.m3u8', { throughput, lookAheadSeconds: 8 });
    feedAfter(throughput, '/low/s2.ts', 10_000_000);
    const played = await readSpans(online);
    expect(played).toHaveLength(2);
    await bench.origin.stop();
    const offline = await bench.openOffline('/main.m3u8');
    expect(offline.selected.bandwidth).toBe(64_000);
    const again = await readSpans(offline);
    expect(again.map(({ bytes }) => bytes)).toEqual(played.map(({ bytes }) => bytes));
    expect(again.map(({ span }) => [span.startSeconds, span.offsetSeconds])).toEqual(
      played.map(({ span }) => [span.startSeconds, span.offsetSeconds]),
    );
    const [later] = await readSpans(offline, 21);
    expect(later?.bytes).toEqual(Buffer.concat(high.slice(4)));
    const [earlier] = await readSpans(offline, 1);
    expect(earlier?.bytes).toEqual(Buffer.concat(low.slice(0, played[0]!.span.durationSeconds! / 4)));
  });
});

describe('filling', () => {
  it('fetches the selected variant once, reports it complete, and nothing the second time', async () => {
    const { low } = putLadder();
    const source = await bench.open('/main.m3u8', { variant: 'lowest' });
    const progress: number[] = [];
    const counting: FillOptions = { onProgress: ({ doneResources }) => progress.push(doneResources) };
    const report = await source.fill(counting);
    const doneBytes = Buffer.concat(low).length;
    expect(report).toEqual({
      isComplete: true,
      missing: [],
      doneBytes,
      totalBytes: doneBytes,
      doneResources: 6,
      totalResources: 6,
    });
    expect(progress).toEqual([1, 2, 3, 4, 5, 6]);
    expect(bench.paths).toHaveLength(2 + 6);
    expect(bench.events.at(-1)).toEqual({ type: 'complete' });
    expect(await (await bench.open('/main.m3u8', { variant: 'lowest' })).fill()).toMatchObject({ isComplete: true });
    expect(bench.paths).toHaveLength(2 + 6 + 2);
    await bench.origin.stop();
    expect(await readAll(await bench.openOffline('/main.m3u8'))).toEqual(Buffer.concat(low));
  });

  it('fetches all variants when asked to', async () => {
    putLadder();
    const report = await (await bench.open('/main.m3u8')).fill({ variants: 'all' });
    expect(report).toMatchObject({ isComplete: true, doneResources: 18 });
  });

  it('lists exactly what is missing, without secrets, and keeps the rest', async () => {
    const segments = putClear(bench.origin, 'a', 4);
    const lines = segments.flatMap((_, index) => ['#EXTINF:4,', index === 2 ? 'gone.ts?token=secret' : `s${index}.ts`]);
    bench.origin.put('/a/list.m3u8', vod(lines));
    const report = await (await bench.open('/a/list.m3u8')).fill({ limit: new SharedTransferLimit(2).ranked(0) });
    expect(report).toMatchObject({ isComplete: false, doneResources: 3, totalResources: 4, totalBytes: undefined });
    expect(report.missing).toEqual([expect.stringMatching(/^segment 2 \(http:.*\/a\/gone\.ts\) does not exist/u)]);
    expect(report.missing.join()).not.toContain('secret');
    expect((await bench.files()).filter((file) => file.includes('/segments/'))).toHaveLength(3);
    const offline = await (await bench.openOffline('/a/list.m3u8')).fill();
    expect(offline.missing).toHaveLength(1);
  });

  it('stops on abort with the reason', async () => {
    putClear(bench.origin, 'a', 4);
    using gate = bench.origin.gate('/a/s1.ts', 10);
    const source = await bench.open('/a/list.m3u8');
    const controller = new AbortController();
    const filling = source.fill({ signal: controller.signal });
    await gate.reached();
    const reason = new Error('enough');
    controller.abort(reason);
    await expect(filling).rejects.toBe(reason);
  });
});

/** Makes the estimator believe in a line of so many bits per second, whatever the loopback gives. */
function feed(throughput: ThroughputEstimator, bitsPerSecond: number): void {
  Object.defineProperty(throughput, 'bitsPerSecond', { value: bitsPerSecond });
}

/** The same, but only once `path` was asked for: nothing is known before. */
function feedAfter(throughput: ThroughputEstimator, path: string, bitsPerSecond: number): void {
  Object.defineProperty(throughput, 'bitsPerSecond', { get: () => (bench.paths.includes(path) ? bitsPerSecond : undefined) });
}
