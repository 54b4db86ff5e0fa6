/** Files in the containers and codecs that the fixtures lack, made by ffmpeg from the fixtures' piece. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fixturePath } from '@tutti/fixtures';

/** Frames of the piece at 44.1 kHz. */
export const PIECE_FRAMES = 882_000;

export interface MadeFile {
  readonly name: string;
  /** ffmpeg's options for the output. */
  readonly options: string;
  readonly codec: string;
  readonly container: string;
  /** Frames that come out; by default those of the piece. */
  readonly frames?: number;
  /** The least agreement with ffmpeg's own decoding, in dB; by default identical. */
  readonly agreementDb?: number;
  /** How often the piece is played. Default 1. */
  readonly times?: number;
}

const LOSSY_DB = 90;
const OPUS_FRAMES = (PIECE_FRAMES / 44_100) * 48_000;
const FIVE_ONE = '-af pan=5.1|FL=FL|FR=FR|FC=0.5*FL+0.5*FR|LFE=0.2*FL|BL=0.5*FL|BR=0.4*FR';

export const MADE_FILES: readonly MadeFile[] = [
  { name: 'flac.mka', options: '-c:a flac', codec: 'flac', container: 'mkv' },
  { name: 'flac.ogg', options: '-c:a flac', codec: 'flac', container: 'ogg' },
  { name: 'flac.mp4', options: '-c:a flac -strict -2', codec: 'flac', container: 'mp4' },
  { name: 'alac.mka', options: '-c:a alac', codec: 'alac', container: 'mkv' },
  { name: 'alac.caf', options: '-c:a alac', codec: 'alac', container: 'caf' },
  { name: 'pcm.mka', options: '-c:a pcm_s16le', codec: 'pcm', container: 'mkv' },
  { name: 'rf64.wav', options: '-c:a pcm_s16le -rf64 always', codec: 'pcm', container: 'wav' },
  { name: 'float.wav', options: '-c:a pcm_f32le', codec: 'pcm', container: 'wav' },
  { name: 'mulaw.aiff', options: '-c:a pcm_mulaw -f aiff', codec: 'pcm', container: 'aiff' },
  { name: 'mulaw.caf', options: '-c:a pcm_mulaw', codec: 'pcm', container: 'caf' },
  { name: 'ima.wav', options: '-c:a adpcm_ima_wav', codec: 'adpcm', container: 'wav', frames: 882_756 },
  { name: 'ms.wav', options: '-c:a adpcm_ms', codec: 'adpcm', container: 'wav', frames: 882_464 },
  { name: 'layer2.mp2', options: '-c:a mp2 -b:a 192k', codec: 'mp2', container: 'mp2', frames: 882_432, agreementDb: LOSSY_DB },
  {
    name: 'cbr.mp3',
    options: '-c:a libmp3lame -b:a 128k -write_xing 0 -id3v2_version 0',
    codec: 'mp3',
    container: 'mp3',
    frames: 883_584,
    agreementDb: LOSSY_DB,
  },
  {
    name: 'vbr.mp3',
    options: '-c:a libmp3lame -q:a 4 -write_xing 0',
    codec: 'mp3',
    container: 'mp3',
    frames: 883_584,
    agreementDb: LOSSY_DB,
  },
  {
    name: 'low.mp3',
    options: '-c:a libmp3lame -b:a 48k -ar 22050',
    codec: 'mp3',
    container: 'mp3',
    frames: 441_000,
    agreementDb: LOSSY_DB,
  },
  { name: 'mp3.mp4', options: '-c:a libmp3lame -b:a 160k', codec: 'mp3', container: 'mp4', agreementDb: LOSSY_DB },
  { name: 'mp3.mka', options: '-c:a libmp3lame -b:a 160k', codec: 'mp3', container: 'mkv', frames: 883_105, agreementDb: LOSSY_DB },
  { name: 'aac.mka', options: '-c:a aac -aac_pns 0', codec: 'aac', container: 'mkv', frames: 883_712, agreementDb: LOSSY_DB },
  { name: 'aac.m4a', options: '-c:a aac -aac_pns 0', codec: 'aac', container: 'mp4', agreementDb: LOSSY_DB },
  { name: 'aac-51.m4a', options: `${FIVE_ONE} -c:a aac -aac_pns 0`, codec: 'aac', container: 'mp4', agreementDb: LOSSY_DB },
  {
    name: 'vorbis.webm',
    options: '-c:a libvorbis -q:a 4',
    codec: 'vorbis',
    container: 'mkv',
    frames: 882_496,
    agreementDb: LOSSY_DB,
  },
  { name: 'vorbis-51.ogg', options: `${FIVE_ONE} -c:a libvorbis -q:a 4`, codec: 'vorbis', container: 'ogg', agreementDb: LOSSY_DB },
  { name: 'opus.opus', options: '-c:a libopus', codec: 'opus', container: 'ogg', frames: OPUS_FRAMES, agreementDb: LOSSY_DB },
  { name: 'opus.webm', options: '-c:a libopus', codec: 'opus', container: 'mkv', frames: OPUS_FRAMES, agreementDb: LOSSY_DB },
  { name: 'opus.mp4', options: '-c:a libopus', codec: 'opus', container: 'mp4', frames: OPUS_FRAMES, agreementDb: LOSSY_DB },
  {
    name: 'opus-51.mka',
    options: `${FIVE_ONE} -c:a libopus -mapping_family 1`,
    codec: 'opus',
    container: 'mkv',
    frames: OPUS_FRAMES,
    agreementDb: LOSSY_DB,
  },
];

/** Makes one file in a folder of its own process; `directory.remove` deletes it. */
export function mediaDirectory(): { readonly make: (file: MadeFile) => string; readonly remove: () => void } {
  const directory = mkdtempSync(join(tmpdir(), 'tutti-'));
  return {
    make: ({ name, options, times = 1 }) => {
      const path = join(directory, name);
      const arguments_ = [
        '-v',
        'error',
        '-nostdin',
        '-y',
        '-stream_loop',
        `${times - 1}`,
        '-i',
        fixturePath('piece.flac'),
        '-map_metadata',
        '-1',
      ];
      execFileSync('ffmpeg', [...arguments_, ...options.split(' '), path]);
      return path;
    },
    remove: () => rmSync(directory, { recursive: true }),
  };
}
