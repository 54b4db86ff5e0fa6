import { readFile } from 'node:fs/promises';
import { fixturePath, provenanceHls, provenanceRuns } from '@tutti/fixtures';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { HlsStage } from './hls-stage.ts';

let stage: HlsStage;
beforeEach(async () => {
  stage = await HlsStage.open();
});
afterEach(() => stage[Symbol.asyncDispose]());

const inWholeSeconds = (line: string): string =>
  line.replace(/^#EXTINF:([\d.]+)/u, (_, seconds) => `#EXTINF:${Math.ceil(Number(seconds))}`);

describe('a track that is entered in the middle, though its EXTINF are rounded', () => {
  test.each([0.2, 0.6, 0.9])('gives, without loss, the frame that lies there: at %d of its length', async (share) => {
    const sampleRate = 8000;
    const music = provenanceHls({ sampleRate, segmentBlocks: Array.from({ length: 30 }, (_, index) => 4 + ((index * 7) % 5)) });
    stage.origin.put('/init.mp4', music.init);
    const lines = music.segments.flatMap(({ bytes, frameCount }, index) => {
      stage.origin.put(`/${index}.m4s`, bytes);
      return [inWholeSeconds(`#EXTINF:${frameCount / sampleRate},`), `${index}.m4s`];
    });
    stage.origin.put('/list.m3u8', ['#EXTM3U', '#EXT-X-MAP:URI="init.mp4"', ...lines, '#EXT-X-ENDLIST'].join('\n'));
    const frame = Math.round(share * music.frameCount);
    const { jumps, samples } = await stage.play('/list.m3u8', { startSeconds: frame / sampleRate });
    expect(jumps).toEqual([]);
    expect(provenanceRuns(samples)).toEqual([{ at: 0, variant: 0, frame, frameCount: music.frameCount - frame }]);
  });

  // Each has its own kind of timestamp: tfdt with an edit list, PTS and ID3, the latter two far from 0.
  test.each([
    ['fmp4', 20],
    ['ts', 11],
    ['aac', 11],
  ])('gives the frame that lies there: %s', async (set, seconds) => {
    const playlist = await readFile(fixturePath(`hls/${set}/192k/media.m3u8`), 'utf8');
    stage.origin.put(`/hls/${set}/192k/rounded.m3u8`, playlist.split('\n').map(inWholeSeconds).join('\n'));
    const whole = await stage.play(`/hls/${set}/192k/media.m3u8`);
    const frame = Math.round(0.8 * seconds * 44_100);
    const { jumps, samples } = await stage.play(`/hls/${set}/192k/rounded.m3u8`, { startSeconds: frame / 44_100 });
    expect(jumps).toEqual([]);
    expect(samples.length).toBe(whole.samples.length - frame * 2);
    const errors = [-2, -1, 0, 1, 2].map((shift) => difference(samples, whole.samples.subarray((frame + shift) * 2)));
    expect(errors.indexOf(Math.min(...errors))).toBe(2);
    // Not 0: AAC fills noise bands from a generator whose state depends on where decoding began.
    expect(errors[2]).toBeLessThan(0.01);
  });

  test('believes the playlist where the beginning cannot be had', async () => {
    const missing = { fault: 'status', faultStatus: 404, faultPath: 'segment-0.m4s', faultEvery: 1 } as const;
    stage.origin.configure(missing);
    const { jumps, samples } = await stage.play('/hls/provenance/variant-1/media.m3u8', { startSeconds: 7 });
    expect(jumps).toEqual([]);
    expect(provenanceRuns(samples)).toEqual([{ at: 0, variant: 1, frame: 308_700, frameCount: 44_100 }]);
  });
});

/** Power of what two signals do not share, against that of the second. */
function difference(one: Float32Array, other: Float32Array): number {
  let [error, power] = [0, 0];
  const count = Math.min(one.length, other.length);
  for (let at = 0; at < count; at += 1) {
    error += ((one[at] ?? 0) - (other[at] ?? 0)) ** 2;
    power += (other[at] ?? 0) ** 2;
  }
  return error / power;
}
