import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export interface CorpusFile {
  readonly name: string;
  readonly bytes: Uint8Array;
}

const fixtures = fileURLToPath(new URL('../fixtures/media', import.meta.url));
const corpora = process.env.TUTTI_CORPORA ?? fileURLToPath(new URL('../../shared/corpora', import.meta.url));
/** Text, playlists, and the references that compliance streams are compared with. */
const NO_MEDIA = /\.(?:json|m3u8|txt|md|pcm|vtt|key)$/;
const CORPUS_FOLDERS = ['mp3-minimp3', 'flac-ietf/subset', 'media3-audio'];

/** Every media file of the fixtures, and of the corpora where they are there, in an order that does not change. */
export function fuzzCorpus(options: { readonly withCorpora: boolean }): readonly CorpusFile[] {
  const folders = options.withCorpora ? CORPUS_FOLDERS.map((folder) => join(corpora, folder)) : [];
  return [fixtures, ...folders.filter((folder) => existsSync(folder))].flatMap((folder) =>
    readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && !NO_MEDIA.test(entry.name))
      .map((entry) => join(entry.parentPath, entry.name))
      .toSorted()
      .map((path) => ({ name: path.slice(folder.length + 1), bytes: readFileSync(path) })),
  );
}
