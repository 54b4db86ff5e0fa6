import { open, type FileHandle } from 'node:fs/promises';
import type { Output, PcmFormat } from './output.ts';
import { OutputError } from './output-error.ts';
import { encodeSamples, sampleFormatFor, type SampleFormat } from './pcm-encoding.ts';
import { unknownLength, wavHeader, wavHeaderBytes } from './wav-header.ts';

export interface FileOptions {
  /** Default: 16 bit, 24 bit for sources with more. */
  readonly sampleFormat?: SampleFormat;
  /** Begin with a WAV header (default), or write bare samples. */
  readonly hasHeader?: boolean;
}

/**
 * Writes a WAV file, or bare samples, as fast as sound comes. Until it is closed the header says "length unknown", so that a file
 * that was cut off by a crash still plays.
 */
export function createFileOutput(filePath: string, options: FileOptions = {}): Output {
  const hasHeader = options.hasHeader ?? true;
  let file: FileHandle | undefined;
  let format: PcmFormat = { sampleRate: 0, channelCount: 0 };
  let sampleFormat: SampleFormat = options.sampleFormat ?? 's16';
  let dataBytes = 0;

  const headerBytes = hasHeader ? wavHeaderBytes : 0;
  const writeHeader = async (handle: FileHandle, length: number): Promise<void> => {
    if (hasHeader) await guard(writeAll(handle, wavHeader(format, sampleFormat, length), 0), filePath);
  };
  const close = async (): Promise<void> => {
    const handle = file;
    file = undefined;
    if (handle === undefined) return;
    try {
      await writeHeader(handle, dataBytes);
    } finally {
      await handle.close();
    }
  };
  return {
    kind: 'file',
    description: filePath,
    queuedFrames: 0,
    underrunCount: 0,
    async open(source) {
      format = { sampleRate: source.sampleRate, channelCount: source.channelCount };
      sampleFormat = options.sampleFormat ?? sampleFormatFor(source.bitsPerSample);
      file = await guard(open(filePath, 'w'), filePath);
      await writeHeader(file, unknownLength);
      return format;
    },
    async waitWritable({ signal }) {
      signal.throwIfAborted();
    },
    async write(samples) {
      if (file === undefined) throw new OutputError('output/unwritable', `write ${filePath}: the file is not open`);
      const bytes = encodeSamples(samples, sampleFormat);
      await guard(writeAll(file, bytes, headerBytes + dataBytes), filePath);
      dataBytes += bytes.length;
    },
    revoke: () => 0,
    async drain({ signal }) {
      signal.throwIfAborted();
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

async function writeAll(file: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < bytes.length;) {
    done += (await file.write(bytes, done, bytes.length - done, position + done)).bytesWritten;
  }
}

async function guard<T>(work: Promise<T>, filePath: string): Promise<T> {
  try {
    return await work;
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : 'unknown error';
    if (code === 'ENOSPC' || code === 'EDQUOT') {
      throw new OutputError('output/no-space', `write ${filePath}: the disk is full: free some space or choose another place`, {
        cause,
      });
    }
    throw new OutputError('output/unwritable', `write ${filePath}: ${code}: check that the folder exists and may be written to`, {
      cause,
    });
  }
}
