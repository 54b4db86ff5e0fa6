import type { PcmFormat } from './output.ts';
import { bytesPerSample, type SampleFormat } from './pcm-encoding.ts';

/** Length that says "unknown, until the end of the file": what a stream or an unfinished file carries. */
export const unknownLength = 0xffffffff;

/** Bytes before the samples. */
export const wavHeaderBytes = 44;

/**
 * RIFF/WAVE header: canonical 44 bytes, format 1 (integer) or 3 (IEEE float).
 * @param dataBytes length of the samples; what does not fit into 32 bits is written as unknown.
 * @see Microsoft, "Multimedia Programming Interface and Data Specifications 1.0", 1991
 */
export function wavHeader(format: PcmFormat, sampleFormat: SampleFormat, dataBytes: number): Uint8Array {
  const header = new Uint8Array(wavHeaderBytes);
  const view = new DataView(header.buffer);
  const blockBytes = bytesPerSample(sampleFormat) * format.channelCount;
  const isKnown = dataBytes <= unknownLength - wavHeaderBytes;
  const text = (offset: number, value: string): void => {
    for (let index = 0; index < value.length; index++) view.setUint8(offset + index, value.charCodeAt(index));
  };
  text(0, 'RIFF');
  view.setUint32(4, isKnown ? dataBytes + wavHeaderBytes - 8 : unknownLength, true);
  text(8, 'WAVEfmt ');
  view.setUint32(16, 16, true);
  view.setUint16(20, sampleFormat === 'f32' ? 3 : 1, true);
  view.setUint16(22, format.channelCount, true);
  view.setUint32(24, format.sampleRate, true);
  view.setUint32(28, format.sampleRate * blockBytes, true);
  view.setUint16(32, blockBytes, true);
  view.setUint16(34, bytesPerSample(sampleFormat) * 8, true);
  text(36, 'data');
  view.setUint32(40, isKnown ? dataBytes : unknownLength, true);
  return header;
}
