import { promisify } from 'node:util';
import { brotliDecompress, gunzip, inflate, inflateRaw } from 'node:zlib';
import type { OpenedAnswer } from './healing-body.ts';
import { beginsLikeHtml } from './html-guard.ts';
import { NetError } from './net-error.ts';

/** Codings that `fetchWhole` decodes for playlists. */
export const PLAYLIST_CODINGS: readonly string[] = ['gzip', 'x-gzip', 'deflate', 'br'];

export interface ReadWholeOptions {
  readonly label: string;
  /** Offset of the first wanted byte. */
  readonly start: number;
  /** Most bytes, before and after decoding. */
  readonly maxBytes: number;
  readonly isHtmlGuarded: boolean;
}

/** Reads the wanted part of one answer and decodes it. The caller releases the answer. Throws `NetError`. */
export async function readWhole(opened: OpenedAnswer, options: ReadWholeOptions): Promise<Uint8Array> {
  const { coding } = opened.acceptance;
  const { label, maxBytes, isHtmlGuarded } = options;
  const bytes = await decoded(await readWanted(opened, options), coding, maxBytes).catch((error: unknown) => {
    const code = error instanceof Error && 'code' in error ? String(error.code) : '';
    if (code === 'ERR_BUFFER_TOO_LARGE') throw failure(label, 'net/body-too-large', `more than ${maxBytes} bytes when decoded`);
    throw failure(label, 'net/protocol', `the body is not '${coding}' as it claims (${code})`);
  });
  if (isHtmlGuarded && options.start === 0 && beginsLikeHtml(bytes) === true) {
    throw failure(label, 'net/unexpected-html', 'a web page came instead of media');
  }
  return bytes;
}

async function readWanted({ answer, acceptance }: OpenedAnswer, { label, start, maxBytes }: ReadWholeOptions): Promise<Uint8Array> {
  const { bodyStart, bodyEnd, coding } = acceptance;
  // Offsets of an encoded body are its own: all of it is wanted.
  const end = coding === undefined ? acceptance.end : bodyEnd;
  const tooLarge = () => failure(label, 'net/body-too-large', `more than ${maxBytes} bytes`);
  if (end !== undefined && end - start > maxBytes) throw tooLarge();
  const parts: Uint8Array[] = [];
  let position = bodyStart;
  let length = 0;
  for (;;) {
    // A longer answer than was wanted is left where the wanted part ends.
    if (end !== undefined && position >= end && bodyEnd !== end) break;
    const bytes = await answer.read();
    if (bytes === undefined) break;
    const from = position;
    position += bytes.length;
    if (bodyEnd !== undefined && position > bodyEnd)
      throw failure(label, 'net/body-too-long', `more bytes than announced (${bodyEnd})`);
    const part = bytes.subarray(Math.max(0, start - from), Math.min(bytes.length, (end ?? position) - from));
    length += part.length;
    if (length > maxBytes) throw tooLarge();
    parts.push(part);
  }
  if (end !== undefined && position < end) {
    throw failure(label, 'net/body-too-short', `the body ended at ${position}, announced were ${end} bytes`);
  }
  return Buffer.concat(parts, length);
}

/** In zlib's thread pool: a large playlist does not hold up the event loop. */
function decoded(raw: Uint8Array, coding: string | undefined, maxBytes: number): Promise<Uint8Array> {
  const options = { maxOutputLength: maxBytes };
  switch (coding) {
    case undefined:
      return Promise.resolve(raw);
    case 'br':
      return promisify(brotliDecompress)(raw, options);
    case 'deflate':
      // "deflate" is the zlib format (RFC 9110, 8.4.1.2); some servers send the bare stream.
      return ((raw[0] ?? 0) & 0x0f) === 8 ? promisify(inflate)(raw, options) : promisify(inflateRaw)(raw, options);
    default:
      return promisify(gunzip)(raw, options);
  }
}

function failure(label: string, code: NetError['code'], what: string): NetError {
  return new NetError(code, `GET ${label}: ${what}`, { url: label });
}
