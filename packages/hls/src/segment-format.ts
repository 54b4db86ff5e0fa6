import type { MediaHint } from '@tutti/decode';
import type { MediaSegment } from './playlist/playlist.ts';

type SegmentFormat = NonNullable<MediaHint['segmentFormat']>;

const FORMAT_BY_EXTENSION: Readonly<Record<string, SegmentFormat>> = {
  ts: 'mpeg-ts',
  m2ts: 'mpeg-ts',
  mts: 'mpeg-ts',
  aac: 'packed-audio',
  adts: 'packed-audio',
  mp3: 'packed-audio',
};

/** Bytes that `sniffFormat` wants to see. */
export const SNIFF_BYTES = 12;

/** What is known of a stretch before its bytes are: by EXT-X-MAP and by the extension; `undefined` when neither tells. */
export function formatByName(segment: MediaSegment): MediaHint | undefined {
  const extension = extensionOf(segment.uri);
  const segmentFormat = FORMAT_BY_EXTENSION[extension] ?? (segment.map === undefined ? undefined : 'fmp4');
  return segmentFormat === undefined ? undefined : hintOf(segmentFormat, extension);
}

/**
 * Tells the format of a segment by its first bytes: the sync byte of MPEG-TS, an ID3 tag or an ADTS or MPEG audio sync
 * word (RFC 8216, 3.4), an ISO box. `undefined` for anything else.
 */
export function sniffFormat(bytes: Uint8Array): MediaHint | undefined {
  if (bytes[0] === 0x47) return hintOf('mpeg-ts', '');
  const start = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
  if (start.startsWith('ID3')) return hintOf('packed-audio', '');
  if (bytes[0] === 0xff && ((bytes[1] ?? 0) & 0xe0) === 0xe0) return hintOf('packed-audio', '');
  if (/^(?:ftyp|styp|moof|sidx|emsg|prft|moov)$/u.test(start.slice(4, 8))) return hintOf('fmp4', '');
  return undefined;
}

function hintOf(segmentFormat: SegmentFormat, extension: string): MediaHint {
  if (segmentFormat === 'fmp4') return { segmentFormat, extension: 'mp4' };
  return extension === '' ? { segmentFormat } : { segmentFormat, extension };
}

function extensionOf(uri: string): string {
  const path = URL.parse(uri)?.pathname ?? '';
  return /\.([A-Za-z0-9]{1,8})$/u.exec(path)?.[1]?.toLowerCase() ?? '';
}
