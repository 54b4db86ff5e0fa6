import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { HlsError } from '../src/hls-error.ts';
import { parsePlaylist } from '../src/playlist/playlist.ts';

const corpora = process.env['TUTTI_CORPORA'] ?? fileURLToPath(new URL('../../../../shared/corpora', import.meta.url));
const isThere = existsSync(corpora);
if (!isThere) console.warn(`skipped: no playlists of others to parse: ${corpora} does not exist; set TUTTI_CORPORA`);

async function playlists(): Promise<readonly string[]> {
  const entries = await readdir(corpora, { recursive: true });
  return entries.filter((entry) => /\.m3u8?$/u.test(entry)).sort();
}

it.skipIf(!isThere)('reads every playlist of the corpora, or refuses it with an HlsError', async () => {
  const refused: string[] = [];
  let mediaCount = 0;
  let multivariantCount = 0;
  for (const path of await playlists()) {
    const bytes = await readFile(join(corpora, path));
    try {
      const playlist = parsePlaylist(bytes, { url: 'https://media.test/dir/list.m3u8' });
      if (playlist.kind === 'multivariant') multivariantCount += 1;
      else {
        mediaCount += 1;
        const uriCount = bytes
          .toString('utf8')
          .split(/\r\n|\n|\r/u)
          .filter((line) => line.trim() !== '' && !line.trim().startsWith('#')).length;
        expect(playlist.segments.length, path).toBe(uriCount);
      }
    } catch (error) {
      if (!(error instanceof HlsError)) throw error;
      refused.push(`${path}: ${error.code}`);
    }
  }
  expect(mediaCount).toBeGreaterThan(100);
  expect(multivariantCount).toBeGreaterThan(20);
  expect(refused).toMatchInlineSnapshot(`
    [
      "hls-parser-fixtures/test/fixtures/m3u8/Low-Latency_Example-02_Playlist_Delta_Update.m3u8: hls/bad-playlist",
      "hls-parser-fixtures/test/fixtures/m3u8/Low-Latency_Example-03_Byterange-addressed_Parts-01.m3u8: hls/bad-playlist",
      "hls-parser-fixtures/test/fixtures/m3u8/Low-Latency_Example-03_Byterange-addressed_Parts-02.m3u8: hls/bad-playlist",
      "hls-parser-fixtures/test/fixtures/m3u8/Low-Latency_Example-03_Byterange-addressed_Parts-03.m3u8: hls/bad-playlist",
      "m3u8-parser-playlists/test/fixtures/integration/empty.m3u8: hls/not-a-playlist",
      "m3u8-parser-playlists/test/fixtures/integration/headerOnly.m3u8: hls/not-a-playlist",
      "m3u8-parser-playlists/test/fixtures/integration/llhls-delta-byte-range.m3u8: hls/bad-playlist",
      "m3u8-parser-playlists/test/fixtures/integration/llhlsDelta.m3u8: hls/bad-playlist",
      "m3u8-parser-playlists/test/fixtures/integration/manifestNoExtM3u.m3u8: hls/not-a-playlist",
      "m3u8-parser-playlists/test/fixtures/integration/start.m3u8: hls/not-a-playlist",
    ]
  `);
});
