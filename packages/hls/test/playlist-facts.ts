/** What three parsers say of one playlist, in one shape. */
import { M3U8Parser } from 'hls.js';
import { Parser } from 'm3u8-parser';
import type { RawAttributes } from 'm3u8-parser';
import type { MediaPlaylist, MultivariantPlaylist } from '../src/index.ts';

/** Where the compared playlists are said to be. */
export const PLAYLIST_URL = 'https://media.test/dir/list.m3u8';

/** Facts by the entry that they are about (`segment 3`, `variant https://…`), then by name. */
export type Facts = ReadonlyMap<string, Readonly<Record<string, string>>>;

interface Range {
  readonly start: number;
  readonly end: number;
}

interface Key {
  readonly format: string;
  readonly method: string;
  readonly uri: string;
  readonly iv: Uint8Array | undefined;
}

/** What the adapter says, with the names that `hlsJsFacts` gives. */
export function ourFacts(playlist: MediaPlaylist | MultivariantPlaylist): Facts {
  if (playlist.kind === 'multivariant') {
    return new Map([
      ...playlist.variants.map(({ bandwidth, codecs, uri }) => variantFacts({ uri, bandwidth, codecs })),
      ...playlist.renditions.map(renditionFacts),
    ]);
  }
  return new Map(
    playlist.segments.map((segment, index) => [
      `segment ${index}`,
      {
        uri: segment.uri,
        range: rangeText(segment.range),
        map: segment.map === undefined ? '' : `${segment.map.uri} ${rangeText(segment.map.range)}`,
        keys: keysText(segment.keys.map((key) => ({ ...key, format: key.keyFormat }))),
        sequence: String(segment.mediaSequence),
        discontinuity: String(segment.isDiscontinuity),
        timeline: String(segment.discontinuitySequence),
        gap: String(segment.isGap),
      },
    ]),
  );
}

export function hlsJsFacts(text: string): Facts {
  if (!M3U8Parser.isMediaPlaylist(text)) {
    const master = M3U8Parser.parseMasterPlaylist(text, PLAYLIST_URL);
    const media = M3U8Parser.parseMasterPlaylistMedia(text, PLAYLIST_URL, master);
    const groups = new Set(master.levels.map(({ attrs }) => attrs.AUDIO));
    return new Map([
      ...master.levels.map((level) => variantFacts({ uri: level.url, bandwidth: level.bitrate, codecs: level.attrs['CODECS'] })),
      ...(media.AUDIO ?? [])
        .filter(({ groupId }) => groups.has(groupId))
        .map((item) =>
          renditionFacts({
            groupId: item.groupId,
            name: item.name,
            language: item.lang,
            uri: item.url === '' ? undefined : item.url,
            isDefault: item.default,
            isAutoselect: item.autoselect || item.default,
          }),
        ),
    ]);
  }
  const level = M3U8Parser.parseLevelPlaylist(
    text,
    PLAYLIST_URL,
    0,
    'main' as Parameters<typeof M3U8Parser.parseLevelPlaylist>[3],
    0,
    null,
  );
  return new Map(
    level.fragments.map((fragment, index) => [
      `segment ${index}`,
      {
        uri: fragment.url,
        range: pairText(fragment.byteRange),
        map: fragment.initSegment === null ? '' : `${fragment.initSegment.url} ${pairText(fragment.initSegment.byteRange)}`,
        keys: keysText(
          Object.values(fragment.levelkeys ?? {}).map((key) => ({
            format: key?.keyFormat ?? '',
            method: key?.method ?? '',
            uri: key?.uri ?? '',
            iv: key?.iv ?? undefined,
          })),
        ),
        sequence: String(fragment.sn),
        timeline: String(fragment.cc),
        gap: String(fragment.gap ?? false),
      },
    ]),
  );
}

/** m3u8-parser knows no gaps, and of several keys only the last; it does not resolve addresses. */
export function m3u8ParserFacts(text: string): Facts {
  const parser = new Parser();
  parser.push(text);
  parser.end();
  const { mediaSequence = 0, playlists, segments } = parser.manifest;
  if (playlists !== undefined) {
    return new Map(
      playlists.map(({ attributes, uri }: { readonly attributes?: RawAttributes; readonly uri: string }) =>
        variantFacts({ uri: absolute(uri), bandwidth: attributes?.BANDWIDTH ?? 0, codecs: attributes?.CODECS }),
      ),
    );
  }
  return new Map(
    segments
      .filter(({ uri }) => uri !== undefined)
      .map(({ byterange, discontinuity, key, map, timeline, uri }, index) => [
        `segment ${index}`,
        {
          uri: absolute(uri),
          range: lengthText(byterange),
          map: map === undefined ? '' : `${absolute(map.uri)} ${lengthText(map.byterange)}`,
          lastKey: key === undefined ? '' : keyText({ method: key.method, uri: absolute(key.uri), iv: bytesOf(key.iv) }),
          sequence: String(mediaSequence + index),
          discontinuity: String(discontinuity ?? false),
          timeline: String(timeline),
        },
      ]),
  );
}

/** The key that a parser of a single key would keep: the last one in force. */
export function lastKey(playlist: MediaPlaylist, index: number): string {
  const key = playlist.segments[index]?.keys.at(-1);
  return key === undefined ? '' : keyText(key);
}

function variantFacts(variant: {
  readonly uri: string;
  readonly bandwidth: number;
  readonly codecs: string | undefined;
}): [string, Record<string, string>] {
  return [`variant ${variant.uri} ${variant.bandwidth}`, { codecs: variant.codecs ?? '' }];
}

function renditionFacts(item: {
  readonly groupId: string;
  readonly name: string;
  readonly language: string | undefined;
  readonly uri: string | undefined;
  readonly isDefault: boolean;
  readonly isAutoselect: boolean;
}): [string, Record<string, string>] {
  const { groupId, isAutoselect, isDefault, language = '', name, uri = '' } = item;
  return [`rendition ${groupId} ${name} ${uri}`, { uri, language, default: String(isDefault), autoselect: String(isAutoselect) }];
}

function rangeText(range: Range | undefined): string {
  return range === undefined ? '' : `${range.start}-${range.end}`;
}

function pairText(range: readonly [number, number] | readonly []): string {
  const [start, end] = range;
  return start === undefined || end === undefined ? '' : rangeText({ start, end });
}

function lengthText(range: { readonly offset: number; readonly length: number } | undefined): string {
  return range === undefined ? '' : rangeText({ start: range.offset, end: range.offset + range.length });
}

function keysText(keys: readonly Key[]): string {
  return keys
    .map((key) => `${key.format} ${keyText(key)}`)
    .sort()
    .join(', ');
}

/** An IV is a number (RFC 8216, 4.3.2.4): leading zeros say nothing. */
function keyText({ iv, method, uri }: Omit<Key, 'format'>): string {
  const digits = Buffer.from(iv ?? [])
    .toString('hex')
    .replace(/^0+/u, '');
  return `${method} ${absolute(uri).replace(/(?<=^data:.{17}).*/u, '…')} ${iv === undefined ? 'implicit' : `0x${digits}`}`;
}

/** m3u8-parser gives an IV as four numbers. */
function bytesOf(words: Uint32Array | undefined): Uint8Array | undefined {
  if (words === undefined) return undefined;
  const bytes = Buffer.alloc(words.length * 4);
  for (const [index, word] of words.entries()) bytes.writeUInt32BE(word, index * 4);
  return bytes;
}

function absolute(uri: string): string {
  return URL.parse(uri, PLAYLIST_URL)?.href ?? uri;
}
