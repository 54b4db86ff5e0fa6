import { PcmConverter } from '../engine/pcm-converter.ts';
import type { Track } from '../engine/track.ts';
import type { VariantChoice } from '../media/open-media.ts';
import { createStdoutOutput } from '../output/stdout.ts';
import type { SampleFormat } from '../output/pcm-encoding.ts';
import { createFileOutput } from '../output/file.ts';
import type { Output, PcmFormat } from '../output/output.ts';
import { UsageError } from './describe-error.ts';
import { openSession, type CommonOptions } from './session.ts';
import { withTrack } from './single-track.ts';
import { formatTime } from './time-text.ts';

export interface DecodeOptions extends CommonOptions {
  readonly output: string;
  readonly format: 'wav' | SampleFormat;
  readonly rate?: number;
  readonly channels?: number;
  readonly start?: number;
  readonly duration?: number;
  readonly variant?: VariantChoice;
  readonly language?: string;
}

/** `tutti decode SOURCE`: as fast as the decoder goes. */
export async function runDecode(source: string, options: DecodeOptions): Promise<void> {
  if (options.json === true && options.output === '-')
    throw new UsageError('--json and PCM both want standard output: write to a file with -o');
  await using session = openSession(options);
  const { reporter, signal } = session;
  await withTrack(source, options, session, async (track) => {
    await using output = openOutput(options);
    const format: PcmFormat = {
      sampleRate: options.rate ?? track.format.sampleRate,
      channelCount: options.channels ?? track.format.channelCount,
    };
    await output.open({ ...format, bitsPerSample: track.info?.bitsPerSample });
    const frameCount = await decodeTrack({ track, output, format, durationSeconds: options.duration ?? Infinity, signal });
    const seconds = frameCount / format.sampleRate;
    reporter.event('done', { frameCount, seconds, ...format, lostPackets: track.lostPackets, ...track.info });
    const damage = track.lostPackets > 0 ? `; ${track.lostPackets} damaged packets left out` : '';
    reporter.line(
      `decoded ${formatTime(seconds)} (${frameCount} frames, ${format.sampleRate} Hz, ${format.channelCount} channels)${damage}`,
    );
  });
}

function openOutput({ output, format }: DecodeOptions): Output {
  const shape = format === 'wav' ? { hasHeader: true } : { hasHeader: false, sampleFormat: format };
  return output === '-' ? createStdoutOutput(shape) : createFileOutput(output, shape);
}

interface DecodeJob {
  readonly track: Track;
  readonly output: Output;
  readonly format: PcmFormat;
  readonly durationSeconds: number;
  readonly signal: AbortSignal;
}

/** Decodes, converts and writes; the answer is the number of frames written. */
async function decodeTrack({ track, output, format, durationSeconds, signal }: DecodeJob): Promise<number> {
  const buffer = new Float32Array(64 * 1024);
  let converter: PcmConverter | undefined;
  let frameCount = 0;
  const write = async (samples: Float32Array): Promise<void> => {
    if (samples.length === 0) return;
    await output.write(samples);
    frameCount += samples.length / format.channelCount;
  };
  for (let endFrames = Infinity; ;) {
    signal.throwIfAborted();
    const read = track.read(buffer);
    if (read.kind === 'end') break;
    if (read.kind === 'empty') {
      await track.waitReadable({ signal });
      continue;
    }
    if (converter?.takes(read.format) !== true) {
      await write(converter?.finish() ?? new Float32Array(0));
      converter = new PcmConverter(read.format, format);
      if (endFrames === Infinity) endFrames = read.positionFrames + Math.round(durationSeconds * read.format.sampleRate);
    }
    const wanted = Math.max(0, endFrames - read.positionFrames) * read.format.channelCount;
    await write(converter.convert(read.samples.subarray(0, Math.min(read.samples.length, wanted))));
    if (wanted <= read.samples.length) break;
  }
  await write(converter?.finish() ?? new Float32Array(0));
  return frameCount;
}
