import { provenanceRuns } from '@tutti/fixtures';
import { ThroughputEstimator } from '@tutti/hls';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { HlsStage } from './hls-stage.ts';

/** A line that is slow and fast in turn, each time that somebody asks: the rung changes at every segment. */
class FickleLine extends ThroughputEstimator {
  #askedCount = 0;

  override get bitsPerSecond(): number {
    this.#askedCount += 1;
    return this.#askedCount % 2 === 1 ? 1 : 1e9;
  }
}

let stage: HlsStage;
beforeEach(async () => {
  stage = await HlsStage.open();
});
afterEach(() => stage[Symbol.asyncDispose]());

const fickle = () => ({ throughput: new FickleLine(), rule: { dwellSeconds: 0 } });

function putLadder(path: string, rungs: readonly (readonly [codecs: string, uri: string])[]): void {
  const lines = rungs.flatMap(([codecs, uri], index) => [`#EXT-X-STREAM-INF:BANDWIDTH=${index + 1}0000,CODECS="${codecs}"`, uri]);
  stage.origin.put(path, ['#EXTM3U', ...lines].join('\n'));
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
