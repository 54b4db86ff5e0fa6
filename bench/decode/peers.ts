import { FLACDecoder } from '@wasm-audio-decoders/flac';
import { OggVorbisDecoder } from '@wasm-audio-decoders/ogg-vorbis';
import { MPEGDecoder } from 'mpg123-decoder';

/** Another decoder of npm's. */
export interface Peer {
  readonly name: string;
  /** Decodes a whole file. */
  decode(bytes: Uint8Array): Promise<unknown>;
  free(): void;
}

export type OpenPeer = () => Promise<Peer | undefined>;

export async function openMpg123(): Promise<Peer> {
  const decoder = new MPEGDecoder();
  await decoder.ready;
  return {
    name: 'mpg123-decoder',
    async decode(bytes) {
      decoder.decode(bytes);
      await decoder.reset();
    },
    free: () => decoder.free(),
  };
}

export async function openFlac(): Promise<Peer> {
  return wholeFiles('@wasm-audio-decoders/flac', new FLACDecoder());
}

export async function openVorbis(): Promise<Peer> {
  return wholeFiles('@wasm-audio-decoders/ogg-vorbis', new OggVorbisDecoder());
}

/**
 * The one AAC decoder of npm's that is kept up is under the GPL: it is compared with where somebody has installed it beside
 * the project (`npm install --no-save @audio/decode-aac`).
 */
export async function openAac(): Promise<Peer | undefined> {
  const name = '@audio/decode-aac';
  try {
    const loaded = (await import(name)) as { default(bytes: Uint8Array): Promise<unknown> };
    return { name, decode: (bytes) => loaded.default(bytes), free() {} };
  } catch {
    return undefined;
  }
}

interface WholeFileDecoder {
  readonly ready: Promise<void>;
  readonly reset: () => Promise<void>;
  readonly free: () => void;
  readonly decodeFile: (bytes: Uint8Array) => Promise<unknown>;
}

async function wholeFiles(name: string, decoder: WholeFileDecoder): Promise<Peer> {
  await decoder.ready;
  return {
    name,
    async decode(bytes) {
      await decoder.decodeFile(bytes);
      await decoder.reset();
    },
    free: () => decoder.free(),
  };
}
