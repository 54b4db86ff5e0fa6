import type { DecodeStream, TrackInfo } from '@tutti/decode';
import type { MediaSpan, SpanReader } from '@tutti/stream';
import type { PcmFormat } from '../output/output.ts';
import type { Placement } from './span-placement.ts';

/** One span being played: a decoder's stream, or silence for a gap. */
export interface OpenSpan {
  readonly span: MediaSpan;
  /** `undefined` for a gap. */
  readonly info: TrackInfo | undefined;
  readonly format: PcmFormat;
  /** Frame at which the decoder was told to begin. */
  readonly startFrame: number;
  readonly lostPackets: number;
  read(
    into: Float32Array,
  ):
    | { readonly kind: 'pcm'; readonly frameCount: number; readonly positionFrames: number }
    | { readonly kind: 'empty' }
    | { readonly kind: 'end' };
  waitReadable(signal: AbortSignal): Promise<void>;
  seek(frame: number, signal: AbortSignal): Promise<void>;
  close(): Promise<void>;
}

export interface DecodedSpanParts {
  readonly span: MediaSpan;
  readonly stream: DecodeStream;
  readonly reader: SpanReader;
  readonly startFrame: number;
}

/** A span that a decoder plays. Closing it closes the stream and releases the reader. */
export function decodedSpan({ span, stream, reader, startFrame }: DecodedSpanParts): OpenSpan {
  const format: PcmFormat = { sampleRate: stream.info.sampleRate, channelCount: stream.info.channelCount };
  return {
    span,
    info: stream.info,
    format,
    startFrame,
    get lostPackets() {
      return stream.lostPackets;
    },
    read: (into) => stream.read(into),
    waitReadable: (signal) => stream.waitReadable({ signal }),
    async seek(frame, signal) {
      await stream.seek(frame, { signal });
    },
    async close() {
      await stream.close();
      await reader.release();
    },
  };
}

/** A gap: silence of its listed length. */
export function gapSpan(span: MediaSpan, format: PcmFormat): OpenSpan {
  const frameCount = Math.round((span.durationSeconds ?? 0) * format.sampleRate);
  let position = Math.min(frameCount, Math.round(span.offsetSeconds * format.sampleRate));
  return {
    span,
    info: undefined,
    format,
    startFrame: position,
    lostPackets: 0,
    read(into) {
      const count = Math.min(frameCount - position, into.length / format.channelCount);
      if (count === 0) return { kind: 'end' };
      into.fill(0, 0, count * format.channelCount);
      position += count;
      return { kind: 'pcm', frameCount: count, positionFrames: position - count };
    },
    async waitReadable() {},
    async seek(frame) {
      position = Math.min(frame, frameCount);
    },
    async close() {},
  };
}

/** What is missing of a gap that was listed shorter than it is, by the timestamps of what follows; a listing is not wrong by more than a gap. */
export function restOfGap(
  { span }: OpenSpan,
  {
    followsSeconds,
    format,
    placement,
  }: { readonly followsSeconds: number; readonly format: PcmFormat; readonly placement: Placement | undefined },
): OpenSpan | undefined {
  const durationSeconds = (placement?.baseFrames ?? 0) / format.sampleRate - followsSeconds;
  if (durationSeconds * format.sampleRate < 1 || durationSeconds > (span.durationSeconds ?? 0)) return undefined;
  return gapSpan({ ...span, startSeconds: followsSeconds, durationSeconds, offsetSeconds: 0 }, format);
}
