import * as fc from 'fast-check';
import { getOptions } from 'hls-parser';
import { describe, expect, it } from 'vitest';
import { HlsError } from '../src/hls-error.ts';
import { parsePlaylist } from '../src/playlist/playlist.ts';
import type { MediaPlaylist, MultivariantPlaylist, ParsePlaylistOptions } from '../src/playlist/playlist.ts';

const url = 'https://media.test/a/list.m3u8?token=secret';

function parse(text: string | Uint8Array, options: Partial<ParsePlaylistOptions> = {}): MediaPlaylist | MultivariantPlaylist {
  return parsePlaylist(typeof text === 'string' ? Buffer.from(text) : text, { url, ...options });
}

function media(lines: string | readonly string[], options: Partial<ParsePlaylistOptions> = {}): MediaPlaylist {
  const text =
    typeof lines === 'string' ? lines : ['#EXTM3U', '#EXT-X-TARGETDURATION:6', ...lines, '#EXT-X-ENDLIST', ''].join('\n');
  const playlist = parse(text, options);
  if (playlist.kind !== 'media') throw new Error('not a media playlist');
  return playlist;
}

function multivariant(lines: readonly string[]): MultivariantPlaylist {
  const playlist = parse(['#EXTM3U', ...lines].join('\n'));
  if (playlist.kind !== 'multivariant') throw new Error('not a multivariant playlist');
  return playlist;
}

function failure(action: () => unknown): HlsError {
  try {
    action();
  } catch (error) {
    if (error instanceof HlsError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

describe('media playlist', () => {
  it('gives absolute URIs, durations, start times and media sequence numbers', () => {
    const playlist = media(['#EXT-X-MEDIA-SEQUENCE:7', '#EXTINF:5.5,', 's7.ts', '#EXTINF:6,', '/b/s8.ts?x=1']);
    expect(playlist).toMatchObject({
      targetDurationSeconds: 6,
      mediaSequence: 7,
      isEnded: true,
      durationSeconds: 11.5,
      type: undefined,
    });
    expect(playlist.segments).toMatchObject([
      { uri: 'https://media.test/a/s7.ts', durationSeconds: 5.5, startSeconds: 0, mediaSequence: 7, line: 5 },
      { uri: 'https://media.test/b/s8.ts?x=1', durationSeconds: 6, startSeconds: 5.5, mediaSequence: 8, line: 7 },
    ]);
  });

  it('keeps titles that are not ASCII', () => {
    expect(media(['#EXTINF:4,Für Élise — 音楽 %E4', 's.aac']).segments[0]?.title).toBe('Für Élise — 音楽 %E4');
  });

  it.each(['\n', '\r\n', '\r'])('reads lines that end in %j, after a byte order mark', (newline) => {
    const text = `\uFEFF${['#EXTM3U', '#EXT-X-TARGETDURATION:6', '#EXTINF:6,one', 'a.ts', '', '#EXTINF:6,', 'b.ts', '#EXT-X-ENDLIST'].join(newline)}`;
    const playlist = media(text);
    expect(playlist.segments.map((segment) => [segment.uri, segment.line])).toEqual([
      ['https://media.test/a/a.ts', 4],
      ['https://media.test/a/b.ts', 7],
    ]);
    expect(playlist.isEnded).toBe(true);
  });

  it('makes no segment out of tags behind the last URI', () => {
    const playlist = media(['#EXTINF:6,', 'a.ts', '#EXT-X-DISCONTINUITY', '#EXTINF:6,', '#EXT-X-BYTERANGE:10']);
    expect(playlist.segments).toHaveLength(1);
    expect(playlist.warnings).toHaveLength(1);
  });

  it('continues a byte range without offset behind the last one of the same resource', () => {
    const playlist = media([
      '#EXTINF:6,',
      '#EXT-X-BYTERANGE:100@20',
      'one.mp4',
      '#EXTINF:6,',
      '#EXT-X-BYTERANGE:50',
      'one.mp4',
      '#EXTINF:6,',
      '#EXT-X-BYTERANGE:7',
      'two.mp4',
      '#EXTINF:6,',
      '#EXT-X-BYTERANGE:5',
      'one.mp4',
      '#EXTINF:6,',
      'three.mp4',
    ]);
    expect(playlist.segments.map((segment) => segment.range)).toEqual([
      { start: 20, end: 120 },
      { start: 120, end: 170 },
      { start: 0, end: 7 },
      { start: 170, end: 175 },
      undefined,
    ]);
    expect(playlist.warnings.map((warning) => warning.line)).toEqual([10]);
  });

  it('gives every segment the init section above it, whose range begins at 0 without an offset', () => {
    const playlist = media([
      '#EXT-X-MAP:URI="i1.mp4",BYTERANGE="600"',
      '#EXTINF:6,',
      'a.m4s',
      '#EXTINF:6,',
      'b.m4s',
      '#EXT-X-MAP:URI="i2.mp4",BYTERANGE="600@30"',
      '#EXT-X-DISCONTINUITY',
      '#EXTINF:6,',
      'c.m4s',
    ]);
    const [a, b, c] = playlist.segments;
    expect(a?.map).toEqual({ uri: 'https://media.test/a/i1.mp4', range: { start: 0, end: 600 }, key: undefined });
    expect(b?.map).toBe(a?.map);
    expect(c?.map?.range).toEqual({ start: 30, end: 630 });
    expect(playlist.segments.map((segment) => segment.isDiscontinuity)).toEqual([false, false, true]);
    expect(playlist.segments.map((segment) => segment.discontinuitySequence)).toEqual([0, 0, 1]);
  });

  it('keeps apostrophes and commas of quoted attributes', () => {
    const playlist = media([
      `#EXT-X-MAP:URI="it's,here.mp4"`,
      '#EXTINF:6,',
      "o'clock.m4s",
      `#EXT-X-KEY:METHOD=AES-128,URI="k'.bin",IV=0x1`,
      '#EXTINF:6,',
      'b',
    ]);
    expect(playlist.segments[0]).toMatchObject({
      uri: "https://media.test/a/o'clock.m4s",
      map: { uri: "https://media.test/a/it's,here.mp4" },
    });
    expect(playlist.segments[1]?.key?.uri).toBe("https://media.test/a/k'.bin");
  });

  it('chooses the identity key among several formats and lists them all', () => {
    const playlist = media([
      '#EXT-X-KEY:METHOD=SAMPLE-AES,URI="skd://x",KEYFORMAT="com.apple.streamingkeydelivery"',
      '#EXT-X-KEY:METHOD=AES-128,URI="k1",KEYFORMAT="identity",IV=0x000102030405060708090a0b0c0d0e0f',
      '#EXTINF:6,',
      'a',
      '#EXT-X-KEY:METHOD=AES-128,URI="k2"',
      '#EXTINF:6,',
      'b',
      '#EXT-X-KEY:METHOD=NONE',
      '#EXTINF:6,',
      'c',
    ]);
    const [a, b, c] = playlist.segments;
    expect(a?.key).toMatchObject({ method: 'AES-128', uri: 'https://media.test/a/k1', keyFormat: 'identity' });
    expect(Buffer.from(a?.key?.iv ?? []).toString('hex')).toBe('000102030405060708090a0b0c0d0e0f');
    expect(a?.keys.map((key) => key.keyFormat)).toEqual(['com.apple.streamingkeydelivery', 'identity']);
    expect(b?.key).toMatchObject({ uri: 'https://media.test/a/k2', iv: undefined });
    expect(c?.key).toBeUndefined();
  });

  it('takes the key of an init section from where EXT-X-MAP stands', () => {
    const [a] = media([
      '#EXT-X-KEY:METHOD=AES-128,URI="k1",IV=0x1',
      '#EXT-X-MAP:URI="i.mp4"',
      '#EXT-X-KEY:METHOD=AES-128,URI="k2"',
      '#EXTINF:6,',
      'a',
    ]).segments;
    expect(a?.map?.key?.uri).toBe('https://media.test/a/k1');
    expect(a?.key?.uri).toBe('https://media.test/a/k2');
  });

  it('marks gaps and program date times, and leaves out dates that are none', () => {
    const playlist = media([
      '#EXT-X-GAP',
      '#EXT-X-PROGRAM-DATE-TIME:2026-01-02T03:04:05Z',
      '#EXTINF:6,',
      'a',
      '#EXT-X-PROGRAM-DATE-TIME:soon',
      '#EXTINF:6,',
      'b',
    ]);
    expect(playlist.segments.map((segment) => segment.isGap)).toEqual([true, false]);
    expect(playlist.segments.map((segment) => segment.programDateTime?.toISOString())).toEqual([
      '2026-01-02T03:04:05.000Z',
      undefined,
    ]);
  });

  it('uses the target duration where EXTINF is missing or no number, and says so', () => {
    const playlist = media(['a.ts', '#EXTINF:abc,', 'b.ts', '#EXTINF:-1,', 'c.ts']);
    expect(playlist.segments.map((segment) => segment.durationSeconds)).toEqual([6, 6, 6]);
    expect(playlist.warnings.map((warning) => warning.line)).toEqual([3, 4, 6]);
  });

  it.each([
    ['#EXT-X-KEY:URI="k"', 'METHOD'],
    ['#EXT-X-KEY:METHOD=AES-128', 'URI'],
    ['#EXT-X-KEY:METHOD=AES-128,URI="k",IV=0xZZ', 'IV'],
    ['#EXT-X-MAP:BYTERANGE="1@1"', 'URI'],
    ['#EXT-X-BYTERANGE:x@1', 'byte range'],
    ['#EXT-X-BYTERANGE:0@1', 'byte range'],
    ['#EXT-X-DEFINE:VALUE="x"', 'EXT-X-DEFINE'],
  ])('names the line of %s', (tag, problem) => {
    const error = failure(() => media(['#EXTINF:6,', 'first.ts', tag, '#EXTINF:6,', 'a.ts']));
    expect(error).toMatchObject({ code: 'hls/bad-playlist', line: 5 });
    expect(error.message).toContain(`https://media.test/a/list.m3u8, line 5: `);
    expect(error.message).toContain(problem);
    expect(error.message).not.toContain('secret');
  });

  it('refuses addresses that are not http(s)', () => {
    expect(failure(() => media(['#EXTINF:6,', 'file:///etc/passwd']))).toMatchObject({ code: 'hls/bad-playlist', line: 4 });
  });
});

describe('variables', () => {
  it('replaces defined names in URIs and attributes', () => {
    const playlist = media([
      '#EXT-X-DEFINE:NAME="dir",VALUE="x/y"',
      '#EXT-X-MAP:URI="{$dir}/i.mp4"',
      '#EXTINF:6,{$dir}',
      '{$dir}/{$dir}.m4s',
    ]);
    expect(playlist.segments[0]).toMatchObject({
      uri: 'https://media.test/a/x/y/x/y.m4s',
      map: { uri: 'https://media.test/a/x/y/i.mp4' },
      title: '{$dir}',
    });
  });

  it('imports from the multivariant playlist and reads query parameters', () => {
    const lines = [
      '#EXT-X-DEFINE:IMPORT="host"',
      '#EXT-X-DEFINE:QUERYPARAM="token"',
      '#EXTINF:6,',
      'https://{$host}/s.ts?t={$token}',
    ];
    const playlist = media(lines, { imports: new Map([['host', 'cdn.test']]) });
    expect(playlist.segments[0]?.uri).toBe('https://cdn.test/s.ts?t=secret');
  });

  it.each([
    ['#EXT-X-DEFINE:IMPORT="nope"', 3],
    ['#EXT-X-DEFINE:QUERYPARAM="nope"', 3],
    ['#EXT-X-MAP:URI="{$nope}"', 3],
  ])('fails at the line of %s', (tag, line) => {
    expect(failure(() => media([tag, '#EXTINF:6,', 'a.ts']))).toMatchObject({ code: 'hls/bad-playlist', line });
  });

  it('cannot smuggle lines in through a query parameter', () => {
    const playlist = media(['#EXT-X-DEFINE:QUERYPARAM="q"', '#EXTINF:6,', 's{$q}'], {
      url: 'https://media.test/l?q=%0Aevil.ts%0D',
    });
    expect(playlist.segments.map((segment) => segment.uri)).toEqual(['https://media.test/sevil.ts']);
  });
});

describe('multivariant playlist', () => {
  it('gives variants with absolute URIs, without I-frame variants', () => {
    const playlist = multivariant([
      '#EXT-X-STREAM-INF:BANDWIDTH=128000,AVERAGE-BANDWIDTH=120000,CODECS="mp4a.40.2",RESOLUTION=640x360',
      '# a comment',
      '#EXT-X-SOMETHING',
      'low/list.m3u8',
      '#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=1,URI="iframes.m3u8"',
      '#EXT-X-STREAM-INF:BANDWIDTH=256000',
      'high.m3u8',
    ]);
    expect(playlist.variants).toEqual([
      {
        uri: 'https://media.test/a/low/list.m3u8',
        bandwidth: 128000,
        averageBandwidth: 120000,
        codecs: 'mp4a.40.2',
        audioGroup: undefined,
        resolution: { width: 640, height: 360 },
        line: 2,
      },
      {
        uri: 'https://media.test/a/high.m3u8',
        bandwidth: 256000,
        averageBandwidth: undefined,
        codecs: undefined,
        audioGroup: undefined,
        resolution: undefined,
        line: 7,
      },
    ]);
  });

  it('gives the audio renditions of the groups that variants name', () => {
    const playlist = multivariant([
      `#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="aud",NAME="L'original",LANGUAGE="fr",DEFAULT=YES,URI="fr.m3u8",CHANNELS="2"`,
      '#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="aud",NAME="English",LANGUAGE="en",AUTOSELECT=YES',
      '#EXT-X-MEDIA:TYPE=SUBTITLES,GROUP-ID="aud",NAME="Text",URI="s.m3u8"',
      '#EXT-X-STREAM-INF:BANDWIDTH=1,AUDIO="aud"',
      'a.m3u8',
      '#EXT-X-STREAM-INF:BANDWIDTH=2,AUDIO="none"',
      'b.m3u8',
    ]);
    expect(playlist.renditions).toEqual([
      {
        groupId: 'aud',
        name: "L'original",
        language: 'fr',
        uri: 'https://media.test/a/fr.m3u8',
        isDefault: true,
        isAutoselect: true,
        channels: '2',
      },
      {
        groupId: 'aud',
        name: 'English',
        language: 'en',
        uri: undefined,
        isDefault: false,
        isAutoselect: true,
        channels: undefined,
      },
    ]);
    expect(playlist.variants.map((variant) => variant.audioGroup)).toEqual(['aud', undefined]);
  });

  it('refuses media playlist tags in a multivariant playlist, naming the line', () => {
    expect(failure(() => multivariant(['#EXT-X-STREAM-INF:BANDWIDTH=1', 'a.m3u8', '#EXTINF:6,', 's.ts']))).toMatchObject({
      code: 'hls/bad-playlist',
      line: 4,
    });
  });
});

describe('what is no playlist', () => {
  it.each([
    ['an HTML page', '<!doctype html><html><body>Log in</body></html>'],
    ['a plain list of URLs', 'https://a.test/1.mp3\nhttps://a.test/2.mp3\n'],
    ['is empty', ''],
    ['a plain M3U list', '#EXTM3U\n#EXTINF:123,Artist - Title\nhttps://a.test/1.mp3\n'],
    ['does not begin with #EXTM3U', '{"error": 403}'],
  ])('says that the body is %s', (what, body) => {
    const error = failure(() => parse(body));
    expect(error.code).toBe('hls/not-a-playlist');
    expect(error.message).toContain(what);
    expect(error.message).toContain('https://media.test/a/list.m3u8');
    expect(error.message).not.toContain('secret');
  });

  it('refuses more than 16 MiB before parsing', () => {
    expect(failure(() => parse(new Uint8Array(16 * 1024 * 1024 + 1))).code).toBe('hls/too-large');
  });

  it('throws nothing but HlsError for any lines, and leaves the library as it was', () => {
    const before = getOptions();
    const line = fc.oneof(
      fc.constantFrom(
        '#EXTINF:6,',
        '#EXTINF:',
        'a.ts',
        '#EXT-X-BYTERANGE:5',
        '#EXT-X-BYTERANGE:5@',
        '#EXT-X-MAP:URI="m"',
        '#EXT-X-MAP:URI=',
        '#EXT-X-KEY:METHOD=AES-128,URI="k"',
        '#EXT-X-KEY:METHOD=NONE',
        '#EXT-X-DISCONTINUITY',
        '#EXT-X-GAP',
        '#EXT-X-STREAM-INF:BANDWIDTH=x',
        '#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="a"',
        '#EXT-X-ENDLIST',
        '#EXT-X-DEFINE:NAME="a",VALUE="b"',
        '{$a}',
        '#EXT-X-TARGETDURATION:0',
        '#EXT-X-MEDIA-SEQUENCE:-1',
        '#EXT-X-PART:URI="x"',
        '#EXT-X-PREFETCH:x',
        '#EXT-X-SKIP:SKIPPED-SEGMENTS=3',
      ),
      fc.string({ unit: 'binary' }).map((text) => `#EXT-X-${text}`),
      fc.string({ unit: 'grapheme' }),
    );
    fc.assert(
      fc.property(fc.array(line, { maxLength: 30 }), fc.constantFrom('\n', '\r\n', '\r'), (lines, newline) => {
        try {
          const playlist = parse(['#EXTM3U', ...lines].join(newline));
          if (playlist.kind === 'media') {
            const uris = playlist.segments.map((segment) => new URL(segment.uri).protocol);
            expect(uris.every((protocol) => protocol === 'https:' || protocol === 'http:')).toBe(true);
            expect(
              playlist.segments.every((segment) => segment.durationSeconds >= 0 && Number.isFinite(segment.startSeconds)),
            ).toBe(true);
          }
        } catch (error) {
          expect(error).toBeInstanceOf(HlsError);
        }
      }),
      { numRuns: 2000 },
    );
    expect(getOptions()).toMatchObject(before);
  });
});
