import { readFile } from 'node:fs/promises';
import { channelOf, fixturePath, id3Timestamp, locate, noiseSignal, provenanceRuns } from '@tutti/fixtures';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { HlsStage } from './hls-stage.ts';

let stage: HlsStage;
beforeEach(async () => {
  stage = await HlsStage.open();
});
afterEach(() => stage[Symbol.asyncDispose]());

/** Where the segments of `hls/provenance` begin, and where the last one ends. */
const [SECOND, THIRD, END] = [133_632, 267_264, 352_800];
const EXTINF = ['#EXTINF:3.030204,', '#EXTINF:3.030204,', '#EXTINF:1.939592,'];

function putVod(path: string, lines: readonly string[]): void {
  stage.origin.put(path, ['#EXTM3U', '#EXT-X-TARGETDURATION:4', ...lines, '#EXT-X-ENDLIST', ''].join('\n'));
}

/** Playlist lines of segments of `hls/provenance`. */
function provenance(variant: number, indexes: readonly number[]): readonly string[] {
  const lines = indexes.flatMap((index) => [EXTINF[index]!, `variant-${variant}/segment-${index}.m4s`]);
  return [`#EXT-X-MAP:URI="variant-${variant}/init.mp4"`, ...lines];
}

describe('fMP4', () => {
  test('plays several init sections and all segments as byte ranges of one file', async () => {
    const names = [1, 2].flatMap((variant) =>
      ['init.mp4', 'segment-0.m4s', 'segment-1.m4s', 'segment-2.m4s'].map((name) => ({ variant, name })),
    );
    const files = await Promise.all(
      names.map(({ name, variant }) => readFile(fixturePath(`hls/provenance/variant-${variant}/${name}`))),
    );
    stage.origin.put('/all.mp4', Buffer.concat(files));
    const lines: string[] = [];
    let offset = 0;
    for (const [index, { length }] of files.entries()) {
      const number = index % 4;
      if (index === 4) lines.push('#EXT-X-DISCONTINUITY');
      if (number === 0) lines.push(`#EXT-X-MAP:URI="all.mp4",BYTERANGE="${length}@${offset}"`);
      // Only the first range of each half says where it begins.
      else lines.push(EXTINF[number - 1]!, `#EXT-X-BYTERANGE:${length}${number === 1 ? `@${offset}` : ''}`, 'all.mp4');
      offset += length;
    }
    putVod('/list.m3u8', lines);
    const { jumps, samples } = await stage.play('/list.m3u8');
    expect(jumps).toEqual([]);
    expect(provenanceRuns(samples)).toEqual([
      { at: 0, variant: 1, frame: 0, frameCount: END },
      { at: END, variant: 2, frame: 0, frameCount: END },
    ]);
  });

  test.each([
    ['a new', ['#EXT-X-DISCONTINUITY', ...provenance(2, [0, 1])], 2],
    ['the same', ['#EXT-X-DISCONTINUITY', ...provenance(1, [0, 1]).slice(1)], 1],
  ])('goes on after a discontinuity with %s init section, whose timestamps begin anew', async (_, lines, variant) => {
    putVod('/hls/provenance/list.m3u8', [...provenance(1, [1, 2]), ...lines]);
    const { jumps, samples } = await stage.play('/hls/provenance/list.m3u8');
    expect(jumps).toEqual([]);
    expect(provenanceRuns(samples)).toEqual([
      { at: 0, variant: 1, frame: SECOND, frameCount: END - SECOND },
      { at: END - SECOND, variant, frame: 0, frameCount: THIRD },
    ]);
  });

  test.each([
    ['EXTINF to the microsecond', (line: string) => line],
    [
      'EXTINF in whole seconds',
      (line: string) => line.replace(/#EXTINF:([\d.]+)/u, (_, seconds) => `#EXTINF:${Math.round(Number(seconds))}`),
    ],
  ])('plays a gap as silence of its length: %s', async (_, written) => {
    const lines = provenance(1, [0, 1, 2]).map((line) => written(line));
    putVod('/hls/provenance/list.m3u8', lines.toSpliced(3, 0, '#EXT-X-GAP'));
    const { jumps, samples } = await stage.play('/hls/provenance/list.m3u8');
    expect(jumps).toEqual([]);
    expect(provenanceRuns(samples)).toEqual([
      { at: 0, variant: 1, frame: 0, frameCount: SECOND },
      { at: THIRD, variant: 1, frame: THIRD, frameCount: END - THIRD },
    ]);
    expect(samples.subarray(SECOND * 2, THIRD * 2).every((sample) => sample === 0)).toBe(true);
  });
});

describe('MPEG-TS and packed audio', () => {
  test('go on after a discontinuity with the first frame of what follows', async () => {
    const whole = await stage.play('/hls/ts/192k/media.m3u8');
    const segment = (index: number) => ['#EXTINF:3,', `segment-${index}.ts`];
    putVod('/hls/ts/192k/list.m3u8', [...segment(0), ...segment(1), '#EXT-X-DISCONTINUITY', ...[0, 1, 2, 3].flatMap(segment)]);
    const { jumps, samples } = await stage.play('/hls/ts/192k/list.m3u8');
    expect(jumps).toEqual([]);
    const join = samples.length - whole.samples.length;
    expect(samples.subarray(0, join)).toEqual(whole.samples.subarray(0, join));
    expect(samples.subarray(join)).toEqual(whole.samples);
  });

  test('play MP3 in MPEG-TS', async () => {
    const { jumps, samples } = await stage.play('/hls/ts-mp3/multivariant.m3u8');
    expect(jumps).toEqual([]);
    expectNoise(samples);
  });

  test('play packed MP3 with ID3 timestamps', async () => {
    const file = await readFile(fixturePath('noise-1.mp3'));
    const frames = mp3Frames(file);
    const cut = Math.floor(frames.length / 2);
    stage.origin.put('/s0.mp3', Buffer.concat([id3Timestamp(900_000), ...frames.slice(0, cut)]));
    stage.origin.put(
      '/s1.mp3',
      Buffer.concat([id3Timestamp(900_000 + Math.round((cut * 1152 * 90_000) / 44_100)), ...frames.slice(cut)]),
    );
    putVod('/list.m3u8', ['#EXTINF:2.5,', 's0.mp3', '#EXTINF:2.5,', 's1.mp3']);
    const { jumps, samples } = await stage.play('/list.m3u8');
    expect(jumps).toEqual([]);
    expectNoise(samples);
  });
});

/** All of noise 1 is there, in one piece. */
function expectNoise(samples: Float32Array): void {
  const left = channelOf(samples, { channel: 0, channelCount: 2 });
  const found = [0.5, 2, 3, 4].map((seconds) => {
    const startFrame = seconds * 44_100;
    const excerpt = noiseSignal({ variant: 1, channel: 0, startFrame, frameCount: 8000 });
    const { correlation, frame } = locate(left, excerpt);
    expect(correlation).toBeGreaterThan(0.9);
    return frame - startFrame;
  });
  expect(new Set(found).size).toBe(1);
}

/** The frames of an MP3 file of one bit rate without CRC, the frame with the encoder's notes left out. */
function mp3Frames(file: Buffer): readonly Buffer[] {
  const bitRates = [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320];
  const frames: Buffer[] = [];
  let at = file.subarray(0, 3).toString('latin1') === 'ID3' ? 10 + (file[8]! << 7) + file[9]! : 0;
  while (file[at] === 0xff) {
    const length = Math.floor((144_000 * bitRates[file[at + 2]! >> 4]!) / 44_100) + ((file[at + 2]! >> 1) & 1);
    frames.push(file.subarray(at, at + length));
    at += length;
  }
  return frames.filter((frame) => !/Xing|Info/u.test(frame.subarray(0, 60).toString('latin1')));
}
