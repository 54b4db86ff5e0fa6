import { OpusDecoder } from 'opus-decoder';
import { DecodeError } from './decode-error.ts';
import type { PacketDecoder } from './packet-decoder.ts';

/** Opus always decodes at this rate here (RFC 7845, section 4). */
const SAMPLE_RATE = 48_000;

/**
 * By channel count: which channel of Vorbis' order, that Opus has, comes next in the order of WAV (RFC 7845, section
 * 5.1.1.2).
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

interface HeapArray<T> {
  readonly ptr: number;
  readonly buf: T;
}

/**
 * The libopus inside opus-decoder, whose version is pinned. Its own interface starts anew only asynchronously, and writes
 * damaged packets to the console.
 */
interface LibOpus {
  readonly _common: {
    readonly wasm: {
      /** The whole memory: tables, stack, decoder and buffers at its beginning, and 28 MB behind them that are never touched. */
      readonly HEAP: ArrayBuffer;
      malloc(bytes: number): number;
      /** Frames, or a negative error. */
      opus_frame_decode_float_deinterleaved(decoder: number, packet: number, length: number, samples: number): number;
    };
  };
  readonly _input: HeapArray<Uint8Array>;
  /** One plane per channel, one behind the other, each as long as the packet. */
  readonly _output: HeapArray<Float32Array>;
  readonly _decoder: number;
}

/**
 * libopus behind the contract of packets. `setup` is an identification header (RFC 7845, section 5.1).
 * Throws `decode/unsupported` for a channel layout that is none.
 */
export async function createOpusPacketDecoder(setup: Uint8Array): Promise<PacketDecoder> {
  const head = parseHead(setup);
  const { channels } = head;
  const decoder = new OpusDecoder(head);
  await decoder.ready;
  const opus = decoder as unknown as LibOpus;
  const { wasm } = opus._common;
  const { _input: input, _output: output } = opus;
  // Decoding allocates nothing: what it uses ends where the next allocation would begin.
  const heap = new Uint8Array(wasm.HEAP, 0, wasm.malloc(1));
  const initial = heap.slice();
  let isFresh = true;
  return {
    memoryBytes: heap.length,
    decode(packet, into) {
      if (packet.length === 0 || packet.length > input.buf.length) return undefined;
      isFresh = false;
      input.buf.set(packet);
      const frameCount = wasm.opus_frame_decode_float_deinterleaved(opus._decoder, input.ptr, packet.length, output.ptr);
      if (frameCount <= 0 || frameCount * channels > into.length) return undefined;
      for (let channel = 0; channel < channels; channel += 1) {
        const start = channel * frameCount;
        for (let frame = 0; frame < frameCount; frame += 1) into[frame * channels + channel] = output.buf[start + frame] ?? 0;
      }
      return { sampleRate: SAMPLE_RATE, channelCount: channels, frameCount };
    },
    // All that it knows is in its memory. Decoders made anew leave memory behind.
    reset() {
      // A damaged Ogg stream may begin anew with every page.
      if (isFresh) return;
      isFresh = true;
      heap.set(initial);
    },
    // What it holds goes with its instance.
    close() {},
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
    throw new DecodeError(
      'decode/unsupported',
      `opus with ${channels} channels (mapping family ${family ?? '?'}) is not supported`,
    );
  }
  const order = (family === 1 ? WAV_ORDER[channels] : undefined) ?? Array.from(mapping.keys());
  return {
    channels,
    streamCount: setup[19] ?? 0,
    coupledStreamCount: setup[20] ?? 0,
    channelMappingTable: order.map((channel) => mapping[channel] ?? 0),
  };
}
