import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { HlsError } from '../src/hls-error.ts';
import { parsePlaylist } from '../src/playlist/playlist.ts';
import type { MediaPlaylist, MultivariantPlaylist } from '../src/playlist/playlist.ts';
import { EXPLAINED } from './explained-differences.ts';
import { hlsJsFacts, lastKey, m3u8ParserFacts, ourFacts, PLAYLIST_URL } from './playlist-facts.ts';
import type { Facts } from './playlist-facts.ts';

const corpora = process.env['TUTTI_CORPORA'] ?? fileURLToPath(new URL('../../../../shared/corpora', import.meta.url));
const isThere = existsSync(corpora);
if (!isThere) console.warn(`skipped: no playlists of others to parse: ${corpora} does not exist; set TUTTI_CORPORA`);

async function playlists(): Promise<readonly string[]> {
  const entries = await readdir(corpora, { recursive: true });
  return entries.filter((entry) => /\.m3u8?$/u.test(entry)).sort();
}

/** `entry name: ours | theirs` for the first difference of each name, or of the entries themselves. */
function differences(ours: Facts, theirs: Facts): readonly string[] {
  const found = new Map<string, string>();
  const note = (name: string, text: string): void => void (found.has(name) || found.set(name, `${name}: ${text}`));
  for (const [entry, facts] of theirs) {
    const our = ours.get(entry);
    if (our === undefined) note('entries', `${entry} is theirs alone`);
    else
      for (const [name, value] of Object.entries(facts)) if (our[name] !== value) note(name, `${entry}: ${our[name]} | ${value}`);
  }
  for (const entry of ours.keys()) if (!theirs.has(entry)) note('entries', `${entry} is ours alone`);
  return [...found.values()];
}

function compared(ours: Facts, read: () => Facts): readonly string[] {
  try {
    return differences(ours, read());
  } catch (error) {
    return [`throws: ${error instanceof Error ? error.message : String(error)}`];
  }
}

function withLastKeys(playlist: MediaPlaylist | MultivariantPlaylist): Facts {
  const facts = ourFacts(playlist);
  if (playlist.kind === 'multivariant') return new Map([...facts].filter(([entry]) => !entry.startsWith('rendition')));
  return new Map(
    Array.from(facts.values(), (entry, index) => [`segment ${index}`, { ...entry, lastKey: lastKey(playlist, index) }]),
  );
}

it.skipIf(!isThere)(
  'says of every playlist what hls.js and m3u8-parser say, but for differences that RFC 8216 explains',
  async () => {
    const found: string[] = [];
    let segmentCount = 0;
    let variantCount = 0;
    for (const path of await playlists()) {
      const bytes = await readFile(join(corpora, path));
      const text = bytes.toString('utf8');
      const name = path
        .split('/')
        .toSpliced(1, path.split('/').length - 2)
        .join('/');
      try {
        const playlist = parsePlaylist(bytes, { url: PLAYLIST_URL });
        if (playlist.kind === 'media') segmentCount += playlist.segments.length;
        else variantCount += playlist.variants.length;
        const peers = [
          ['hls.js', hlsJsFacts, ourFacts(playlist)],
          ['m3u8-parser', m3u8ParserFacts, withLastKeys(playlist)],
        ] as const;
        for (const [peer, read, ours] of peers)
          found.push(...compared(ours, () => read(text)).map((what) => `${name}, ${peer}, ${what}`));
      } catch (error) {
        if (!(error instanceof HlsError)) throw error;
        found.push(`${name}, refused: ${error.code}`);
      }
    }
    expect(found.sort()).toEqual(EXPLAINED.flatMap(({ differences }) => differences).sort());
    expect([segmentCount, variantCount]).toEqual([11_659, 266]);
  },
);
