/**
 * How fast the decoder is beside ffmpeg and npm's decoders, on the same files in the same rounds.
 *
 * Each round runs every contender once, in turn, so that a busy machine is busy for all of them; the medians are
 * compared. Times carry no meaning to another machine, ratios do.
 *
 * @module
 */
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { FLACDecoder } from '@wasm-audio-decoders/flac';
import { OggVorbisDecoder } from '@wasm-audio-decoders/ogg-vorbis';
import { MPEGDecoder } from 'mpg123-decoder';
import { bytesSource, Decoder, loadSymphoniaModule } from '@tutti/decode';
import { fixturePath } from '@tutti/fixtures';

const ROUNDS = 7;
/** The fixtures last 5 to 20 s: often enough that a run takes a good part of a second. */
const REPEATS = 12;

interface Case {
  readonly file: string;
  readonly name: string;
  readonly peer?: { readonly name: string; open(): Promise<Peer> };
}

interface Peer {
  /** Decodes a whole file and returns its frames. */
  decode(bytes: Uint8Array): Promise<number>;
  free(): void;
}

interface Contender {
  readonly name: string;
  /** Decodes the file `REPEATS` times; answers the seconds of work. */
  run(): Promise<number>;
  readonly seconds: number[];
}

const cases: readonly Case[] = [
  { file: 'piece.mp3', name: 'MP3 160k', peer: { name: 'mpg123-decoder', open: openMpg123 } },
  { file: 'piece.m4a', name: 'AAC-LC 128k, MP4' },
  { file: 'piece.flac', name: 'FLAC', peer: { name: '@wasm-audio-decoders/flac', open: openFlac } },
  { file: 'piece.ogg', name: 'Vorbis, Ogg', peer: { name: '@wasm-audio-decoders/ogg-vorbis', open: openVorbis } },
  { file: 'piece-alac.m4a', name: 'ALAC, MP4' },
  { file: 'piece.wav', name: 'WAV' },
];

/** Prints a table: × real time, and the ratios to ffmpeg and to a peer. Above 1 we are faster. */
export async function run(): Promise<void> {
  const module = await loadSymphoniaModule();
  const hasFfmpeg = await ffmpegSeconds('-version').then(
    () => true,
    () => false,
  );
  if (!hasFfmpeg) process.stdout.write('there is no ffmpeg on this machine: its column stays empty\n');
  process.stdout.write(`medians of ${ROUNDS} rounds, Node ${process.version}; ratios above 1: this decoder is faster\n\n`);
  process.stdout.write('| file | × real time | to ffmpeg | to npm peer | peer |\n|---|---|---|---|---|\n');
  for (const entry of cases) {
    const bytes = readFileSync(fixturePath(entry.file));
    const ours: Contender = { name: 'tutti', run: () => decodeRepeatedly(bytes, module), seconds: [] };
    const contenders = [ours];
    const ffmpeg: Contender = { name: 'ffmpeg', run: () => ffmpegDecode(entry.file), seconds: [] };
    if (hasFfmpeg) contenders.push(ffmpeg);
    const peer = await entry.peer?.open();
    const rival: Contender = { name: entry.peer?.name ?? '', run: () => peerDecode(peer, bytes), seconds: [] };
    if (peer !== undefined) contenders.push(rival);
    for (let round = 0; round < ROUNDS; round += 1) {
      for (const contender of contenders) contender.seconds.push(await contender.run());
    }
    peer?.free();
    const audioSeconds = (await durationSeconds(bytes, module)) * REPEATS;
    const speed = (audioSeconds / median(ours.seconds)).toFixed(0);
    process.stdout.write(`| ${entry.name} | ${speed} | ${ratio(ffmpeg, ours)} | ${ratio(rival, ours)} | ${rival.name} |\n`);
  }
}

async function decodeRepeatedly(bytes: Uint8Array, module: WebAssembly.Module): Promise<number> {
  const start = performance.now();
  for (let n = 0; n < REPEATS; n += 1) {
    using decoder = await Decoder.open(bytesSource(bytes), { module });
    while (decoder.decode() !== undefined);
  }
  return (performance.now() - start) / 1000;
}

async function durationSeconds(bytes: Uint8Array, module: WebAssembly.Module): Promise<number> {
  using decoder = await Decoder.open(bytesSource(bytes), { module });
  return (decoder.info.durationFrames ?? 0) / decoder.info.sampleRate;
}

async function peerDecode(peer: Peer | undefined, bytes: Uint8Array): Promise<number> {
  const start = performance.now();
  for (let n = 0; n < REPEATS; n += 1) await peer?.decode(bytes);
  return (performance.now() - start) / 1000;
}

function ffmpegDecode(file: string): Promise<number> {
  return ffmpegSeconds(
    '-threads',
    '1',
    '-stream_loop',
    String(REPEATS - 1),
    '-i',
    fixturePath(file),
    '-map',
    '0:a:0',
    '-c:a',
    'pcm_f32le',
    '-f',
    'null',
    '-',
  );
}

/** Seconds between ffmpeg's own start and end: what starting a process costs is not counted. */
async function ffmpegSeconds(...args: readonly string[]): Promise<number> {
  const { stderr } = await promisify(execFile)('ffmpeg', ['-nostdin', '-hide_banner', '-benchmark', ...args]);
  return Number(/rtime=([\d.]+)s/.exec(stderr)?.[1] ?? 0);
}

async function openMpg123(): Promise<Peer> {
  const decoder = new MPEGDecoder();
  await decoder.ready;
  return {
    async decode(bytes) {
      const { samplesDecoded } = decoder.decode(bytes);
      await decoder.reset();
      return samplesDecoded;
    },
    free: () => decoder.free(),
  };
}

async function openFlac(): Promise<Peer> {
  return wholeFiles(new FLACDecoder());
}

async function openVorbis(): Promise<Peer> {
  return wholeFiles(new OggVorbisDecoder());
}

interface WholeFileDecoder {
  readonly ready: Promise<void>;
  readonly reset: () => Promise<void>;
  readonly free: () => void;
  readonly decodeFile: (bytes: Uint8Array) => Promise<{ readonly samplesDecoded: number }>;
}

async function wholeFiles(decoder: WholeFileDecoder): Promise<Peer> {
  await decoder.ready;
  return {
    async decode(bytes) {
      const { samplesDecoded } = await decoder.decodeFile(bytes);
      await decoder.reset();
      return samplesDecoded;
    },
    free: () => decoder.free(),
  };
}

function ratio(other: Contender, ours: Contender): string {
  return other.seconds.length === 0 ? '–' : (median(other.seconds) / median(ours.seconds)).toFixed(2);
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}
