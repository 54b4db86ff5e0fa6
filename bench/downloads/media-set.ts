import { execFile } from 'node:child_process';
import { createCipheriv, createHash, randomBytes } from 'node:crypto';
import { link, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { fixturePath } from '@tutti/fixtures';

/** Segments of a set: twenty minutes in pieces of four seconds. */
export const SEGMENT_COUNT = 301;
export const SEGMENT_SECONDS = 4;
/** How often the segments of a set are there again in its long playlist, under other names. */
const COPIES = 10;

/** An encrypted HLS presentation on disk. */
export interface MediaSet {
  readonly name: 'TS' | 'fMP4';
  /** Where its files are. */
  readonly directory: string;
  /** Path of its media playlist below the directory that is served. */
  readonly playlist: string;
  /** A playlist of ten times as many segments, the same bytes under other names. */
  readonly longPlaylist: string;
  /** Names of the files that playing fetches once each: init section and segments. */
  readonly files: readonly string[];
  /** SHA-256 of each of them when decrypted, in the same order. */
  readonly sha256s: readonly string[];
  /** Bytes that playing fetches, in all. */
  readonly bytes: number;
}

/** Cuts the fixtures' piece, over and over, with ffmpeg, and encrypts it with AES-128. Rejects where there is no ffmpeg. */
export async function makeMediaSet(root: string, name: MediaSet['name']): Promise<MediaSet> {
  const folder = name.toLowerCase();
  const directory = join(root, folder);
  await mkdir(directory);
  const lines = await cut(directory, name);
  const key = randomBytes(16);
  const iv = randomBytes(16);
  await writeFile(join(directory, 'key.bin'), key);
  const keyLine = `#EXT-X-KEY:METHOD=AES-128,URI="key.bin",IV=0x${iv.toString('hex')}`;
  const init = lines.find((line) => line.startsWith('#EXT-X-MAP'));
  const segments = lines.filter((line) => line !== '' && !line.startsWith('#')).slice(0, SEGMENT_COUNT);
  const sha256s: string[] = [];
  let bytes = 0;
  if (init !== undefined) {
    const clear = await readFile(join(directory, 'init.mp4'));
    sha256s.push(sha256(clear));
    bytes += clear.length;
  }
  for (const segment of segments) {
    const clear = await readFile(join(directory, segment));
    const cipher = createCipheriv('aes-128-cbc', key, iv);
    const encrypted = Buffer.concat([cipher.update(clear), cipher.final()]);
    await writeFile(join(directory, segment), encrypted);
    sha256s.push(sha256(clear));
    bytes += encrypted.length;
  }
  // The init section stands before the key, as it is clear.
  const header = ['#EXTM3U', '#EXT-X-VERSION:7', `#EXT-X-TARGETDURATION:${SEGMENT_SECONDS + 1}`, '#EXT-X-PLAYLIST-TYPE:VOD'];
  const head = [...header, ...(init === undefined ? [] : [init]), keyLine];
  const write = (file: string, names: readonly string[]): Promise<void> =>
    writeFile(
      join(directory, file),
      [...head, ...names.flatMap((each) => [`#EXTINF:${SEGMENT_SECONDS},`, each]), '#EXT-X-ENDLIST', ''].join('\n'),
    );
  await write('list.m3u8', segments);
  const copies = Array.from({ length: COPIES }, (_, copy) => segments.map((segment) => `${copy}-${segment}`)).flat();
  for (const copy of copies) await link(join(directory, copy.replace(/^\d+-/, '')), join(directory, copy));
  await write('long.m3u8', copies);
  return {
    name,
    directory,
    playlist: `${folder}/list.m3u8`,
    longPlaylist: `${folder}/long.m3u8`,
    files: init === undefined ? segments : ['init.mp4', ...segments],
    sha256s,
    bytes,
  };
}

async function cut(directory: string, name: MediaSet['name']): Promise<readonly string[]> {
  const seconds = (SEGMENT_COUNT + 2) * SEGMENT_SECONDS;
  const type = name === 'TS' ? 'mpegts' : 'fmp4';
  const parameters = ['-nostdin', '-v', 'error', '-stream_loop', '-1', '-i', fixturePath('piece.m4a'), '-t', String(seconds)];
  const hls = ['-f', 'hls', '-hls_time', String(SEGMENT_SECONDS), '-hls_list_size', '0', '-hls_segment_type', type];
  const target = ['-hls_segment_filename', `s%04d.${name === 'TS' ? 'ts' : 'm4s'}`, 'ffmpeg.m3u8'];
  await promisify(execFile)('ffmpeg', [...parameters, '-map', '0:a', '-c', 'copy', ...hls, ...target], { cwd: directory });
  return (await readFile(join(directory, 'ffmpeg.m3u8'), 'utf8')).split('\n');
}

export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
