/** Reader module for tests: serves shared memory, blocks where bytes are withheld, and tells the main thread what it does. */
import type { ByteSource, ReaderContext } from '../src/byte-source.ts';

/** Words of the control block. */
export const GateWord = {
  /** Bytes from the start that may be read. */
  released: 0,
  /** 1: reads throw. 2: reads end the thread. */
  failing: 1,
  /** Counts reads that began to wait. */
  waits: 2,
  isClosed: 3,
  /** Furthest byte that was read. */
  furthest: 4,
} as const;

export interface GatedReaderData {
  readonly bytes: SharedArrayBuffer;
  readonly control: SharedArrayBuffer;
  readonly hidesLength: boolean;
  /** What the making of the source does instead of making it. */
  readonly misbehaviour: 'none' | 'throws' | 'rejects' | 'never-settles' | 'gives-nothing' | 'throws-text';
}

/** An error of another package, with context and a cause. */
export class GateError extends Error {
  override readonly name = 'GateError';
  readonly code = 'gate/refused';
  readonly positionBytes = 1234;
  readonly range = { start: 1, end: 2 };
  readonly notData = (): void => undefined;
}

export function createByteSource(readerData: unknown, context: ReaderContext): ByteSource | Promise<ByteSource> {
  const gate = readerData as GatedReaderData;
  switch (gate.misbehaviour) {
    case 'none':
      return new GatedSource(gate, context);
    case 'throws':
      throw new GateError('open: refused', { cause: new TypeError('underneath') });
    case 'rejects':
      return Promise.reject(new GateError('open: refused later'));
    case 'never-settles':
      Atomics.add(new Int32Array(gate.control), GateWord.waits, 1);
      Atomics.notify(new Int32Array(gate.control), GateWord.waits);
      return new Promise(() => undefined);
    case 'gives-nothing':
      return undefined as unknown as ByteSource;
    case 'throws-text':
      // oxlint-disable-next-line typescript/only-throw-error -- a module from elsewhere may do this
      throw 'just text';
  }
}

class GatedSource implements ByteSource {
  readonly #bytes: Uint8Array;
  readonly #control: Int32Array;
  readonly #context: ReaderContext;
  readonly length: number | undefined;

  constructor(gate: GatedReaderData, context: ReaderContext) {
    this.#bytes = new Uint8Array(gate.bytes);
    this.#control = new Int32Array(gate.control);
    this.#context = context;
    this.length = gate.hidesLength ? undefined : this.#bytes.length;
  }

  readAt(position: number, into: Uint8Array): number {
    for (;;) {
      const seen = Atomics.load(this.#context.doorbell, 0);
      const failing = Atomics.load(this.#control, GateWord.failing);
      if (failing === 2) process.exit(3);
      if (failing === 1) throw new GateError('read: refused', { cause: new TypeError('underneath') });
      if (position >= this.#bytes.length) return 0;
      const released = Atomics.load(this.#control, GateWord.released);
      if (position < released) {
        const part = this.#bytes.subarray(position, Math.min(position + into.length, released));
        into.set(part);
        Atomics.store(
          this.#control,
          GateWord.furthest,
          Math.max(Atomics.load(this.#control, GateWord.furthest), position + part.length),
        );
        return part.length;
      }
      Atomics.add(this.#control, GateWord.waits, 1);
      Atomics.notify(this.#control, GateWord.waits);
      this.#context.wait(seen);
    }
  }

  close(): void {
    Atomics.store(this.#control, GateWord.isClosed, 1);
  }
}
