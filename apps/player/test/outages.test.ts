import { setTimeout as sleep } from 'node:timers/promises';
import { BreakingLink, provenanceHls, provenanceRuns, startOrigin, type Origin } from '@tutti/fixtures';
import { describe, test } from 'vitest';
import { openCache } from '../src/compose.ts';
import { Track } from '../src/engine/track.ts';
import { openMedia } from '../src/media/open-media.ts';
import { readFrames } from './read-track.ts';
import { temporaryHome } from './run-tutti.ts';

const signal = AbortSignal.timeout(100_000);

/** As real as it gets: longer than any answer takes, shorter than the patience of the client. */
const outageMs = 10_000;

const sampleRate = 8000;
/** Two minutes in segments of 4.1 s: what is fetched ahead when the link breaks is not all. */
const music = provenanceHls({ sampleRate, segmentBlocks: Array.from({ length: 30 }, () => 8) });

function put(origin: Origin): void {
  const lines = ['#EXTM3U', '#EXT-X-VERSION:7', '#EXT-X-TARGETDURATION:5', '#EXT-X-PLAYLIST-TYPE:VOD', '#EXT-X-MAP:URI="init.mp4"'];
  origin.put('/init.mp4', music.init);
  for (const [index, { bytes, frameCount }] of music.segments.entries()) {
    origin.put(`/${index}.m4s`, bytes);
    lines.push(`#EXTINF:${(frameCount / sampleRate).toFixed(6)},`, `${index}.m4s`);
  }
  origin.put('/list.m3u8', [...lines, '#EXT-X-ENDLIST', ''].join('\n'));
}

describe.concurrent('while it plays', () => {
  test.for(['refused', 'reset', 'black-holed'] as const)(
    'an origin that is %s for ten seconds costs a pause, and not a frame',
    async (outage, { expect }) => {
      await using home = await temporaryHome();
      await using origin = await startOrigin({ root: home.directory });
      put(origin);
      await using link = await BreakingLink.to(origin.port);
      await using cache = await openCache({ directory: home.file('cache') });
      const events: string[] = [];
      const url = `http://127.0.0.1:${link.port}/list.m3u8`;
      await using media = await openMedia(url, { cache, signal, onEvent: ({ type }) => events.push(type) });
      await using track = await Track.open(media, { signal });

      const before = await readFrames(track, 10 * sampleRate, signal);
      await link.goDown(outage);
      events.length = 0;
      const reading = readFrames(track, music.frameCount, signal);
      await sleep(outageMs);
      expect(events.at(-1)).toBe('buffering');
      await link.comeUp();
      const after = await reading;

      expect(events).toContain('playing');
      const pcm = new Float32Array(before.length + after.length);
      pcm.set(before);
      pcm.set(after, before.length);
      expect(provenanceRuns(pcm)).toEqual([{ at: 0, variant: 0, frame: 0, frameCount: music.frameCount }]);
    },
  );
});
