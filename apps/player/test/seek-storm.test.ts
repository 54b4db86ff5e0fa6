import { createCipheriv } from 'node:crypto';
import { provenanceHls, provenanceRuns, seededRandom, startOrigin, type Origin } from '@tutti/fixtures';
import { describe, expect, test } from 'vitest';
import { openCache } from '../src/compose.ts';
import { Engine } from '../src/engine/engine.ts';
import { Track } from '../src/engine/track.ts';
import { openMedia } from '../src/media/open-media.ts';
import { createFileOutput } from '../src/output/file.ts';
import { readFrames } from './read-track.ts';
import { pcmOf, temporaryHome } from './run-tutti.ts';

const sampleRate = 8000;
/** Segments of 2 to 6 seconds: four minutes in all. */
const music = provenanceHls({ sampleRate, segmentBlocks: Array.from({ length: 60 }, (_, index) => 4 + ((index * 7) % 9)) });

const seeksPerRun = 100;
const key = Buffer.alloc(16, 7);

interface Layout {
  readonly name: string;
  /** Text of EXTINF. */
  readonly duration: (seconds: number) => string;
  readonly kind: 'files' | 'ranges' | 'encrypted';
}

const exact = (seconds: number): string => seconds.toFixed(6);
const layouts: readonly Layout[] = [
  { name: 'files', duration: exact, kind: 'files' },
  { name: 'files whose EXTINF are rounded to whole seconds', duration: (seconds) => String(Math.round(seconds)), kind: 'files' },
  { name: 'files whose EXTINF are rounded up', duration: (seconds) => String(Math.ceil(seconds)), kind: 'files' },
  { name: 'byte ranges of one file', duration: exact, kind: 'ranges' },
  { name: 'AES-128 segments', duration: exact, kind: 'encrypted' },
];

/** Puts the layout at `/list.m3u8`; gives the number of resources that it is made of. */
function put(origin: Origin, { duration, kind }: Layout): number {
  const lines = ['#EXTM3U', '#EXT-X-VERSION:7', '#EXT-X-TARGETDURATION:7', '#EXT-X-PLAYLIST-TYPE:VOD', '#EXT-X-MAP:URI="init.mp4"'];
  origin.put('/init.mp4', music.init);
  if (kind === 'ranges') origin.put('/all.m4s', Buffer.concat(music.segments.map(({ bytes }) => bytes)));
  if (kind === 'encrypted') {
    origin.put('/0.key', key);
    lines.push('#EXT-X-KEY:METHOD=AES-128,URI="0.key"');
  }
  for (const [index, { bytes, frameCount }] of music.segments.entries()) {
    lines.push(`#EXTINF:${duration(frameCount / sampleRate)},`);
    if (kind === 'ranges') lines.push(`#EXT-X-BYTERANGE:${bytes.length}${index === 0 ? '@0' : ''}`, 'all.m4s');
    else {
      lines.push(`${index}.m4s`);
      origin.put(`/${index}.m4s`, kind === 'encrypted' ? encrypted(bytes, index) : bytes);
    }
  }
  origin.put('/list.m3u8', [...lines, '#EXT-X-ENDLIST', ''].join('\n'));
  return music.segments.length + (kind === 'encrypted' ? 3 : 2);
}

function encrypted(bytes: Uint8Array, mediaSequence: number): Buffer {
  const iv = Buffer.alloc(16);
  iv.writeUInt32BE(mediaSequence, 12);
  const cipher = createCipheriv('aes-128-cbc', key, iv);
  return Buffer.concat([cipher.update(bytes), cipher.final()]);
}

/** Seeks to random places; each must be met to the frame, and played on without a skip. */
async function storm(track: Track, random: () => number, signal: AbortSignal): Promise<void> {
  const lastFrame = Math.floor(Math.min(track.durationSeconds ?? 0, music.frameCount / sampleRate) * sampleRate) - 1;
  for (let seek = 0; seek < seeksPerRun; seek += 1) {
    const frame = Math.floor(random() * lastFrame);
    // Now and then long enough to cross into the next segment or two.
    const wantedFrames = Math.min(seek % 10 === 0 ? 8 * sampleRate : 700, music.frameCount - frame);
    await track.seek(frame / sampleRate, { signal });
    expect(track.positionFrames).toBe(frame);
    const pcm = await readFrames(track, wantedFrames, signal);
    expect(provenanceRuns(pcm)).toEqual([{ at: 0, variant: 0, frame, frameCount: wantedFrames }]);
  }
}

describe.each(layouts)('a storm of seeks over $name', (layout) => {
  test('lands on every frame, uncached and cached, and never asks for what it has', async ({ signal }) => {
    await using home = await temporaryHome();
    await using origin = await startOrigin({ root: home.directory });
    const resourceCount = put(origin, layout);
    await using cache = await openCache({ directory: home.file('cache') });
    const random = seededRandom(4);
    await using media = await openMedia(origin.url('list.m3u8'), { cache, signal });
    await using track = await Track.open(media, { signal });
    await storm(track, random, signal);
    // What a seek leaves behind half fetched is asked for once more, from where it ended.
    expect(origin.requests.length).toBeLessThanOrEqual(resourceCount + seeksPerRun);
    expect(origin.sentBytes).toBeLessThan(music.frameCount * 4 * 1.5);
    await media.fill();
    origin.resetLog();
    await storm(track, random, signal);
    expect(origin.requests).toEqual([]);
  });
});

describe('scrubbing faster than the line can follow', () => {
  test('a seek that the next one overtakes leaves nothing behind, and the last one counts', async ({ signal }) => {
    await using home = await temporaryHome();
    await using origin = await startOrigin({ root: home.directory, behaviour: { latencyMs: 5 } });
    put(origin, layouts[0]!);
    await using cache = await openCache({ directory: home.file('cache') });
    await using media = await openMedia(origin.url('list.m3u8'), { cache, signal });
    await using track = await Track.open(media, { signal });
    const random = seededRandom(5);
    for (let seek = 0; seek < 60; seek += 1) {
      const overtaken = new AbortController();
      const seeking = track.seek(random() * 200, { signal: overtaken.signal });
      overtaken.abort();
      await expect(seeking).rejects.toBe(overtaken.signal.reason);
      expect(track.read(new Float32Array(4096)).kind).toBe('empty');
    }
    await track.seek(200, { signal });
    const pcm = await readFrames(track, music.frameCount, signal);
    const frame = 200 * sampleRate;
    expect(provenanceRuns(pcm)).toEqual([{ at: 0, variant: 0, frame, frameCount: music.frameCount - frame }]);
  });

  test('never ends the track', async ({ signal }) => {
    await using home = await temporaryHome();
    await using origin = await startOrigin({ root: home.directory, behaviour: { latencyMs: 5 } });
    put(origin, layouts[0]!);
    await using cache = await openCache({ directory: home.file('cache') });
    await using output = createFileOutput(home.file('scrubbed.wav'));
    const random = seededRandom(6);
    const ended: string[] = [];
    const engine = new Engine({
      output,
      queue: [{ label: 'track', open: (openSignal) => openMedia(origin.url('list.m3u8'), { cache, signal: openSignal }) }],
      onEvent: ({ type }) => {
        if (type === 'track-end' || type === 'track-failed') ended.push(type);
        if (type !== 'first-pcm') return;
        for (let seek = 0; seek < 40; seek += 1) engine.seekBy((random() - 0.3) * 60);
        engine.seek(200);
      },
    });
    await engine.run({ signal });
    expect(ended).toEqual(['track-end']);
    const { bytes } = await pcmOf(home.file('scrubbed.wav'));
    const pcm = new Int16Array(bytes.buffer, bytes.byteOffset, bytes.length / 2);
    const frame = 200 * sampleRate;
    expect(provenanceRuns(pcm).at(-1)).toMatchObject({ variant: 0, frame, frameCount: music.frameCount - frame });
  });
});
