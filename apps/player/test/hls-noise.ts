import { createHash } from 'node:crypto';
import type { Origin } from '@tutti/fixtures';

/** Bytes that look like nothing, the same for the same name. */
export function noise(name: string, length: number): Buffer {
  return Buffer.alloc(length, createHash('sha512').update(name).digest());
}

export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** A media playlist of four-second segments around `lines`; without an end where it is live. */
export function mediaPlaylist(lines: readonly string[], { isLive = false } = {}): string {
  return ['#EXTM3U', '#EXT-X-TARGETDURATION:4', ...lines, ...(isLive ? [] : ['#EXT-X-ENDLIST']), ''].join('\n');
}

export function extinf(names: readonly string[]): readonly string[] {
  return names.flatMap((name) => ['#EXTINF:4,', name]);
}

/** Puts a presentation of `count` segments at `/<folder>/list.m3u8`: enough for whoever only stores it. Gives the segments. */
export function putSegments(
  origin: Origin,
  folder: string,
  { count, length }: { readonly count: number; readonly length: number },
) {
  const segments = Array.from({ length: count }, (_, index) => noise(`${folder} ${index}`, length));
  for (const [index, bytes] of segments.entries()) origin.put(`/${folder}/s${index}.ts`, bytes);
  origin.put(`/${folder}/list.m3u8`, mediaPlaylist(extinf(segments.map((_, index) => `s${index}.ts`))));
  return segments;
}
