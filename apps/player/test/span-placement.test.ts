import { describe, expect, test } from 'vitest';
import { SpanPlacement } from '../src/engine/span-placement.ts';

const at = (firstTimestampSeconds: number | undefined, sampleRate = 48_000) => ({ sampleRate, firstTimestampSeconds });
const span = (startSeconds: number, offsetSeconds = 0, timeline: number | 'none' = 0) => ({
  startSeconds,
  offsetSeconds,
  ...(timeline === 'none' ? {} : { timeline }),
});

describe('SpanPlacement', () => {
  test('joins by media time and not by what a playlist rounds', () => {
    const placement = new SpanPlacement();
    expect(placement.place({ span: span(0), info: at(1.4), followsSeconds: undefined })).toEqual({ baseFrames: 0, dropFrames: 0 });
    // The playlist says that the pre-roll begins at 8 s and lasts 4; the media begin it at 7.96 s, and what was played ends at 11.98 s.
    const joined = placement.place({ span: span(8, 4), info: at(1.4 + 7.96), followsSeconds: 11.98 });
    expect(joined).toEqual({ baseFrames: 7.96 * 48_000, dropFrames: Math.round(4.02 * 48_000) });
  });

  test('a seek lands by media time once the beginning was seen', () => {
    const placement = new SpanPlacement();
    placement.place({ span: span(0), info: at(10), followsSeconds: undefined });
    expect(placement.place({ span: span(4, 5), info: at(13.9), followsSeconds: undefined })).toEqual({
      baseFrames: 187_200,
      dropFrames: 244_800,
    });
  });

  test('a switch after the first segment has the first one as its pre-roll: it is not heard again', () => {
    const placement = new SpanPlacement();
    placement.place({ span: span(0), info: at(10), followsSeconds: undefined });
    expect(placement.place({ span: span(0, 3), info: at(10), followsSeconds: 3 })).toEqual({ baseFrames: 0, dropFrames: 144_000 });
  });

  test('a track that is entered in the middle believes the playlist first, and itself afterwards', () => {
    const placement = new SpanPlacement();
    expect(placement.place({ span: span(8, 1), info: at(50), followsSeconds: undefined })).toEqual({
      baseFrames: 384_000,
      dropFrames: 48_000,
    });
    expect(placement.place({ span: span(12, 0), info: at(54.1), followsSeconds: 12.1 })).toEqual({
      baseFrames: 580_800,
      dropFrames: 0,
    });
    expect(placement.place({ span: span(0), info: at(42), followsSeconds: undefined })).toEqual({ baseFrames: 0, dropFrames: 0 });
  });

  test('timestamps start anew on another timeline: it goes on where the sound is', () => {
    const placement = new SpanPlacement();
    placement.place({ span: span(0), info: at(1.4), followsSeconds: undefined });
    expect(placement.place({ span: span(12, 0, 1), info: at(900), followsSeconds: 12.5 })).toEqual({
      baseFrames: 600_000,
      dropFrames: 0,
    });
    expect(placement.place({ span: span(16, 0, 1), info: at(904), followsSeconds: 16.5 })).toEqual({
      baseFrames: 792_000,
      dropFrames: 0,
    });
  });

  test('the 33-bit clock may wrap', () => {
    const placement = new SpanPlacement();
    const wrap = 2 ** 33 / 90_000;
    placement.place({ span: span(0), info: at(wrap - 4), followsSeconds: undefined });
    expect(placement.place({ span: span(8, 0), info: at(4), followsSeconds: 8 }).baseFrames).toBe(384_000);
  });

  test('without timestamps the playlist is all there is', () => {
    const placement = new SpanPlacement();
    expect(placement.place({ span: span(8, 4), info: at(undefined), followsSeconds: 11.9 })).toEqual({
      baseFrames: 384_000,
      dropFrames: 192_000,
    });
    expect(placement.place({ span: span(8, 4, 'none'), info: at(3), followsSeconds: 11.9 })).toEqual({
      baseFrames: 384_000,
      dropFrames: 192_000,
    });
  });
});
