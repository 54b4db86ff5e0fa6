import { OpusDecoder } from 'opus-decoder';
import { DecodeError } from './decode-error.ts';
import type { PacketDecoder } from './packet-decoder.ts';

/** Bytes that the decoder has room for, per channel. */
const MAX_PACKET_BYTES_PER_CHANNEL = 3840;

/**
 * By channel count: which channel of Vorbis' order, that Opus has, comes next in the order of WAV (RFC 7845, section
 * 5.1.1.2; SMPTE ST 2036-2 for the speakers).
 */
const WAV_ORDER: Readonly<Record<number, readonly number[]>> = {
  3: [0, 2, 1],
  5: [0, 2, 1, 3, 4],
  6: [0, 2, 1, 5, 3, 4],
  7: [0, 2, 1, 6, 5, 3, 4],
  8: [0, 2, 1, 7, 5, 6, 3, 4],
};

interface OpusHead {
  readonly channels: number;
  readonly streamCount: number;
  readonly coupledStreamCount: number;
  readonly channelMappingTable: number[];
}

/** libopus behind the contract of packets. `setup` is an identification header (RFC 7845, section 5.1). */
export async function createOpusPacketDecoder(setup: Uint8Array): Promise<PacketDecoder> {
  const head = parseHead(setup);
  const decoder = new OpusDecoder(head);
  await decoder.ready;
  const { channels } = head;
  return {
    decode(packet, into) {
      if (packet.length === 0 || packet.length > MAX_PACKET_BYTES_PER_CHANNEL * channels) return undefined;
      const { channelData, samplesDecoded: frameCount, sampleRate } = decoder.decodeFrame(packet);
      if (frameCount === 0 || frameCount * channels > into.length) return undefined;
      for (const [channel, samples] of channelData.entries())
        for (let frame = 0; frame < frameCount; frame += 1) into[frame * channels + channel] = samples[frame] ?? 0;
      return { sampleRate, channelCount: channels, frameCount };
    },
    // The packets before a landing settle the state that is left, as RFC 7845, section 4.6, has it.
    reset() {},
    close: () => decoder.free(),
  };
}

function parseHead(setup: Uint8Array): OpusHead {
  const channels = setup[9] ?? 0;
  const family = setup[18];
  if (family === 0 && (channels === 1 || channels === 2)) {
    return { channels, streamCount: 1, coupledStreamCount: channels - 1, channelMappingTable: channels === 2 ? [0, 1] : [0] };
  }
  const mapping = setup.subarray(21, 21 + channels);
  if (family === undefined || channels === 0 || channels > 8 || mapping.length < channels) {
    throw new DecodeError('decode/unsupported', `opus with ${channels} channels (mapping family ${family ?? '?'}) is not supported`);
  }
  const order = (family === 1 ? WAV_ORDER[channels] : undefined) ?? Array.from(mapping.keys());
  return {
    channels,
    streamCount: setup[19] ?? 0,
    coupledStreamCount: setup[20] ?? 0,
    channelMappingTable: order.map((channel) => mapping[channel] ?? 0),
  };
}
