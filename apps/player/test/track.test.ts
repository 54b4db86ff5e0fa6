import { readFile } from 'node:fs/promises';
import { fixturePath, provenanceRuns, startOrigin } from '@tutti/fixtures';
import { describe, expect, test } from 'vitest';
import { openCache } from '../src/compose.ts';
import { Track } from '../src/engine/track.ts';
import { openMedia } from '../src/media/open-media.ts';
import { readFrames } from './read-track.ts';
import { temporaryHome } from './run-tutti.ts';

const signal = AbortSignal.timeout(60_000);

describe('a track over HLS whose EXTINF are rounded to whole seconds', () => {
  test('plays every frame once, and seeks to the exact frame', async () => {
    await using home = await temporaryHome();
    await using origin = await startOrigin();
    const playlist = await readFile(fixturePath('hls/provenance/variant-1/media.m3u8'), 'utf8');
    origin.put(
      '/hls/provenance/variant-1/rounded.m3u8',
      playlist.replaceAll(/#EXTINF:([\d.]+)/g, (_, seconds) => `#EXTINF:${Math.round(Number(seconds))}`),
    );
    await using cache = await openCache({ directory: home.file('cache') });
    await using media = await openMedia(origin.url('hls/provenance/variant-1/rounded.m3u8'), { cache, signal });
    await using track = await Track.open(media, { signal });

    const [whole, ...rest] = provenanceRuns(await readFrames(track, 1e6, signal));
    expect(rest).toEqual([]);
    expect(whole).toMatchObject({ frame: 0, variant: 1 });
    const { sampleRate } = track.format;
    for (const seconds of [7, 3.5, 0, 6.2, 1]) {
      await track.seek(seconds, { signal });
      expect(track.positionFrames).toBe(Math.round(seconds * sampleRate));
      const [landed] = provenanceRuns(await readFrames(track, 1000, signal));
      expect(landed).toMatchObject({ frame: Math.round(seconds * sampleRate), frameCount: 1000 });
    }
  });
});
