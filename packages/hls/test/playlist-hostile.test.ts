import { readdir, readFile } from 'node:fs/promises';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { HlsError } from '../src/hls-error.ts';
import { parsePlaylist } from '../src/playlist/playlist.ts';

const url = 'https://media.test/a/list.m3u8?token=secret';
const sets = new URL('../../../fixtures/media/hls/', import.meta.url);
const paths = (await readdir(sets, { recursive: true })).filter((path) => path.endsWith('.m3u8')).sort();
const originals = await Promise.all(paths.map((path) => readFile(new URL(path, sets))));

const EVERYTHING = Buffer.from(
  [
    '#EXTM3U',
    '#EXT-X-DEFINE:NAME="a",VALUE="x"',
    '#EXT-X-DEFINE:QUERYPARAM="token"',
    '#EXT-X-TARGETDURATION:6',
    '#EXT-X-MEDIA-SEQUENCE:7',
    '#EXT-X-DISCONTINUITY-SEQUENCE:2',
    '#EXT-X-START:TIME-OFFSET=-3.5',
    '#EXT-X-KEY:METHOD=AES-128,URI="k?{$a}",IV=0x0123456789abcdef0123456789abcdef,KEYFORMAT="identity"',
    '#EXT-X-MAP:URI="i.mp4",BYTERANGE="600@0"',
    '#EXTINF:6.006,Für Élise',
    '#EXT-X-BYTERANGE:100@600',
    "it's {$a}.mp4",
    '#EXT-X-DISCONTINUITY',
    '#EXT-X-GAP',
    '#EXT-X-PROGRAM-DATE-TIME:2026-01-02T03:04:05Z',
    '#EXTINF:6,',
    '#EXT-X-BYTERANGE:100',
    "it's {$a}.mp4",
    '#EXT-X-ENDLIST',
  ].join('\r\n'),
);

interface Mutation {
  readonly kind: 'delete' | 'repeat' | 'replace' | 'move';
  /** Shares of the length. */
  readonly at: number;
  readonly to: number;
  readonly length: number;
  readonly bytes: Uint8Array;
}

const share = fc.double({ min: 0, max: 1, noNaN: true });
const mutation: fc.Arbitrary<Mutation> = fc.record({
  kind: fc.constantFrom('delete', 'repeat', 'replace', 'move'),
  at: share,
  to: share,
  length: fc.nat(40),
  bytes: fc.oneof(
    fc.uint8Array({ maxLength: 6 }),
    fc
      .constantFrom(
        '"',
        ',',
        '\n',
        '\r',
        '=',
        '@',
        '#',
        '{$a}',
        '{$',
        '\n#EXTINF:',
        '-',
        '1e999',
        '99999999999999999999',
        '\0',
        '😀',
      )
      .map((text) => Buffer.from(text)),
  ),
});

function mutate(playlist: Uint8Array, { at, bytes, kind, length, to }: Mutation): Buffer {
  const start = Math.floor(at * playlist.length);
  const piece = playlist.subarray(start, start + length);
  const [before, after] = [playlist.subarray(0, start), playlist.subarray(start + length)];
  if (kind === 'delete') return Buffer.concat([before, after]);
  if (kind === 'repeat') return Buffer.concat([before, piece, piece, after]);
  if (kind === 'replace') return Buffer.concat([before, bytes, after]);
  const rest = Buffer.concat([before, after]);
  const target = Math.floor(to * rest.length);
  return Buffer.concat([rest.subarray(0, target), piece, rest.subarray(target)]);
}

function failure(bytes: Uint8Array): HlsError {
  try {
    parsePlaylist(bytes, { url });
  } catch (error) {
    if (error instanceof HlsError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

it('gives a playlist or an HlsError for whatever becomes of a playlist on its way', () => {
  fc.assert(
    fc.property(
      fc.constantFrom(EVERYTHING, ...originals),
      fc.array(mutation, { minLength: 1, maxLength: 8 }),
      (original, mutations) => {
        const bytes = mutations.reduce<Uint8Array>(mutate, original);
        try {
          const playlist = parsePlaylist(bytes, { url });
          if (playlist.kind === 'multivariant') return;
          for (const { durationSeconds, mediaSequence, range, startSeconds, uri } of playlist.segments) {
            expect(uri).toMatch(/^https?:\/\//u);
            expect(durationSeconds).toBeGreaterThanOrEqual(0);
            expect(Number.isFinite(startSeconds)).toBe(true);
            expect(Number.isSafeInteger(mediaSequence)).toBe(true);
            if (range !== undefined) expect(range.end).toBeGreaterThan(range.start);
          }
        } catch (error) {
          if (!(error instanceof HlsError)) throw error;
          expect(error.message).not.toContain('secret');
          expect(error.code).toMatch(/^hls\/(?:bad-playlist|not-a-playlist|too-large)$/u);
          if (error.code === 'hls/bad-playlist') expect(error.line).toBeGreaterThan(0);
        }
      },
    ),
    { numRuns: 3000 },
  );
});

describe('limits', () => {
  it('refuses more than a million segments, naming the line', () => {
    expect(failure(Buffer.from(`#EXTM3U\n#EXT-X-TARGETDURATION:1\n${'a\n'.repeat(1_000_001)}`))).toMatchObject({
      code: 'hls/too-large',
      line: 1_000_003,
    });
  });

  it('refuses variables that are made of each other without end', () => {
    const defines = Array.from({ length: 60 }, (_, index) => {
      const value = index === 0 ? 'x'.repeat(100) : `{$v${index - 1}}{$v${index - 1}}`;
      return `#EXT-X-DEFINE:NAME="v${index}",VALUE="${value}"`;
    });
    const error = failure(Buffer.from(['#EXTM3U', '#EXT-X-TARGETDURATION:1', ...defines, '#EXTINF:1,', '{$v59}'].join('\n')));
    expect(error).toMatchObject({ code: 'hls/too-large' });
    expect(error.line).toBeGreaterThan(3);
  });

  it('overlooks a million lines that mean nothing', () => {
    const playlist = parsePlaylist(
      Buffer.from(`#EXTM3U\n${'#EXT-X-NEW:1\n'.repeat(1_000_000)}#EXT-X-TARGETDURATION:1\n#EXTINF:1,\na.ts\n#EXT-X-ENDLIST\n`),
      { url },
    );
    expect(playlist).toMatchObject({ kind: 'media', isEnded: true, segments: [{ line: 1_000_004 }] });
  });
});
