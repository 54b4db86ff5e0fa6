import { execFileSync } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fixturePath, provenanceRuns } from '@tutti/fixtures';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { hasFfmpeg } from '../../../fixtures/test/require-ffmpeg.ts';
import { fickle, HlsStage } from './hls-stage.ts';

let stage: HlsStage;
beforeEach(async () => {
  stage = await HlsStage.open();
});
afterEach(() => stage[Symbol.asyncDispose]());

function putLadder(path: string, rungs: readonly (readonly [codecs: string, uri: string])[]): void {
  const lines = rungs.flatMap(([codecs, uri], index) => [`#EXT-X-STREAM-INF:BANDWIDTH=${index + 1}0000,CODECS="${codecs}"`, uri]);
  stage.origin.put(path, ['#EXTM3U', ...lines].join('\n'));
}

/** Puts the piece, which the AAC sets hold, on the origin as FLAC in fMP4. */
async function putLosslessPiece(folder: string): Promise<void> {
  const scratch = await mkdtemp(join(tmpdir(), 'tutti-'));
  try {
    const muxer = ['-f', 'hls', '-hls_segment_type', 'fmp4', '-hls_time', '3', '-hls_list_size', '0'];
    const encoding = ['-map', '0:a', '-c:a', 'flac', '-strict', 'experimental'];
    execFileSync('ffmpeg', ['-v', 'error', '-i', fixturePath('piece.flac'), ...encoding, ...muxer, 'media.m3u8'], { cwd: scratch });
    for (const name of await readdir(scratch)) stage.origin.put(`${folder}/${name}`, await readFile(join(scratch, name)));
  } finally {
    await rm(scratch, { recursive: true });
  }
}

function firstDifference(one: Float32Array, other: Float32Array): number {
  return one.findIndex((sample, index) => sample !== other[index]);
}

/** Correlation coefficient of two signals over some frames. */
function correlation(one: Float32Array, other: Float32Array, frames: readonly [number, number]): number {
  let [product, onePower, otherPower] = [0, 0, 0];
  for (let at = frames[0] * 2; at < frames[1] * 2; at += 1) {
    product += (one[at] ?? 0) * (other[at] ?? 0);
    onePower += (one[at] ?? 0) ** 2;
    otherPower += (other[at] ?? 0) ** 2;
  }
  return product / Math.sqrt(onePower * otherPower);
}

describe('a run that changes its variant at every segment', () => {
  test('is, lossless, every frame once, each of the variant that was to play', async () => {
    putLadder('/hls/provenance/ladder.m3u8', [
      ['fLaC', 'variant-1/media.m3u8'],
      ['fLaC', 'variant-2/media.m3u8'],
    ]);
    const { jumps, samples } = await stage.play('/hls/provenance/ladder.m3u8', fickle());
    expect(jumps).toEqual([]);
    expect(provenanceRuns(samples)).toEqual([
      { at: 0, variant: 1, frame: 0, frameCount: 133_632 },
      { at: 133_632, variant: 2, frame: 133_632, frameCount: 133_632 },
      { at: 267_264, variant: 1, frame: 267_264, frameCount: 85_536 },
    ]);
  });

  test('changes its codec too, and joins to the frame though the codecs cut elsewhere', async () => {
    putLadder('/hls/mixed.m3u8', [
      ['fLaC', 'provenance/variant-1/media.m3u8'],
      ['alac', 'alac/variant-3/media.m3u8'],
    ]);
    const { jumps, samples } = await stage.play('/hls/mixed.m3u8', fickle());
    expect(jumps).toEqual([]);
    expect(samples.length / 2).toBe(352_800);
    // The signals of the two variants are as different as can be: each join takes its 5 ms.
    const runs = provenanceRuns(samples).filter(({ frameCount }) => frameCount > 221);
    expect(runs.map(({ at, frame, variant }) => [variant, frame - at])).toEqual([
      [1, 0],
      [3, 0],
      [1, 0],
    ]);
    expect(runs.reduce((sum, { frameCount }) => sum + frameCount, 0)).toBeGreaterThan(352_800 - 2 * 221);
  });

  test.skipIf(!hasFfmpeg)(
    'is in step between lossy and lossless: what an encoder puts before the music takes no time',
    async () => {
      await putLosslessPiece('/hls/piece');
      putLadder('/hls/kinds.m3u8', [
        ['mp4a.40.2', 'fmp4/192k/media.m3u8'],
        ['fLaC', 'piece/media.m3u8'],
      ]);
      const lossy = await stage.play('/hls/fmp4/192k/media.m3u8');
      const lossless = await stage.play('/hls/piece/media.m3u8');
      const { jumps, samples } = await stage.play('/hls/kinds.m3u8', fickle());
      expect(jumps).toEqual([]);
      expect(samples.length / 2).toBe(882_000);
      // The second second of each segment of three.
      for (let index = 0; index < 6; index += 1) {
        const own = index % 2 === 0 ? lossy : lossless;
        const [from, to] = [(3 * index + 1) * 88_200, (3 * index + 2) * 88_200];
        expect(firstDifference(samples.subarray(from, to), own.samples.subarray(from, to)), `segment ${index}`).toBe(-1);
      }
    },
  );

  test.each(['fmp4', 'ts', 'aac'])('has, lossy (%s), no gap, repeat or click at its joins', async (set) => {
    const path = `/hls/${set}/multivariant.m3u8`;
    const low = await stage.play(path, { variant: 'lowest' });
    const high = await stage.play(path, { variant: 'highest' });
    const { events, jumps, samples } = await stage.play(path, fickle());
    expect(events.filter(({ type }) => type === 'variant').length).toBeGreaterThan(3);
    expect(jumps).toEqual([]);
    expect(samples.length).toBe(low.samples.length);

    // Up to the first join it is the one variant, 5 ms after it the other, to the last bit.
    const join = firstDifference(samples, low.samples) / 2;
    expect(join / 44_100).toBeCloseTo(3, 1);
    const after = samples.subarray((join + 221) * 2, (join + 100_000) * 2);
    expect(after).toEqual(high.samples.subarray((join + 221) * 2, (join + 100_000) * 2));
    for (const channel of [0, 1]) {
      const at = join * 2 + channel;
      const step = samples[at]! - samples[at - 2]! - (high.samples[at]! - high.samples[at - 2]!);
      const withoutSmoothing = Math.abs(high.samples[at - 2]! - low.samples[at - 2]!);
      expect(Math.abs(step)).toBeLessThan(withoutSmoothing / 100);
    }

    // Each segment is nearer to its own variant than to the other, and in step with it.
    for (let index = 0; index * join + join <= samples.length / 2; index += 1) {
      const middle = [index * join + 20_000, (index + 1) * join - 20_000] as const;
      const [own, other] = index % 2 === 0 ? [low, high] : [high, low];
      const likeness = correlation(samples, own.samples, middle);
      expect(likeness).toBeGreaterThan(0.98);
      expect(likeness).toBeGreaterThan(correlation(samples, other.samples, middle));
    }
  });
});
