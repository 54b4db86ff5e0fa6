/**
 * How fast the decoder is beside ffmpeg and npm's decoders, on the same files in the same rounds; how soon a worker gives
 * sound; what a track holds in memory.
 *
 * Each round runs every contender once, in turn, so that a busy machine is busy for all of them; the medians are
 * compared. Times carry no meaning to another machine, ratios do.
 *
 * @module
 */
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs, promisify } from 'node:util';
import { bytesSource, DecodeError, Decoder, loadSymphoniaModule } from '@tutti/decode';
import { fixturePath } from '@tutti/fixtures';
import { openAac, openFlac, openMpg123, openVorbis, type OpenPeer } from './decode/peers.ts';
import { printStarts } from './decode/start.ts';

const ROUNDS = 5;
/** The piece lasts 20 s: ten times that is more than three minutes. */
const REPEATS = 10;
/** Of eight seconds: its packets in ADTS follow each other as they are. */
const heAac = path.join(import.meta.dirname, '../packages/decode/test/media/piece-he.aac');
const HE_AAC_REPEATS = 25;
/** Default of `DecodeWorkerOptions.ringSeconds`. */
const RING_SECONDS = 2;

interface Case {
  readonly name: string;
  readonly file: string;
  /** How ffmpeg makes the file; absent where it cannot. */
  readonly encoding?: readonly string[];
  readonly openPeer?: OpenPeer;
}

interface Contender {
  /** Decodes the file once; answers the seconds of work. */
  run(): Promise<number>;
  readonly seconds: number[];
}

const cases: readonly Case[] = [
  { name: 'MP3 160k', file: 'a.mp3', encoding: ['-b:a', '160k'], openPeer: openMpg123 },
  { name: 'MP3 320k', file: 'b.mp3', encoding: ['-b:a', '320k'], openPeer: openMpg123 },
  { name: 'AAC-LC 128k, MP4', file: 'a.m4a', encoding: ['-b:a', '128k'], openPeer: openAac },
  { name: 'FLAC', file: 'a.flac', encoding: [], openPeer: openFlac },
  { name: 'Vorbis, Ogg', file: 'a.ogg', encoding: ['-c:a', 'libvorbis', '-q:a', '5'], openPeer: openVorbis },
  { name: 'ALAC, MP4', file: 'b.m4a', encoding: ['-c:a', 'alac'] },
  { name: 'Opus 128k, Ogg', file: 'a.opus', encoding: ['-c:a', 'libopus', '-b:a', '128k'] },
  { name: 'HE-AAC 48k, ADTS', file: 'a.aac' },
  { name: 'WAV', file: 'a.wav', encoding: [] },
];

/**
 * Prints tables: × real time, ratios to ffmpeg and to a peer (above 1 this decoder is faster), memory, and the start; with `--start`
 * the start alone, with `--only AAC` the files whose names have that word.
 */
export async function run(options: readonly string[]): Promise<void> {
  const {
    start,
    only,
    'one-row': oneRow,
  } = parseArgs({
    args: [...options],
    options: { start: { type: 'boolean' }, only: { type: 'string', default: '' }, 'one-row': { type: 'string' } },
  }).values;
  if (start === true) return printStarts();
  if (oneRow !== undefined) return printRow(oneRow);
  try {
    await ffmpeg('-version');
  } catch {
    process.stdout.write('there is no ffmpeg on this machine: nothing to make the files with, nothing to compare with\n');
    return;
  }
  process.stdout.write(`medians of ${ROUNDS} rounds, Node ${process.version}; ratios above 1: this decoder is faster\n\n`);
  process.stdout.write('| file | × real time | to ffmpeg | to npm peer | peer | memory of a track |\n|---|---|---|---|---|---|\n');
  for (const { name } of cases) {
    // A process for each: what one codec's decoders leave behind is no burden for the next one's.
    const row = [path.join(import.meta.dirname, 'main.ts'), 'decode', '--one-row', name];
    if (name.includes(only)) process.stdout.write((await promisify(execFile)(process.execPath, row)).stdout);
  }
  if (only === '') await printStarts();
}

async function printRow(name: string): Promise<void> {
  const entry = cases.find((each) => each.name === name);
  if (entry === undefined) throw new Error(`bench decode: there is no file called ${name}`);
  const directory = await mkdtemp(path.join(tmpdir(), 'tutti-bench-'));
  try {
    process.stdout.write(`| ${(await compare(entry, directory, await loadSymphoniaModule())).join(' | ')} |\n`);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

async function compare(entry: Case, directory: string, module: WebAssembly.Module): Promise<string[]> {
  const file = path.join(directory, entry.file);
  await makeFile(entry, file);
  const bytes = await readFile(file);
  const facts = await measureTrack(bytes, module);
  if (facts === undefined) return [entry.name, 'not decoded', '', '', '', ''];

  const ours: Contender = { run: () => timed(() => decodeAll(bytes, module)), seconds: [] };
  const native: Contender = { run: () => ffmpegDecode(file), seconds: [] };
  const contenders = [ours, native];
  const peer = await entry.openPeer?.();
  const rival: Contender = { run: () => timed(async () => peer?.decode(bytes)), seconds: [] };
  if (peer !== undefined) contenders.push(rival);
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const contender of contenders) contender.seconds.push(await contender.run());
  }
  peer?.free();
  const speed = (facts.seconds / median(ours.seconds)).toFixed(0);
  const memory = `${(facts.memoryBytes / 1e6).toFixed(1)} MB`;
  return [entry.name, speed, ratio(native, ours), ratio(rival, ours), peer?.name ?? '', memory];
}

async function makeFile({ encoding, file: name }: Case, file: string): Promise<void> {
  if (encoding === undefined) {
    const packets = await readFile(heAac);
    await writeFile(file, Buffer.concat(Array.from({ length: HE_AAC_REPEATS }, () => packets)));
    return;
  }
  const music = ['-stream_loop', String(REPEATS - 1), '-i', fixturePath('piece.flac'), '-map', '0:a'];
  await ffmpeg(...music, '-sample_fmt', sampleFormat(name, encoding), ...encoding, file);
}

/** FLAC and ALAC take what the source has; the others choose. */
function sampleFormat(file: string, encoding: readonly string[]): string {
  if (encoding.includes('alac')) return 's16p';
  if (encoding.includes('libvorbis') || file.endsWith('.m4a')) return 'fltp';
  return file.endsWith('.mp3') ? 's16p' : 's16';
}

/** Seconds of music and the bytes that a track holds at its end: the module's memory and a worker's ring. */
async function measureTrack(
  bytes: Uint8Array,
  module: WebAssembly.Module,
): Promise<{ readonly seconds: number; readonly memoryBytes: number } | undefined> {
  try {
    using decoder = await Decoder.open(bytesSource(bytes), { module });
    const { sampleRate, channelCount } = decoder.info;
    let [frames, moduleBytes] = [0, 0];
    for (let chunk = decoder.decode(); chunk !== undefined; chunk = decoder.decode()) {
      frames += chunk.frameCount;
      moduleBytes = Math.max(moduleBytes, decoder.memoryBytes);
    }
    const ringBytes = RING_SECONDS * sampleRate * channelCount * Float32Array.BYTES_PER_ELEMENT;
    return { seconds: frames / sampleRate, memoryBytes: moduleBytes + ringBytes };
  } catch (error) {
    if (error instanceof DecodeError && error.code === 'decode/unsupported') return undefined;
    throw error;
  }
}

async function decodeAll(bytes: Uint8Array, module: WebAssembly.Module): Promise<void> {
  using decoder = await Decoder.open(bytesSource(bytes), { module });
  while (decoder.decode() !== undefined);
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return (performance.now() - start) / 1000;
}

/** Seconds between ffmpeg's own start and end: what starting a process costs is not counted. */
async function ffmpegDecode(file: string): Promise<number> {
  const stderr = await ffmpeg('-benchmark', '-threads', '1', '-i', file, '-map', '0:a:0', '-c:a', 'pcm_f32le', '-f', 'null', '-');
  return Number(/rtime=([\d.]+)s/.exec(stderr)?.[1] ?? 0);
}

async function ffmpeg(...args: readonly string[]): Promise<string> {
  return (await promisify(execFile)('ffmpeg', ['-nostdin', '-hide_banner', ...args])).stderr;
}

function ratio(other: Contender, ours: Contender): string {
  return other.seconds.length === 0 ? '–' : (median(other.seconds) / median(ours.seconds)).toFixed(2);
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}
