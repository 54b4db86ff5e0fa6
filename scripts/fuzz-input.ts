import { bytesSource, DecodeError, Decoder } from '@tutti/decode';
import type { Random } from './fuzz-mutate.ts';

export interface FuzzOutcome {
  /** `decoded`, or the code of the error that ended it. */
  readonly end: string;
  /** WebAssembly memory that the decoder took. */
  readonly memoryBytes: number;
}

const SEEKS = 3;
/** A header that lies may announce hours of silence: this much of a stream is decoded. */
const MAX_FRAMES = 4_000_000;

/**
 * Opens, decodes, and seeks in one input. Whatever is thrown and is no `DecodeError` goes through: it escaped.
 */
export async function runInput(bytes: Uint8Array, random: Random): Promise<FuzzOutcome> {
  let decoder: Decoder | undefined;
  try {
    decoder = await Decoder.open(bytesSource(bytes));
    const frames = decodeFrames(decoder);
    for (let n = 0; n < SEEKS && decoder.info.isSeekable; n += 1) {
      const target = Math.floor(random() * (frames + 1000));
      decoder.seek(target);
      decoder.decode();
    }
    return { end: 'decoded', memoryBytes: decoder.memoryBytes };
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    return { end: error.code, memoryBytes: decoder?.memoryBytes ?? 0 };
  } finally {
    decoder?.close();
  }
}

function decodeFrames(decoder: Decoder): number {
  let frames = 0;
  for (let chunk = decoder.decode(); chunk !== undefined && frames < MAX_FRAMES; chunk = decoder.decode()) {
    if (chunk.positionFrames !== frames) throw new Error(`a chunk begins at ${chunk.positionFrames} instead of ${frames}`);
    for (const sample of chunk.samples) if (!Number.isFinite(sample)) throw new Error(`a sample is ${sample}`);
    frames += chunk.frameCount;
  }
  return frames;
}
