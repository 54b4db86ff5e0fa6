import { readdir, readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { SourceError } from './source-error.ts';
import { sourceLabel } from './source-label.ts';

/** Files that a folder contributes to a queue. */
const audioExtensions = new Set(
  '.aac .aif .aifc .aiff .alac .caf .flac .m2ts .m4a .m4b .mka .mp1 .mp2 .mp3 .mp4 .oga .ogg .opus .ts .wav .webm'.split(' '),
);
/** A queue longer than this is more likely a mistake than a party. */
const maxEntries = 100_000;

/** Whether `source` is addressed by a URL scheme that the network serves. */
export function isHttpUrl(source: string): boolean {
  return /^https?:/i.test(source);
}

/**
 * What the user named, as single sources: URLs and files stay, folders become their audio files in natural order (sub-folders
 * included), `.m3u` files their entries. `-` is standard input. Throws `SourceError`.
 */
export async function expandSources(sources: readonly string[]): Promise<readonly string[]> {
  const expanded: string[] = [];
  for (const source of sources) expanded.push(...(await expandSource(source)));
  if (expanded.length > maxEntries) {
    throw new SourceError(
      'source/bad-playlist',
      `${expanded.length} sources are more than ${maxEntries}: play a smaller folder or list`,
    );
  }
  return expanded;
}

async function expandSource(source: string): Promise<readonly string[]> {
  if (source === '-') return [source];
  if (isHttpUrl(source)) {
    if (URL.canParse(source)) return [source];
    throw new SourceError('source/bad-url', `${sourceLabel(source)} is not an address: it is like https://example.org/song.mp3`);
  }
  const file = localPath(source);
  const stats = await stat(file).catch((cause: unknown) => {
    throw new SourceError('source/not-found', `there is no file or folder ${file}: check the name, or give an http or https URL`, {
      cause,
    });
  });
  if (stats.isDirectory()) return folderEntries(file);
  if (/\.m3u8?$/i.test(file)) return playlistEntries(file);
  return [file];
}

/** A local path from what the user wrote: a path or a `file:` URL. */
function localPath(source: string): string {
  if (/^file:/i.test(source)) return fileURLToPath(source);
  const scheme = /^([a-z][a-z0-9+.-]+):\/\//i.exec(source)?.[1];
  if (scheme !== undefined) {
    throw new SourceError(
      'source/unsupported-scheme',
      `${scheme}: addresses cannot be played: give an http or https URL, or a file`,
    );
  }
  return path.resolve(source);
}

async function folderEntries(folder: string): Promise<readonly string[]> {
  const names = await readdir(folder, { recursive: true });
  const compare = new Intl.Collator(undefined, { numeric: true }).compare;
  const files = names.filter((name) => audioExtensions.has(path.extname(name).toLowerCase())).toSorted(compare);
  if (files.length === 0) throw new SourceError('source/empty-folder', `the folder ${folder} holds no audio files: name another`);
  return files.map((name) => path.join(folder, name));
}

async function playlistEntries(file: string): Promise<readonly string[]> {
  const text = await readFile(file, 'utf8');
  if (/^#EXT-X-/m.test(text)) {
    throw new SourceError('source/local-hls', `${file} is an HLS playlist: serve its folder over HTTP and play the URL`);
  }
  const entries = parseM3u(text);
  if (entries.length === 0)
    throw new SourceError('source/bad-playlist', `the playlist ${file} names no sources: add one path or URL a line`);
  return entries.map((entry) => (isHttpUrl(entry) ? entry : path.resolve(path.dirname(file), entry.replace(/^file:\/\//i, ''))));
}

/** The entries of a plain `.m3u`: every line that is neither empty nor a comment. */
export function parseM3u(text: string): readonly string[] {
  return text
    .replace(/^\uFEFF/, '')
    .split(/\r\n|\r|\n/)
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'));
}
