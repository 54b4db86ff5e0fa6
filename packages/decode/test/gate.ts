/** Main-thread side of `gated-reader.ts`. */
import type { DecodeSpec } from '../src/decode-spec.ts';
import type { MediaHint } from '../src/media-hint.ts';
import { GateWord, type GatedReaderData } from './gated-reader.ts';

export interface GateOptions extends Partial<Pick<GatedReaderData, 'hidesLength' | 'misbehaviour'>> {
  /** Bytes that may be read at first. Default: all. */
  readonly releasedBytes?: number;
  readonly hint?: MediaHint;
  readonly startFrame?: number;
}

export class Gate {
  readonly spec: DecodeSpec;
  readonly #control = new Int32Array(new SharedArrayBuffer(32));
  readonly #bell: Int32Array;
  #seenWaits = 0;

  constructor(bytes: Uint8Array, doorbell: SharedArrayBuffer, options: GateOptions = {}) {
    const {
      releasedBytes = bytes.length,
      hidesLength = false,
      misbehaviour = 'none',
      hint = { extension: 'wav' },
      startFrame = 0,
    } = options;
    const shared = new SharedArrayBuffer(bytes.length);
    new Uint8Array(shared).set(bytes);
    this.#bell = new Int32Array(doorbell);
    this.#control[GateWord.released] = releasedBytes;
    const readerData: GatedReaderData = {
      bytes: shared,
      control: this.#control.buffer,
      hidesLength,
      misbehaviour,
    };
    this.spec = { readerModule: new URL('./gated-reader.ts', import.meta.url), readerData, hint, startFrame };
  }

  get isClosed(): boolean {
    return Atomics.load(this.#control, GateWord.isClosed) === 1;
  }

  get furthestByte(): number {
    return Atomics.load(this.#control, GateWord.furthest);
  }

  /** Resolves when a read waits for bytes, once for every wait. */
  async reached(): Promise<void> {
    for (;;) {
      const waits = Atomics.load(this.#control, GateWord.waits);
      if (waits > this.#seenWaits) {
        this.#seenWaits = waits;
        return;
      }
      const changed = Atomics.waitAsync(this.#control, GateWord.waits, waits);
      if (changed.async) await changed.value;
    }
  }

  release(untilByte: number): void {
    this.#set(GateWord.released, untilByte);
  }

  fail(): void {
    this.#set(GateWord.failing, 1);
  }

  endThread(): void {
    this.#set(GateWord.failing, 2);
  }

  #set(word: number, value: number): void {
    Atomics.store(this.#control, word, value);
    Atomics.add(this.#bell, 0, 1);
    Atomics.notify(this.#bell, 0);
  }
}
