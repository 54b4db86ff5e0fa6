import type { CreateByteSource } from './byte-source.ts';
import { DecodeError } from './decode-error.ts';
import type { DecodeSpec } from './decode-spec.ts';

/** What both threads hold. */
interface Shared {
  readonly bytes: Uint8Array<SharedArrayBuffer>;
  /** Bytes received, and 1 once no more follow. */
  readonly progress: Int32Array<SharedArrayBuffer>;
}

/**
 * Bytes in memory that are still coming, for a `DecodeWorker`: the worker decodes what is there and waits for the rest.
 * For more than the simplest of downloads, a cache on disk and seeks ahead of what was fetched, there is `@tutti/stream`.
 */
export class GrowingBytes {
  readonly #shared: Shared;
  readonly #bell: Int32Array<SharedArrayBuffer>;

  /** `length` is the total in bytes, below 2 GiB; `worker` is the one that will open them. */
  constructor(length: number, worker: { readonly doorbell: SharedArrayBuffer }) {
    this.#bell = new Int32Array(worker.doorbell);
    this.#shared = {
      bytes: new Uint8Array(new SharedArrayBuffer(length)),
      progress: new Int32Array(new SharedArrayBuffer(8)),
    };
  }

  /** What `DecodeWorker.open` takes. */
  get spec(): DecodeSpec {
    return { readerModule: new URL(import.meta.url), readerData: this.#shared };
  }

  /** Adds the next bytes. Throws `RangeError` beyond the length. */
  append(part: Uint8Array): void {
    const { bytes, progress } = this.#shared;
    bytes.set(part, progress[0]);
    Atomics.add(progress, 0, part.length);
    this.#ring();
  }

  /** Says that no more follow. A reader that wants bytes which never came then gets `decode/source`. */
  end(): void {
    Atomics.store(this.#shared.progress, 1, 1);
    this.#ring();
  }

  #ring(): void {
    Atomics.add(this.#bell, 0, 1);
    Atomics.notify(this.#bell, 0);
  }
}

/** Reader module for `DecodeWorker`: `readerData` is what `GrowingBytes.spec` carries. */
export const createByteSource: CreateByteSource = (readerData, context) => {
  const { bytes, progress } = readerData as Shared;
  return {
    length: bytes.length,
    readAt(position, into) {
      for (;;) {
        const seen = Atomics.load(context.doorbell, 0);
        const isWhole = Atomics.load(progress, 1) === 1;
        const received = Atomics.load(progress, 0);
        const available = bytes.subarray(position, Math.min(received, position + into.length));
        if (available.length > 0 || position >= bytes.length) {
          into.set(available);
          return available.length;
        }
        if (isWhole) throw new DecodeError('decode/source', `read at byte ${position}: ${received} of ${bytes.length} bytes came`);
        context.wait(seen);
      }
    },
    close() {},
  };
};
