import { DecodeError } from './decode-error.ts';
import { createHeAacPacketDecoder } from './heaac-packet-decoder.ts';

/** Interleaved samples of one packet. */
export interface DecodedPacket {
  /** Frames per second. */
  readonly sampleRate: number;
  readonly channelCount: number;
  readonly frameCount: number;
}

/** Decodes the packets of one stream whose codec the Symphonia module hands out. */
export interface PacketDecoder {
  /** Bytes of WebAssembly memory that it uses. */
  readonly memoryBytes: number;
  /** Fills `into` and says with what; `undefined` where the packet is damaged or does not fit. */
  decode(packet: Uint8Array, into: Float32Array): DecodedPacket | undefined;
  /**
   * The packets that follow are not those behind the last one but the stream's first (`isStart`), or those of another place in it:
   * then what packets tell only now and then still holds.
   */
  reset(isStart: boolean): void;
  close(): void;
}

/**
 * Makes a decoder, loading its module on first use. `name` is codec and container, as in `opus in ogg`; `setup` is the codec's
 * setup as the container holds it. Throws `decode/unsupported` for a codec or a setup that no decoder takes, and for Opus in
 * a browser that gets the files as they are: only a bundler finds the package `opus-decoder` there.
 */
export async function createPacketDecoder(name: string, setup: Uint8Array): Promise<PacketDecoder> {
  if (name.startsWith('opus')) {
    const { createOpusPacketDecoder } = await import('./opus-packet-decoder.ts').catch((cause: unknown) => {
      throw new DecodeError('decode/unsupported', `${name} needs the package opus-decoder: bundle it with the page`, { cause });
    });
    return createOpusPacketDecoder(setup);
  }
  if (name.startsWith('he-aac')) return createHeAacPacketDecoder(name, setup);
  throw new DecodeError('decode/unsupported', `${name} is not supported`);
}
