import type { ByteSource } from './byte-source.ts';
import { DecodeError, type DecodeErrorCode } from './decode-error.ts';
import type { MediaHint } from './media-hint.ts';
import { createPacketDecoder } from './packet-decoder.ts';
import { adaptSegments } from './segment-adapter.ts';
import { instantiateSymphonia, loadSymphoniaModule, type SymphoniaInstance } from './symphonia-module.ts';
import { parseDescription } from './track-description.ts';
import type { PcmChunk, TrackInfo } from './track-info.ts';

export interface DecoderOptions {
  /** The compiled decoder. Default: `loadSymphoniaModule()`. */
  readonly module?: WebAssembly.Module;
  /** What is known about the bytes: how segments are joined. Default: the bytes tell. */
  readonly hint?: MediaHint;
}

/** The module asks for a decoder of packets: `FOREIGN` of `symphonia-wasm/src/failure.rs`. */
const NEEDS_PACKET_DECODER = -7;

/**
 * One audio stream: bytes in, PCM with integer frame positions out. Not re-entrant, and as blocking as its source.
 *
 * Whatever the byte source throws surfaces unchanged from the call that caused the read; the call may then be repeated
 * on a source that can seek, and goes on where it was. Everything else is a `DecodeError`. A damaged packet is neither:
 * it becomes silence of its own length and counts in `lostPackets`, so that positions stay those of the stream.
 */
export class Decoder {
  /** What opening told about the track. */
  readonly info: TrackInfo;
  readonly #source: ByteSource;
  #instance: SymphoniaInstance | undefined;
  #trap: DecodeError | undefined;

  private constructor(source: ByteSource, instance: SymphoniaInstance, info: TrackInfo) {
    this.#source = source;
    this.#instance = instance;
    this.info = info;
  }

  /**
   * Opens a stream. Reads its head and the first packet; in process `source` must never block. Throws
   * `decode/unsupported`, `decode/not-media`, `decode/empty`, `decode/damaged`, `decode/trap`, or what the source throws;
   * the source then stays open and belongs to the caller.
   */
  static async open(source: ByteSource, options: DecoderOptions = {}): Promise<Decoder> {
    const module = options.module ?? (await loadSymphoniaModule());
    const adapted = adaptSegments(source, options.hint);
    const instance = instantiateSymphonia(module, adapted.source);
    try {
      await openInstance(instance);
      const isSeekable = adapted.source.length !== undefined;
      const info = adapted.describe(parseDescription(readText(instance), isSeekable));
      return new Decoder(adapted.source, instance, info);
    } catch (error) {
      instance.packetDecoder?.close();
      throw error;
    }
  }

  /** Packets that could not be decoded so far; their frames were silence. */
  get lostPackets(): number {
    return this.#instance?.exports.lost() ?? 0;
  }

  /** Bytes of WebAssembly memory that the stream uses; at most 256 MiB. */
  get memoryBytes(): number {
    if (this.#instance === undefined) return 0;
    const { exports, packetDecoder } = this.#instance;
    return exports.memory.buffer.byteLength + (packetDecoder?.memoryBytes ?? 0);
  }

  /** The next frames, or `undefined` at the proven end, however often it is asked. */
  decode(): PcmChunk | undefined {
    const instance = this.#open('decode');
    const frameCount = this.#call(() => instance.exports.decode());
    throwSourceError(instance);
    if (frameCount < 0) throw failure(frameCount, instance);
    if (frameCount === 0) return undefined;
    const { exports } = instance;
    const samples = new Float32Array(exports.memory.buffer, exports.samples(), frameCount * this.info.channelCount);
    return { positionFrames: exports.position(), frameCount, samples };
  }

  /**
   * Moves to `frame` exactly, or to the end where that comes first, and returns where it is: the next chunk begins there
   * with the samples that decoding from the start would give. On a source of unknown length only forward.
   */
  seek(frame: number): number {
    if (!Number.isSafeInteger(frame) || frame < 0) throw new RangeError(`seek: frame ${frame} is not a frame index`);
    const instance = this.#open('seek');
    const landed = this.#call(() => instance.exports.seek(frame));
    throwSourceError(instance);
    if (landed < 0) throw failure(landed, instance);
    return landed;
  }

  /** Frees the decoder and closes the source. Idempotent; every later call throws `decode/closed`. */
  close(): void {
    if (this.#instance === undefined) return;
    this.#instance.packetDecoder?.close();
    this.#instance = undefined;
    this.#source.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #open(operation: string): SymphoniaInstance {
    if (this.#instance === undefined) throw new DecodeError('decode/closed', `${operation}: the decoder is closed`);
    if (this.#trap !== undefined) throw this.#trap;
    return this.#instance;
  }

  #call(call: () => number): number {
    try {
      return callGuarded(call);
    } catch (error) {
      if (error instanceof DecodeError) this.#trap = error;
      throw error;
    }
  }
}

async function openInstance(instance: SymphoniaInstance): Promise<void> {
  const { exports } = instance;
  let status = callGuarded(() => exports.open(0));
  throwSourceError(instance);
  if (status === NEEDS_PACKET_DECODER) {
    const setup = new Uint8Array(exports.memory.buffer, exports.setup(), exports.setup_length()).slice();
    instance.packetDecoder = await createPacketDecoder(readText(instance), setup);
    status = callGuarded(() => exports.open(1));
    throwSourceError(instance);
  }
  if (status < 0) throw failure(status, instance);
}

/** Runs one call into the module; a trap leaves its memory in no state to be called again. */
function callGuarded(call: () => number): number {
  try {
    return call();
  } catch (cause) {
    if (cause instanceof WebAssembly.RuntimeError || cause instanceof RangeError) {
      throw new DecodeError('decode/trap', `the decoder trapped: ${cause.message}`, { cause });
    }
    throw cause;
  }
}

function throwSourceError(instance: SymphoniaInstance): void {
  const sourceError = instance.takeSourceError();
  if (sourceError !== undefined) throw sourceError.thrown;
}

/** What the module says about a failed call. It does not know what the bytes are called: whoever opened them names them. */
function failure(status: number, instance: SymphoniaInstance): DecodeError {
  return new DecodeError(codeOfStatus(status), readText(instance));
}

/** The statuses of `Failure::status` in `symphonia-wasm/src/failure.rs`. */
function codeOfStatus(status: number): DecodeErrorCode {
  switch (status) {
    case -2:
      return 'decode/unsupported';
    case -3:
      return 'decode/not-media';
    case -4:
      return 'decode/empty';
    case -5:
      return 'decode/damaged';
    case -6:
      return 'decode/not-seekable';
    default:
      return 'decode/source';
  }
}

const decoder = new TextDecoder();

function readText({ exports }: SymphoniaInstance): string {
  return decoder.decode(new Uint8Array(exports.memory.buffer, exports.text(), exports.text_length()));
}
