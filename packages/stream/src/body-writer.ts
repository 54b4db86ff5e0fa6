import type { StreamingResource } from '@tutti/storage';

/** Bytes handed to the disk and not yet written: enough for it to join small chunks, little enough to hold in memory. */
const maximumPendingBytes = 512 * 1024;

/** Writes the chunks of one body one behind the other, without waiting for each: the storage joins what is waiting. */
export class BodyWriter {
  readonly #resource: StreamingResource;
  readonly #onWritten: ((position: number) => void) | undefined;
  #nextPosition: number;
  #writtenPosition: number;
  #last: Promise<void> = Promise.resolve();
  #failure: { readonly error: unknown } | undefined;

  constructor(resource: StreamingResource, position: number, onWritten?: (position: number) => void) {
    this.#resource = resource;
    this.#onWritten = onWritten;
    this.#nextPosition = position;
    this.#writtenPosition = position;
  }

  /** Offset after the last byte that readers can see. */
  get writtenPosition(): number {
    return this.#writtenPosition;
  }

  /** Takes over `bytes`. Resolves when more may be pushed; rejects with what an earlier write failed with. */
  async push(bytes: Uint8Array): Promise<void> {
    if (bytes.length === 0) return;
    this.#throwFailure();
    const start = this.#nextPosition;
    this.#nextPosition += bytes.length;
    this.#last = this.#resource.writeAt(start, bytes).then(
      () => this.#written(start + bytes.length),
      (error: unknown) => void (this.#failure ??= { error }),
    );
    if (this.#nextPosition - this.#writtenPosition >= maximumPendingBytes) await this.flush();
  }

  /** Resolves when everything is written. */
  async flush(): Promise<void> {
    await this.#last;
    this.#throwFailure();
  }

  /** Resolves when no write is under way, failed or not. */
  async settled(): Promise<void> {
    await this.#last;
  }

  #written(position: number): void {
    this.#writtenPosition = position;
    this.#onWritten?.(position);
  }

  #throwFailure(): void {
    if (this.#failure !== undefined) throw this.#failure.error;
  }
}
