import { DecodeError } from './decode-error.ts';
import type { ByteSource } from './byte-source.ts';
import type { DecodedPacket, PacketDecoder } from './packet-decoder.ts';
import { loadWasmModule } from './wasm-module.ts';

/** What the module exports; see `symphonia-wasm/src/abi.rs`. */
export interface SymphoniaExports {
  readonly memory: WebAssembly.Memory;
  /**
   * Opens the host's source: 0, or a failure's negative status. `hasDecoder` says that the host has brought the decoder
   * that the status −7 of a call before asked for.
   */
  open(hasDecoder: number): number;
  /** Decodes: frames, 0 at the end, or a failure's negative status. */
  decode(): number;
  /** Seeks: the frame landed on, or a failure's negative status. */
  seek(frame: number): number;
  /** Address of the last chunk's samples. */
  samples(): number;
  /** Frame position of the last chunk. */
  position(): number;
  lost(): number;
  /** Address and length of the track's description or of the last failure's message, in UTF-8. */
  text(): number;
  text_length(): number;
  /** Address and length of the setup of the decoder that is asked for. */
  setup(): number;
  setup_length(): number;
}

/** One instance over one source, and the error that its last failed read threw. */
export interface SymphoniaInstance {
  readonly exports: SymphoniaExports;
  /** Decodes the packets that the module hands out. */
  packetDecoder: PacketDecoder | undefined;
  /** What the source threw since the last call of `takeSourceError`, in a box: a source may throw anything. */
  takeSourceError(): { readonly thrown: unknown } | undefined;
}

/**
 * Compiles the decoder's WebAssembly module, once per process or page. The module may be posted to any worker.
 *
 * From files that is the module with every format; over the network the smaller one, with what is on the web: MP3, AAC,
 * FLAC, Vorbis, Opus and PCM, in their own files, in MP4, Ogg and WAV. A failed load is not remembered.
 */
export async function loadSymphoniaModule(): Promise<WebAssembly.Module> {
  const whole = new URL('../wasm/symphonia.wasm', import.meta.url);
  return loadWasmModule(whole.protocol === 'file:' ? whole : new URL('../wasm/symphonia-browser.wasm', import.meta.url));
}

/**
 * Makes an instance that reads from `source`. An instance holds one stream: its memory, and a trap in it, are its own.
 */
export function instantiateSymphonia(module: WebAssembly.Module, source: ByteSource): SymphoniaInstance {
  let sourceError: { readonly thrown: unknown } | undefined;
  let memory: WebAssembly.Memory | undefined;
  let decoded: DecodedPacket | undefined;
  const host = {
    length: () => source.length ?? -1,
    read(position: number, pointer: number, length: number): number {
      if (memory === undefined) return -1;
      const into = new Uint8Array(memory.buffer, pointer, length);
      try {
        return checkedCount(source.readAt(position, into), length);
      } catch (thrown) {
        sourceError = { thrown };
        return -1;
      }
    },
    decode_packet(pointer: number, length: number, samples: number, capacity: number): number {
      if (memory === undefined) return -1;
      const packet = new Uint8Array(memory.buffer, pointer, length);
      decoded = instance.packetDecoder?.decode(packet, new Float32Array(memory.buffer, samples, capacity));
      return decoded?.frameCount ?? -1;
    },
    packet_rate: () => decoded?.sampleRate ?? 0,
    packet_channels: () => decoded?.channelCount ?? 0,
    reset_packets: (isStart: number) => instance.packetDecoder?.reset(isStart !== 0),
  };
  const exports = new WebAssembly.Instance(module, { host }).exports as unknown as SymphoniaExports;
  memory = exports.memory;
  const instance: SymphoniaInstance = {
    exports,
    packetDecoder: undefined,
    takeSourceError() {
      const taken = sourceError;
      sourceError = undefined;
      return taken;
    },
  };
  return instance;
}

function checkedCount(count: number, length: number): number {
  if (Number.isInteger(count) && count >= 0 && count <= length) return count;
  throw new DecodeError('decode/source', `read ${length} bytes: the source returned ${count}`);
}
