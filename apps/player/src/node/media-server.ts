import type { IncomingMessage, ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { isSameText } from '@tutti/sync/protocol';
import { isTrustedRequest } from '@tutti/sync/transport';
import type { ServedBytes, TrackLibrary } from './track-library.ts';

/** Where nodes find bytes by their SHA-256, and the cards of tracks by theirs. */
export const MEDIA_PATH = '/media/';
export const TRACK_PATH = '/tracks/';

export interface MediaServerOptions {
  readonly library: Pick<TrackLibrary, 'bytes' | 'track'>;
  /** Bearer token that nodes have to show. */
  readonly token: string;
}

/** Answers requests for media: only to who has the token, in ranges, with the hash as the entity tag. */
export function createMediaHandler(options: MediaServerOptions): (request: IncomingMessage, response: ServerResponse) => void {
  return (request, response) => {
    // A node that goes away in the middle is no failure of the host.
    answer(request, response, options).catch(() => response.destroy());
  };
}

async function answer(request: IncomingMessage, response: ServerResponse, { library, token }: MediaServerOptions): Promise<void> {
  response.setHeader('X-Content-Type-Options', 'nosniff');
  if (!isTrustedRequest(request)) return refuse(response, 403);
  if (!isSameText(request.headers.authorization ?? '', `Bearer ${token}`)) return refuse(response, 401);
  if (request.method !== 'GET' && request.method !== 'HEAD') return refuse(response, 405);
  const found = find(request.url ?? '', library);
  if (found === undefined) return refuse(response, 404);
  const { hash, served } = found;
  const range = wantedRange(request, served.length, hash);
  response.setHeader('Accept-Ranges', 'bytes').setHeader('ETag', `"${hash}"`).setHeader('Cache-Control', 'no-store');
  if (range === 'unsatisfiable') {
    response.setHeader('Content-Range', `bytes */${served.length}`);
    return refuse(response, 416);
  }
  const { end, start } = range ?? { start: 0, end: served.length };
  response.setHeader('Content-Type', served.contentType ?? 'application/octet-stream').setHeader('Content-Length', end - start);
  if (range !== undefined) response.setHeader('Content-Range', `bytes ${start}-${end - 1}/${served.length}`);
  response.writeHead(range === undefined ? 200 : 206);
  if (request.method === 'HEAD' || start === end) {
    response.end();
    return;
  }
  const gone = new AbortController();
  response.once('close', () => gone.abort());
  await pipeline(Readable.from(served.read({ start, end, signal: gone.signal })), response);
}

function find(
  url: string,
  library: MediaServerOptions['library'],
): { readonly hash: string; readonly served: ServedBytes } | undefined {
  const [, kind = '', hash = ''] = /^(\/media\/|\/tracks\/)([0-9a-f]{64})$/.exec(url) ?? [];
  if (kind === MEDIA_PATH) {
    const served = library.bytes(hash);
    return served === undefined ? undefined : { hash, served };
  }
  const card = kind === TRACK_PATH ? library.track(hash)?.card : undefined;
  if (card === undefined) return undefined;
  const bytes = new TextEncoder().encode(JSON.stringify(card));
  const read: ServedBytes['read'] = async function* ({ end, start }) {
    yield bytes.subarray(start, end);
  };
  return { hash, served: { length: bytes.length, contentType: 'application/json', read } };
}

/** The one range that was asked for (RFC 9110, 14.2); `undefined` for everything, as also when the tag is another one. */
function wantedRange(
  { headers }: IncomingMessage,
  length: number,
  hash: string,
): { readonly start: number; readonly end: number } | 'unsatisfiable' | undefined {
  const condition = headers['if-range'];
  const match = /^bytes=(\d*)-(\d*)$/.exec(headers.range ?? '');
  if (match === null || (condition !== undefined && condition !== `"${hash}"`)) return undefined;
  const [, first = '', last = ''] = match;
  if (first === '' && last === '') return undefined;
  const start = first === '' ? Math.max(0, length - Number(last)) : Number(first);
  const end = first === '' || last === '' ? length : Math.min(length, Number(last) + 1);
  return start < end ? { start, end } : 'unsatisfiable';
}

function refuse(response: ServerResponse, status: number): void {
  response.writeHead(status, { 'Content-Length': 0 }).end();
}
