import { once } from 'node:events';
import type { Output, PcmFormat } from './output.ts';
import { OutputError } from './output-error.ts';
import { encodeSamples, sampleFormatFor, type SampleFormat } from './pcm-encoding.ts';
import { unknownLength, wavHeader } from './wav-header.ts';

export interface StdoutOptions {
  /** Default: 16 bit, 24 bit for sources with more. */
  readonly sampleFormat?: SampleFormat;
  /** Begin with a WAV header of unknown length (default), or give bare samples. */
  readonly hasHeader?: boolean;
  readonly stream?: NodeJS.WritableStream;
}

/** Writes PCM to standard output for another program, as fast as that program reads. */
export function createStdoutOutput(options: StdoutOptions = {}): Output {
  const stream = options.stream ?? process.stdout;
  let sampleFormat: SampleFormat = 's16';
  let failure: OutputError | undefined;
  const onError = (cause: Error): void => {
    failure = new OutputError('output/broken-pipe', 'write to standard output: the reading program has ended', { cause });
  };
  stream.on('error', onError);

  const throwIfBroken = (): void => {
    if (failure !== undefined) throw failure;
  };
  const writeBytes = async (bytes: Uint8Array): Promise<void> => {
    throwIfBroken();
    if (!stream.write(bytes)) await Promise.race([once(stream, 'drain'), once(stream, 'close')]).catch(throwIfBroken);
    throwIfBroken();
  };
  // The error listener stays: an EPIPE may arrive after the last write.
  const close = async (): Promise<void> => {
    await new Promise<void>((resolve) => {
      stream.write('', () => resolve());
    });
  };
  return {
    kind: 'stdout',
    description: 'standard output',
    queuedFrames: 0,
    underrunCount: 0,
    async open(source) {
      const format: PcmFormat = { sampleRate: source.sampleRate, channelCount: source.channelCount };
      sampleFormat = options.sampleFormat ?? sampleFormatFor(source.bitsPerSample);
      if (options.hasHeader ?? true) await writeBytes(wavHeader(format, sampleFormat, unknownLength));
      return format;
    },
    async waitWritable({ signal }) {
      signal.throwIfAborted();
    },
    write: (samples) => writeBytes(encodeSamples(samples, sampleFormat)),
    revoke: () => 0,
    async drain({ signal }) {
      signal.throwIfAborted();
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}
