/**
 * How fast a long encrypted playlist is read: the adapter beside the library under it (raw), hls.js and m3u8-parser.
 *
 * Each round runs every contender once, in turn, so that a busy machine is busy for all of them; medians are compared. Times
 * carry no meaning to another machine, ratios do. Every contender begins with the bytes, and has to find every segment.
 *
 * @module
 */
import { createRequire } from 'node:module';
import { parsePlaylist } from '@tutti/hls';
import { M3U8Parser } from 'hls.js';
import { Parser } from 'm3u8-parser';

const ROUNDS = 7;
const SEGMENT_COUNT = 100_000;
const PLAYLIST_URL = 'https://media.test/music/list.m3u8';

/** What is used of hls-parser: the same copy as the adapter's own. */
interface HlsParser {
  setOptions(options: { readonly silent: boolean; readonly strictMode: boolean }): void;
  parse(text: string): { readonly segments: readonly unknown[] };
}

interface Contender {
  readonly name: string;
  /** Parses and answers the number of segments. */
  readonly parse: (bytes: Uint8Array) => number;
}

/** Prints a table for each way of encrypting: milliseconds, and what the adapter takes of the others' time. */
export async function run(): Promise<void> {
  const hlsParser = createRequire(import.meta.resolve('@tutti/hls'))('hls-parser') as HlsParser;
  hlsParser.setOptions({ silent: true, strictMode: false });
  const contenders: readonly Contender[] = [
    { name: '@tutti/hls', parse: parseOurs },
    { name: 'hls-parser', parse: (bytes) => hlsParser.parse(textOf(bytes)).segments.length },
    { name: 'hls.js', parse: parseHlsJs },
    { name: 'm3u8-parser', parse: parseM3u8 },
  ];
  process.stdout.write(`medians of ${ROUNDS} rounds, Node ${process.version}; ratios below 1: the adapter is faster\n`);
  for (const [title, segmentsPerKey] of [
    ['an IV for each segment, a key for a hundred', 100],
    ['a key and an IV for each segment', 1],
  ] as const) {
    const bytes = playlist(segmentsPerKey);
    const times = measure(contenders, bytes);
    const [ours = 0] = times;
    process.stdout.write(`\n${SEGMENT_COUNT} segments, ${title} (${(bytes.length / 1e6).toFixed(1)} MB)\n\n`);
    process.stdout.write('| parser | ms | adapter to it |\n|---|---|---|\n');
    for (const [index, { name }] of contenders.entries()) {
      const timeMs = times[index] ?? 0;
      process.stdout.write(`| ${name} | ${timeMs.toFixed(0)} | ${(ours / timeMs).toFixed(2)} |\n`);
    }
  }
}

function playlist(segmentsPerKey: number): Uint8Array {
  const lines = ['#EXTM3U', '#EXT-X-VERSION:3', '#EXT-X-TARGETDURATION:4', '#EXT-X-MEDIA-SEQUENCE:0'];
  for (let index = 0; index < SEGMENT_COUNT; index += 1) {
    const key = Math.floor(index / segmentsPerKey);
    lines.push(
      `#EXT-X-KEY:METHOD=AES-128,URI="keys/${key}.key",IV=0x${index.toString(16).padStart(32, '0')}`,
      `#EXTINF:${(3.9 + (index % 10) / 100).toFixed(3)},`,
      `segments/segment-${index}.ts`,
    );
  }
  return Buffer.from([...lines, '#EXT-X-ENDLIST', ''].join('\n'));
}

/** Median milliseconds of each contender, after one round that does not count. */
function measure(contenders: readonly Contender[], bytes: Uint8Array): readonly number[] {
  const times = contenders.map((): number[] => []);
  for (let round = 0; round <= ROUNDS; round += 1) {
    for (const [index, { name, parse }] of contenders.entries()) {
      const startedMs = performance.now();
      const count = parse(bytes);
      const tookMs = performance.now() - startedMs;
      if (count !== SEGMENT_COUNT) throw new Error(`${name} found ${count} segments`);
      if (round > 0) times[index]?.push(tookMs);
    }
  }
  return times.map((values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0);
}

function parseOurs(bytes: Uint8Array): number {
  const parsed = parsePlaylist(bytes, { url: PLAYLIST_URL });
  return parsed.kind === 'media' ? parsed.segments.length : 0;
}

function parseHlsJs(bytes: Uint8Array): number {
  type Level = Parameters<typeof M3U8Parser.parseLevelPlaylist>[3];
  return M3U8Parser.parseLevelPlaylist(textOf(bytes), PLAYLIST_URL, 0, 'main' as Level, 0, null).fragments.length;
}

function parseM3u8(bytes: Uint8Array): number {
  const parser = new Parser();
  parser.push(textOf(bytes));
  parser.end();
  return parser.manifest.segments.length;
}

function textOf(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}
