import { HlsError, publicUrl } from '../hls-error.ts';

/** Larger playlists are refused before they are parsed: 16 MiB holds about 150,000 keyed segments. */
export const MAX_PLAYLIST_BYTES = 16 * 1024 * 1024;

/** More segments are refused: a year of two-second segments is 16 million, a day of them 43,200. */
export const MAX_SEGMENTS = 1_000_000;

/** Tags that mean something here; others are left out like comments (RFC 8216, 6.3.1). */
const TAGS: ReadonlyMap<string, string> = new Map(
  [
    'EXTM3U',
    'EXT-X-DEFINE',
    'EXT-X-START',
    'EXTINF',
    'EXT-X-BYTERANGE',
    'EXT-X-DISCONTINUITY',
    'EXT-X-KEY',
    'EXT-X-MAP',
    'EXT-X-PROGRAM-DATE-TIME',
    'EXT-X-GAP',
    'EXT-X-TARGETDURATION',
    'EXT-X-MEDIA-SEQUENCE',
    'EXT-X-DISCONTINUITY-SEQUENCE',
    'EXT-X-ENDLIST',
    'EXT-X-PLAYLIST-TYPE',
    'EXT-X-I-FRAMES-ONLY',
    'EXT-X-SKIP',
    'EXT-X-MEDIA',
    'EXT-X-STREAM-INF',
    'EXT-X-I-FRAME-STREAM-INF',
    'EXT-X-SESSION-KEY',
  ].map((tag) => [tag, tag]),
);

// oxlint-disable-next-line no-control-regex -- they are what is looked for
const CONTROLS = /[\u0000-\u0008\u000B\u000C\u000E-\u001F\u007F]/u;

const HASH = 35;

/** One line that means something: a known tag or a URI. Comments, other tags and blank lines are gone. */
export interface PlaylistLine {
  /** Counted from 1 in the file as it was received. */
  readonly number: number;
  /** Tag name without `#`; empty for a URI line. */
  readonly tag: string;
  /** What follows the tag's colon, or the URI itself. Surrounding white space is removed. */
  readonly text: string;
}

export interface ScannedPlaylist {
  readonly lines: readonly PlaylistLine[];
  /** Whether any tag is one of HLS, also one that means nothing here; plain M3U lists have none. */
  readonly hasHlsTag: boolean;
}

/** Attribute values by name; the quotes of quoted strings are removed. */
export type Attributes = ReadonlyMap<string, string>;

/**
 * Turns the bytes of a playlist into lines (RFC 8216, 4.1): UTF-8 with or without a byte order mark, lines ended by LF,
 * CRLF or CR alone, control characters dropped. Throws `hls/too-large`, or `hls/not-a-playlist` unless the first line
 * that is neither blank nor a comment is `#EXTM3U`.
 */
export function scanLines(bytes: Uint8Array, url: string): ScannedPlaylist {
  if (bytes.byteLength > MAX_PLAYLIST_BYTES) {
    throw new HlsError('hls/too-large', `playlist ${publicUrl(url)} is larger than 16 MiB`, { url });
  }
  const received = new TextDecoder().decode(bytes);
  // One look at the whole text: hardly any playlist has one.
  const text = CONTROLS.test(received) ? withoutControls(received) : received;
  const lines: PlaylistLine[] = [];
  let hasHeader = false;
  let hasHlsTag = false;
  let uriCount = 0;
  for (let start = 0, number = 1; start <= text.length; number += 1) {
    const end = lineEnd(text, start);
    const line = text.slice(start, end).trim();
    start = end + (text.charCodeAt(end) === 13 && text.charCodeAt(end + 1) === 10 ? 2 : 1);
    if (line === '' || (line.charCodeAt(0) === HASH && !line.startsWith('#EXT'))) continue;
    if (!hasHeader && !line.startsWith('#EXTM3U')) throw notAPlaylist(line, url);
    hasHeader = true;
    hasHlsTag ||= line.startsWith('#EXT-X-');
    const scanned = scanLine(line, number);
    if (scanned === undefined) continue;
    if (scanned.tag === '') uriCount += 1;
    if (uriCount > MAX_SEGMENTS) throw tooMany(number, url);
    lines.push(scanned);
  }
  if (!hasHeader) throw notAPlaylist('', url);
  return { lines, hasHlsTag };
}

/**
 * Reads an attribute list (RFC 8216, 4.2): `NAME=value,NAME="quoted, value"`. A quote that is never closed runs to the end of the
 * line. The first of two attributes with one name counts.
 */
export function parseAttributes(text: string): Attributes {
  const attributes = new Map<string, string>();
  for (let at = 0; at < text.length;) {
    const equals = text.indexOf('=', at);
    if (equals === -1) break;
    const name = text.slice(at, equals).trim();
    let start = equals + 1;
    while (text.charCodeAt(start) === 32) start += 1;
    const isQuoted = text.charCodeAt(start) === 34;
    const valueStart = isQuoted ? start + 1 : start;
    const close = text.indexOf(isQuoted ? '"' : ',', valueStart);
    const valueEnd = close === -1 ? text.length : close;
    const value = text.slice(valueStart, valueEnd);
    if (!attributes.has(name)) attributes.set(name, isQuoted ? value : value.trim());
    const comma = text.indexOf(',', valueEnd);
    at = comma === -1 ? text.length : comma + 1;
  }
  return attributes;
}

/** Reads a decimal integer (RFC 8216, 4.2: 0 to 2^64 − 1; here to 2^53 − 1), `undefined` when it is not one. */
export function parseInteger(text: string | undefined): number | undefined {
  if (text === undefined || !/^\d{1,16}$/u.test(text)) return undefined;
  const value = Number(text);
  return Number.isSafeInteger(value) ? value : undefined;
}

/** Reads a decimal floating-point number ≥ 0, `undefined` when it is not one. */
export function parseDecimal(text: string | undefined): number | undefined {
  if (text === undefined || !/^\d{1,15}(?:\.\d*)?$|^\.\d+$/u.test(text)) return undefined;
  return Number(text);
}

/** Reads the TIME-OFFSET of EXT-X-START in seconds (RFC 8216, 4.3.5.2): negative from the end; `undefined` when it is no number. */
export function parseStartOffset(text: string | undefined): number | undefined {
  if (text === undefined || !/^-?\d{1,15}(?:\.\d*)?$/u.test(text)) return undefined;
  return Number(text);
}

/** `undefined` for a tag that means nothing here. */
function scanLine(line: string, number: number): PlaylistLine | undefined {
  if (line.charCodeAt(0) !== HASH) return { number, tag: '', text: line };
  const colon = line.indexOf(':');
  const tag = TAGS.get((colon === -1 ? line.slice(1) : line.slice(1, colon)).trim());
  if (tag === undefined) return undefined;
  return { number, tag, text: colon === -1 ? '' : line.slice(colon + 1).trim() };
}

function lineEnd(text: string, start: number): number {
  for (let at = start; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code === 10 || code === 13) return at;
  }
  return text.length;
}

/** Drops control characters (RFC 8216, 4.1 forbids them) but tabs and line breaks. */
function withoutControls(text: string): string {
  return text.replaceAll(new RegExp(CONTROLS, 'gu'), '');
}

function tooMany(line: number, url: string): HlsError {
  return new HlsError('hls/too-large', `playlist ${publicUrl(url)} has more than ${MAX_SEGMENTS} segments`, { url, line });
}

function notAPlaylist(firstLine: string, url: string): HlsError {
  const isHtml = /^<(?:!doctype|html|head|body|\?xml)/iu.test(firstLine);
  const isList = /^https?:\/\//iu.test(firstLine);
  const what =
    firstLine === '' ? 'is empty' : isHtml ? 'is an HTML page' : isList ? 'is a plain list of URLs' : 'does not begin with #EXTM3U';
  const remedy = isList ? 'give its entries one by one' : 'check the URL';
  return new HlsError('hls/not-a-playlist', `${publicUrl(url)} is not an HLS playlist: it ${what}; ${remedy}`, { url, line: 1 });
}
