import { HlsError, publicUrl } from '../hls-error.ts';

/** Larger playlists are refused before they are parsed: 16 MiB holds about 150,000 keyed segments. */
export const MAX_PLAYLIST_BYTES = 16 * 1024 * 1024;

// oxlint-disable-next-line no-control-regex -- they are what is looked for
const CONTROLS = /[\u0000-\u0008\u000B\u000C\u000E-\u001F\u007F]/u;

/** One line that means something: a tag or a URI. Comments and blank lines are gone. */
export interface PlaylistLine {
  /** Counted from 1 in the file as it was received. */
  readonly number: number;
  /** Tag name without `#`; empty for a URI line. */
  readonly tag: string;
  /** What follows the tag's colon, or the URI itself. Surrounding white space is removed. */
  readonly text: string;
}

/** Attribute values by name; the quotes of quoted strings are removed. */
export type Attributes = ReadonlyMap<string, string>;

/**
 * Turns the bytes of a playlist into lines (RFC 8216, 4.1): UTF-8 with or without a byte order mark, lines ended by LF,
 * CRLF or CR alone, control characters dropped. Throws `hls/too-large`, or `hls/not-a-playlist` unless the first line
 * that is neither blank nor a comment is `#EXTM3U`.
 */
export function scanLines(bytes: Uint8Array, url: string): readonly PlaylistLine[] {
  if (bytes.byteLength > MAX_PLAYLIST_BYTES) {
    throw new HlsError('hls/too-large', `playlist ${publicUrl(url)} is larger than 16 MiB`, { url });
  }
  const received = new TextDecoder().decode(bytes);
  // One look at the whole text: hardly any playlist has one.
  const text = CONTROLS.test(received) ? withoutControls(received) : received;
  const lines: PlaylistLine[] = [];
  let number = 0;
  for (let start = 0; start <= text.length;) {
    const end = lineEnd(text, start);
    number += 1;
    const line = text.slice(start, end).trim();
    const scanned = line === '' ? undefined : scanLine(line, number);
    if (lines.length === 0 && scanned !== undefined && !scanned.tag.startsWith('EXTM3U')) throw notAPlaylist(line, url);
    if (scanned !== undefined) lines.push(scanned);
    start = end + (text.charCodeAt(end) === 13 && text.charCodeAt(end + 1) === 10 ? 2 : 1);
  }
  if (lines.length === 0) throw notAPlaylist('', url);
  return lines;
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

function scanLine(line: string, number: number): PlaylistLine | undefined {
  if (line.charCodeAt(0) !== 35) return { number, tag: '', text: line };
  if (!line.startsWith('#EXT')) return undefined;
  const colon = line.indexOf(':');
  if (colon === -1) return { number, tag: line.slice(1).trim(), text: '' };
  return { number, tag: line.slice(1, colon).trim(), text: line.slice(colon + 1).trim() };
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

function notAPlaylist(firstLine: string, url: string): HlsError {
  const isHtml = /^<(?:!doctype|html|head|body|\?xml)/iu.test(firstLine);
  const isList = /^https?:\/\//iu.test(firstLine);
  const what =
    firstLine === '' ? 'is empty' : isHtml ? 'is an HTML page' : isList ? 'is a plain list of URLs' : 'does not begin with #EXTM3U';
  const remedy = isList ? 'give its entries one by one' : 'check the URL';
  return new HlsError('hls/not-a-playlist', `${publicUrl(url)} is not an HLS playlist: it ${what}; ${remedy}`, { url, line: 1 });
}
