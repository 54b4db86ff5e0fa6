import { DecodeError } from './decode-error.ts';
import type { PacketDecoder } from './packet-decoder.ts';
import { loadWasmModule } from './wasm-module.ts';

/** What the module exports; see `heaac-wasm/src/abi.rs`. */
interface HeAacExports {
  readonly memory: WebAssembly.Memory;
  /** Address of a buffer for the setup or for a packet. */
  input(length: number): number;
  /** Whether the setup in the input can be decoded. */
  open(): number;
  /** Decodes the packet in the input: frames, or −1. */
  decode(): number;
  reset(isStart: number): void;
  samples(): number;
  rate(): number;
  channels(): number;
}

/**
 * HE-AAC and HE-AAC v2 behind the contract of packets. `setup` is an AudioSpecificConfig (ISO/IEC 14496-3, section 1.6.2.1).
 * Throws `decode/unsupported`, by `name`, for a kind of AAC that is none of these.
 */
export async function createHeAacPacketDecoder(name: string, setup: Uint8Array): Promise<PacketDecoder> {
  const module = await loadWasmModule(new URL('../wasm/heaac.wasm', import.meta.url));
  let exports = open(module, setup);
  if (exports === undefined) throw new DecodeError('decode/unsupported', `${name} is not supported`);
  return {
    get memoryBytes() {
      return exports?.memory.buffer.byteLength ?? 0;
    },
    decode(packet, into) {
      if (exports === undefined) return undefined;
      put(exports, packet);
      let frameCount: number;
      try {
        frameCount = exports.decode();
      } catch (error) {
        if (!(error instanceof WebAssembly.RuntimeError)) throw error;
        // A trap leaves memory in no state to go on with: one packet is lost, and what it should have left behind.
        exports = open(module, setup);
        return undefined;
      }
      const channelCount = exports.channels();
      if (frameCount <= 0 || frameCount * channelCount > into.length) return undefined;
      into.set(new Float32Array(exports.memory.buffer, exports.samples(), frameCount * channelCount));
      return { sampleRate: exports.rate(), channelCount, frameCount };
    },
    reset: (isStart) => exports?.reset(Number(isStart)),
    close() {},
  };
}

/** An instance with an open stream, or `undefined` where the setup is of another kind. */
function open(module: WebAssembly.Module, setup: Uint8Array): HeAacExports | undefined {
  const exports = new WebAssembly.Instance(module).exports as unknown as HeAacExports;
  put(exports, setup);
  return exports.open() === 0 ? undefined : exports;
}

function put(exports: HeAacExports, bytes: Uint8Array): void {
  const address = exports.input(bytes.length);
  new Uint8Array(exports.memory.buffer, address, bytes.length).set(bytes);
}
