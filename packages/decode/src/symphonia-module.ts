import { DecodeError } from './decode-error.ts';
import type { ByteSource } from './byte-source.ts';

/** What the module exports; see `symphonia-wasm/src/abi.rs`. */
export interface SymphoniaExports {
  readonly memory: WebAssembly.Memory;
  /** Opens the host's source: 0, or a failure's negative status. */
  open(): number;
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
}

/** One instance over one source, and the error that its last failed read threw. */
export interface SymphoniaInstance {
  readonly exports: SymphoniaExports;
  /** What the source threw since the last call of `takeSourceError`, in a box: a source may throw anything. */
  takeSourceError(): { readonly thrown: unknown } | undefined;
}

let compiled: Promise<WebAssembly.Module> | undefined;

/**
 * Compiles the decoder's WebAssembly module, once per process or page. The module may be posted to any worker.
 *
 * From files that is the module with every format; over the network the smaller one, with what is on the web: MP3, AAC,
 * FLAC, Vorbis and PCM, in their own files, in MP4, Ogg and WAV. A failed load is not remembered.
 */
export async function loadSymphoniaModule(): Promise<WebAssembly.Module> {
  compiled ??= compile().catch((error: unknown) => {
    compiled = undefined;
    throw error;
  });
  return compiled;
}

async function compile(): Promise<WebAssembly.Module> {
  const whole = new URL('../wasm/symphonia.wasm', import.meta.url);
  // An import, even one never reached, would keep bundlers from building this for a browser.
  if (whole.protocol === 'file:') return WebAssembly.compile(await process.getBuiltinModule('node:fs/promises').readFile(whole));
  const url = new URL('../wasm/symphonia-browser.wasm', import.meta.url);
  const response = await fetch(url);
  if (!response.ok) throw new DecodeError('decode/source', `load ${url.pathname}: the server answered ${response.status}`);
  return WebAssembly.compile(await response.arrayBuffer());
}

/**
 * Makes an instance that reads from `source`. An instance holds one stream: its memory, and a trap in it, are its own.
 */
export function instantiateSymphonia(module: WebAssembly.Module, source: ByteSource): SymphoniaInstance {
  let sourceError: { readonly thrown: unknown } | undefined;
  let memory: WebAssembly.Memory | undefined;
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
  };
  const exports = new WebAssembly.Instance(module, { host }).exports as unknown as SymphoniaExports;
  memory = exports.memory;
  return {
    exports,
    takeSourceError() {
      const taken = sourceError;
      sourceError = undefined;
      return taken;
    },
  };
}

function checkedCount(count: number, length: number): number {
  if (Number.isInteger(count) && count >= 0 && count <= length) return count;
  throw new DecodeError('decode/source', `read ${length} bytes: the source returned ${count}`);
}
