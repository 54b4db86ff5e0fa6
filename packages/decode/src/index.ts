/**
 * Symphonia compiled to WebAssembly: bytes in, PCM out; in this thread (`Decoder`) or in a worker (`DecodeWorker`).
 *
 * @module
 */
export type { ByteSource, CreateByteSource, ReaderContext } from './byte-source.ts';
export { bytesSource, bytesSpec } from './bytes-source.ts';
export { mixChannels, mixingGains, type MixOptions } from './channel-mix.ts';
export { DecodeError, type DecodeErrorCode } from './decode-error.ts';
export type { DecodeSpec } from './decode-spec.ts';
export type { DecodeStream } from './decode-stream.ts';
export { DecodeWorker, type DecodeWorkerOptions } from './decode-worker.ts';
export { Decoder, type DecoderOptions } from './decoder.ts';
export { fileByteSource, fileSpec } from './file-source.ts';
export { readTags, type Artwork, type FileTags } from './file-tags.ts';
export { GrowingBytes } from './growing-source.ts';
export { Interpolator, type Interpolation } from './interpolator.ts';
export { loudnessFacts, type LoudnessFacts } from './loudness-facts.ts';
export type { MediaHint } from './media-hint.ts';
export { toInt16, toInt24, type IntegerOptions } from './pcm-integers.ts';
export { deinterleave } from './pcm-planes.ts';
export type { PcmRead } from './pcm-ring.ts';
export { RateConverter, type RateConverterOptions } from './rate-converter.ts';
export { Resampler, type ResampledCounts, type ResamplerOptions } from './resampler.ts';
export { loadSymphoniaModule } from './symphonia-module.ts';
export { TpdfDither } from './tpdf-dither.ts';
export type { PcmChunk, TrackInfo } from './track-info.ts';
