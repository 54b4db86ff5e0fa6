/**
 * What of the decoder runs in a browser, in a page or in a worker: bytes in memory, no SharedArrayBuffer, no Node.
 *
 * @module
 */
export type { ByteSource } from './byte-source.ts';
export { bytesSource } from './bytes-source.ts';
export { mixChannels, mixingGains, type MixOptions } from './channel-mix.ts';
export { DecodeError, type DecodeErrorCode } from './decode-error.ts';
export { Decoder, type DecoderOptions } from './decoder.ts';
export { readTags, type Artwork, type FileTags } from './file-tags.ts';
export { loudnessFacts, type LoudnessFacts } from './loudness-facts.ts';
export { toInt16, toInt24, type IntegerOptions } from './pcm-integers.ts';
export { deinterleave } from './pcm-planes.ts';
export { RateConverter, type RateConverterOptions } from './rate-converter.ts';
export { loadSymphoniaModule } from './symphonia-module.ts';
export { TpdfDither } from './tpdf-dither.ts';
export type { PcmChunk, TrackInfo } from './track-info.ts';
