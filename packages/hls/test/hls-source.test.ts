import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { HlsError, openHls } from '../src/index.ts';
import { HlsBench, noise, putClear, readAll, readSpans, SpanReading, vod } from './hls-bench.ts';

let bench: HlsBench;
beforeEach(async () => {
  bench = await HlsBench.start();
});
afterEach(async () => {
  await bench[Symbol.asyncDispose]();
});

describe('a media playlist as input', () => {
  it('plays every segment in order with one request each, and counts them', async () => {
    const segments = putClear(bench.origin, 'a');
    const source = await bench.open('/a/list.m3u8');
    expect(bench.paths).toEqual(['/a/list.m3u8']);
    expect(source).toMatchObject({ kind: 'hls', durationSeconds: 20, variants: [{ bandwidth: 0 }] });
    expect(await readAll(source)).toEqual(Buffer.concat(segments));
    expect(bench.paths.toSorted()).toEqual(['/a/list.m3u8', '/a/s0.ts', '/a/s1.ts', '/a/s2.ts', '/a/s3.ts', '/a/s4.ts']);
    expect(source.counters).toEqual({ networkBytes: Buffer.concat(segments).length, cachedBytes: 0, requestCount: 6 });
  });

  it('entered in the middle, offers the first segment by itself, and fetches it only when it is read', async () => {
    const segments = putClear(bench.origin, 'a');
    const source = await bench.open('/a/list.m3u8');
    for await (const { opening } of source.spans({ startSeconds: 1 })) expect(opening).toBeUndefined();
    for await (const span of source.spans({ startSeconds: 13 })) {
      expect(span).toMatchObject({ startSeconds: 8, timeline: 0, opening: { startSeconds: 0, offsetSeconds: 0, timeline: 0 } });
      expect(bench.paths).toEqual(['/a/list.m3u8']);
      await using reading = new SpanReading(span.opening!);
      expect(await reading.end()).toEqual(segments[0]);
    }
    expect(bench.paths).toEqual(['/a/list.m3u8', '/a/s0.ts']);
    await source.fill();
    const offline = await bench.openOffline('/a/list.m3u8');
    for await (const { opening } of offline.spans({ startSeconds: 13 })) expect(opening).toBeDefined();
    const asset = bench.keep(await bench.store.asset(bench.origin.url('/a/list.m3u8')));
    await asset.discard(asset.key('segments', bench.origin.url('/a/s0.ts')));
    for await (const { opening } of offline.spans({ startSeconds: 13 })) expect(opening).toBeUndefined();
  });

  it('plays the same bytes offline after the origin is gone, and asks only for the playlist when it is back', async () => {
    const segments = putClear(bench.origin, 'a');
    await readAll(await bench.open('/a/list.m3u8'));
    await bench.origin.stop();
    const offline = await bench.openOffline('/a/list.m3u8');
    expect(await readAll(offline)).toEqual(Buffer.concat(segments));
    expect(offline.counters).toEqual({ networkBytes: 0, cachedBytes: Buffer.concat(segments).length, requestCount: 0 });
    await bench.origin.restart();
    bench.origin.resetLog();
    expect(await readAll(await bench.open('/a/list.m3u8'))).toEqual(Buffer.concat(segments));
    expect(bench.paths).toEqual(['/a/list.m3u8']);
  });

  it('plays from the cache when the origin is gone though there is a client', async () => {
    const segments = putClear(bench.origin, 'a', 2);
    await readAll(await bench.open('/a/list.m3u8'));
    await bench.origin.stop();
    expect(await readAll(await bench.open('/a/list.m3u8', { refreshPatienceMs: 50 }))).toEqual(Buffer.concat(segments));
  });

  it('plays from the cache when the origin takes the question and never answers', async () => {
    const segments = putClear(bench.origin, 'a', 2);
    await readAll(await bench.open('/a/list.m3u8'));
    using gate = bench.origin.gate('/a/list.m3u8', 0);
    expect(await readAll(await bench.open('/a/list.m3u8', { refreshPatienceMs: 50 }))).toEqual(Buffer.concat(segments));
    await gate.reached();
  });

  it.each([
    ['is gone', (): void => bench.origin.configure({ fault: 'status', faultStatus: 404, faultEvery: 1 }), /404/u],
    ['is a captive portal', (): void => bench.origin.put('/a/list.m3u8', '<html>Log in</html>', 'text/html'), /web page/u],
  ])('plays by the stored playlist, and says so, when the one at the origin %s', async (_, spoil, reason) => {
    const segments = putClear(bench.origin, 'a', 2);
    const first = await bench.open('/a/list.m3u8');
    await readAll(first);
    await first.close();
    spoil();
    expect(await readAll(await bench.open('/a/list.m3u8'))).toEqual(Buffer.concat(segments));
    const [stale] = bench.events.filter(({ type }) => type === 'playlist-stale');
    expect(stale).toEqual({ type: 'playlist-stale', url: bench.origin.url('/a/list.m3u8'), reason: expect.stringMatching(reason) });
  });

  it('says that it is not cached when offline for the first time', async () => {
    putClear(bench.origin, 'a');
    await expect(bench.openOffline('/a/list.m3u8')).rejects.toMatchObject({ code: 'assets/not-cached' });
    await bench.open('/a/list.m3u8');
    await expect(readAll(await bench.openOffline('/a/list.m3u8'))).rejects.toMatchObject({ code: 'assets/not-cached' });
    expect(bench.paths).toEqual(['/a/list.m3u8']);
  });

  it('is stored once it was filled or closed, though it is given before', async () => {
    const segments = putClear(bench.origin, 'a', 2);
    await (await bench.open('/a/list.m3u8')).fill();
    expect(await readAll(await bench.open('/a/list.m3u8', { client: undefined }))).toEqual(Buffer.concat(segments));
    putClear(bench.origin, 'b', 2);
    const durationSeconds = 8;
    await (await bench.open('/b/list.m3u8')).close();
    expect(await bench.open('/b/list.m3u8', { client: undefined })).toMatchObject({ durationSeconds });
  });

  it('fetches segments of one file by their byte ranges', async () => {
    const file = noise('file', 10_000);
    bench.origin.put('/b/all.aac', file);
    bench.origin.put(
      '/b/list.m3u8',
      vod(['#EXTINF:4,', '#EXT-X-BYTERANGE:4000@100', 'all.aac', '#EXTINF:4,', '#EXT-X-BYTERANGE:5900', 'all.aac']),
    );
    expect(await readAll(await bench.open('/b/list.m3u8'))).toEqual(file.subarray(100));
    expect(bench.origin.requests.map(({ range }) => range).slice(1)).toEqual(['bytes=100-4099', 'bytes=4100-9999']);
  });

  it('puts each init section before its segments and ends a span where another begins', async () => {
    for (const name of ['i1', 'i2', 'a', 'b', 'c']) bench.origin.put(`/m/${name}.mp4`, noise(name));
    bench.origin.put(
      '/m/list.m3u8',
      vod([
        '#EXT-X-MAP:URI="i1.mp4"',
        '#EXTINF:4,',
        'a.mp4',
        '#EXTINF:4,',
        'b.mp4',
        '#EXT-X-DISCONTINUITY',
        '#EXT-X-MAP:URI="i2.mp4"',
        '#EXTINF:4,',
        'c.mp4',
      ]),
    );
    const spans = await readSpans(await bench.open('/m/list.m3u8'));
    expect(spans.map(({ bytes }) => bytes)).toEqual([
      Buffer.concat([noise('i1'), noise('a'), noise('b')]),
      Buffer.concat([noise('i2'), noise('c')]),
    ]);
    expect(spans.map(({ span }) => [span.startSeconds, span.durationSeconds, span.hint.segmentFormat])).toEqual([
      [0, 8, 'fmp4'],
      [8, 4, 'fmp4'],
    ]);
  });

  it('gives silence of the right length for gaps, without asking for them', async () => {
    for (const name of ['a', 'd']) bench.origin.put(`/g/${name}.ts`, noise(name));
    bench.origin.put(
      '/g/list.m3u8',
      vod(['#EXTINF:4,', 'a.ts', '#EXT-X-GAP', '#EXTINF:3,', 'b.ts', '#EXT-X-GAP', '#EXTINF:2.5,', 'c.ts', '#EXTINF:4,', 'd.ts']),
    );
    const spans = await readSpans(await bench.open('/g/list.m3u8'));
    expect(spans.map(({ span }) => [span.isGap, span.startSeconds, span.durationSeconds])).toEqual([
      [false, 0, 4],
      [true, 4, 5.5],
      [false, 9.5, 4],
    ]);
    expect(bench.paths.toSorted()).toEqual(['/g/a.ts', '/g/d.ts', '/g/list.m3u8']);
  });

  it.each([
    ['mpeg-ts', Buffer.concat([Buffer.from([0x47]), noise('x')])],
    ['packed-audio', Buffer.concat([Buffer.from('ID3'), noise('x')])],
    ['packed-audio', Buffer.concat([Buffer.from([0xff, 0xf1]), noise('x')])],
    ['fmp4', Buffer.concat([Buffer.from('\0\0\0\u0018ftyp', 'latin1'), noise('x')])],
  ])('finds out by the first bytes that segments without a telling name are %s, with one request', async (format, bytes) => {
    bench.origin.put('/n/seg', bytes);
    bench.origin.put('/n/list.m3u8', vod(['#EXTINF:4,', 'seg']));
    const [span] = await readSpans(await bench.open('/n/list.m3u8'));
    expect(span?.span.hint.segmentFormat).toBe(format);
    expect(span?.bytes).toEqual(bytes);
    expect(bench.paths).toEqual(['/n/list.m3u8', '/n/seg']);
  });
});

describe('seeking', () => {
  it('begins one segment before the one that is wanted and says where the position lies', async () => {
    const segments = putClear(bench.origin, 'a', 6);
    const source = await bench.open('/a/list.m3u8');
    bench.origin.resetLog();
    const [first] = await readSpans(source, 13.5);
    expect(first?.span).toMatchObject({ startSeconds: 8, offsetSeconds: 5.5, durationSeconds: 16 });
    expect(first?.bytes).toEqual(Buffer.concat(segments.slice(2)));
    expect(bench.paths[0]).toBe('/a/s2.ts');
    expect(bench.paths).not.toContain('/a/s0.ts');
  });

  it('has nothing before the first segment, and nothing to play at the end', async () => {
    putClear(bench.origin, 'a', 2);
    const source = await bench.open('/a/list.m3u8');
    const [first] = await readSpans(source, 1);
    expect(first?.span).toMatchObject({ startSeconds: 0, offsetSeconds: 1 });
    expect(await readSpans(source, 8)).toEqual([]);
  });

  it('lands inside a gap', async () => {
    bench.origin.put('/g/b.ts', noise('b'));
    bench.origin.put('/g/list.m3u8', vod(['#EXT-X-GAP', '#EXTINF:4,', 'a.ts', '#EXTINF:4,', 'b.ts']));
    const spans = await readSpans(await bench.open('/g/list.m3u8'), 3);
    expect(spans.map(({ span }) => [span.isGap, span.startSeconds, span.offsetSeconds, span.durationSeconds])).toEqual([
      [true, 0, 3, 4],
      [false, 4, 0, 4],
    ]);
  });
});

describe('trouble', () => {
  it('takes a withheld segment for neither end nor failure', async () => {
    const segments = putClear(bench.origin, 'a', 3);
    using gate = bench.origin.gate('/a/s1.ts', 1000);
    const source = await bench.open('/a/list.m3u8');
    for await (const span of source.spans({ startSeconds: 0 })) {
      await using reading = new SpanReading(span);
      await gate.reached();
      await reading.reached(segments[0]!.length + 1000);
      expect(reading.isEnded).toBe(false);
      gate.release();
      expect(await reading.end()).toEqual(Buffer.concat(segments));
    }
    expect(bench.events.map(({ type }) => type)).toContain('buffering');
  });

  it('heals resets in the middle of segments', async () => {
    const segments = Array.from({ length: 4 }, (_, index) => noise(`long ${index}`, 60_000));
    for (const [index, bytes] of segments.entries()) bench.origin.put(`/l/s${index}.ts`, bytes);
    bench.origin.put('/l/list.m3u8', vod(segments.flatMap((_, index) => ['#EXTINF:4,', `s${index}.ts`])));
    bench.origin.configure({ fault: 'reset', faultPath: '.ts', faultEvery: 2, faultAfterBytes: 20_000 });
    expect(await readAll(await bench.open('/l/list.m3u8'))).toEqual(Buffer.concat(segments));
    expect(bench.paths.filter((path) => path.endsWith('.ts')).length).toBeGreaterThan(4);
  });

  it('fails typed, naming the sequence number, where a segment is missing, after playing what is before', async () => {
    const a = noise('a');
    bench.origin.put('/x/a.ts', a);
    bench.origin.put(
      '/x/list.m3u8',
      vod(['#EXTINF:4,', 'a.ts', '#EXTINF:4,', 'nowhere.ts?token=secret'], ['#EXT-X-MEDIA-SEQUENCE:41']),
    );
    const source = await bench.open('/x/list.m3u8');
    for await (const span of source.spans({ startSeconds: 0 })) {
      await using reading = new SpanReading(span);
      const error: unknown = await reading.end().catch((reason: unknown) => reason);
      expect(error).toMatchObject({ name: 'HlsError', code: 'hls/segment-missing' });
      expect(String(error)).toMatch(/segment 42 \(http:\/\/127\.0\.0\.1:\d+\/x\/nowhere\.ts\)/u);
      expect(String(error)).not.toContain('secret');
      expect(reading.bytes).toEqual(a);
    }
  });

  it('stops fetching ahead when the reader is far behind', async () => {
    putClear(bench.origin, 'a', 30);
    const source = await bench.open('/a/list.m3u8', { lookAheadSeconds: 12 });
    using gate = bench.origin.gate('/a/s1.ts', 10);
    for await (const span of source.spans({ startSeconds: 0 })) {
      const reading = new SpanReading(span);
      await gate.reached();
      await reading[Symbol.asyncDispose]();
      break;
    }
    expect(bench.paths.length).toBeLessThanOrEqual(1 + 1 + 4);
  });

  it.each([
    ['hls/no-segments', vod([])],
    ['hls/not-a-playlist', '<!DOCTYPE html><title>Please log in</title>'],
    ['hls/live', '#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXTINF:4,\ns0.ts\n'],
    [
      'hls/unsupported-encryption',
      vod(['#EXT-X-KEY:METHOD=SAMPLE-AES,URI="skd://k",KEYFORMAT="com.apple.streamingkeydelivery"', '#EXTINF:4,', 's0.ts']),
    ],
    ['hls/unsupported-encryption', vod(['#EXT-X-KEY:METHOD=AES-128,URI="k",KEYFORMAT="com.widevine"', '#EXTINF:4,', 's0.ts'])],
  ])('refuses to open: %s', async (code, body) => {
    bench.origin.put('/t/list.m3u8', body, 'application/vnd.apple.mpegurl');
    const error: unknown = await bench.open('/t/list.m3u8?token=secret').catch((reason: unknown) => reason);
    expect(error).toMatchObject({ name: 'HlsError', code });
    expect(String(error)).not.toContain('secret');
    expect(bench.paths).toEqual(['/t/list.m3u8']);
    expect((await bench.files()).filter((file) => file.includes('segments'))).toEqual([]);
  });

  it('does not store what is no playlist', async () => {
    bench.origin.put('/t/list.m3u8', 'garbage', 'application/vnd.apple.mpegurl');
    await expect(bench.open('/t/list.m3u8')).rejects.toThrow(HlsError);
    await expect(bench.openOffline('/t/list.m3u8')).rejects.toMatchObject({ code: 'assets/not-cached' });
  });

  it('continues a segment that an earlier run left half, and starts it again when it has changed', async () => {
    for (const hasChanged of [false, true]) {
      const name = hasChanged ? 'changed' : 'same';
      const segments = [...putClear(bench.origin, name, 2)];
      const long = noise(name, 400_000);
      bench.origin.put(`/${name}/s1.ts`, long);
      using gate = bench.origin.gate(`/${name}/s1.ts`, 200_000);
      const source = await bench.open(`/${name}/list.m3u8`);
      for await (const span of source.spans({ startSeconds: 0 })) {
        await using reading = new SpanReading(span);
        await gate.reached();
        await reading.reached(segments[0]!.length + 150_000);
        break;
      }
      gate.release();
      const other = noise('other', 300_000);
      if (hasChanged) bench.origin.put(`/${name}/s1.ts`, other);
      bench.origin.resetLog();
      expect(await readAll(await bench.open(`/${name}/list.m3u8`))).toEqual(
        Buffer.concat([segments[0]!, hasChanged ? other : long]),
      );
      const again = bench.origin.requests.filter(({ target }) => target.endsWith('s1.ts'));
      expect(again[0]?.range).toMatch(/^bytes=[12]\d{5}-/u);
      expect(again).toHaveLength(hasChanged ? 2 : 1);
    }
  });

  it('stores nothing secret in names and gives none in events', async () => {
    const [segment] = putClear(bench.origin, 'q', 1);
    bench.origin.put('/q/list.m3u8', vod(['#EXTINF:4,', 's0.ts?sig=topsecret']));
    expect(await readAll(await bench.open('/q/list.m3u8?user=topsecret'))).toEqual(segment);
    expect((await bench.files()).join('\n')).not.toContain('topsecret');
    expect(JSON.stringify(bench.events)).not.toContain('topsecret');
    await bench.origin.stop();
    expect(await readAll(await bench.openOffline('/q/list.m3u8?user=another'))).toEqual(segment);
  });

  it('ends an opening by its signal, and refuses to play when closed', async () => {
    putClear(bench.origin, 'a', 1);
    const url = bench.origin.url('/a/list.m3u8');
    await using asset = await bench.store.asset(url);
    const reason = new Error('enough');
    await expect(openHls({ url, asset, client: bench.client, signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    const source = await bench.open('/a/list.m3u8');
    await source.close();
    await expect(readSpans(source)).rejects.toMatchObject({ code: 'hls/closed' });
  });
});
