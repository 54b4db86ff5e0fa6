import type { PartContents, PartFile } from './part-file.ts';
import { toStorageError, type StorageError } from './storage-error.ts';

export interface CheckpointerOptions {
  readonly part: PartFile;
  /** What is present now. */
  readonly contents: () => PartContents;
  readonly onError: (error: StorageError) => void;
  /** For messages. */
  readonly label: string;
  /** Most bytes that are not vouched for: a checkpoint begins at half of it, and writing waits for it at all of it. */
  readonly everyBytes: number;
  /** Milliseconds after which one is made at the latest. */
  readonly everyMs: number;
}

/** Makes written bytes durable and vouches for them, at the latest after so many bytes or milliseconds, one checkpoint at a time. */
export class Checkpointer {
  readonly #options: CheckpointerOptions;
  #unsyncedBytes = 0;
  /** Bytes that the checkpoint in progress is about to vouch for. */
  #syncingBytes = 0;
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> | undefined;
  #isStopped = false;
  #vouched: PartContents;
  #failure: StorageError | undefined;

  constructor(options: CheckpointerOptions) {
    this.#options = options;
    this.#vouched = options.part.restored;
  }

  /** What the last checkpoint vouched for. */
  get vouched(): PartContents {
    return this.#vouched;
  }

  /**
   * What made a checkpoint fail. From then on bytes that were not vouched for may be lost, even if a later sync succeeds: the
   * kernel reports a failed write-back once.
   */
  get failure(): StorageError | undefined {
    return this.#failure;
  }

  /** Settles when as many bytes may be written: at once, unless a checkpoint in progress has too much behind it. */
  async room(byteCount: number): Promise<void> {
    while (this.#running !== undefined && this.#syncingBytes + this.#unsyncedBytes + byteCount > this.#options.everyBytes) {
      await this.#running;
    }
  }

  wrote(byteCount: number): void {
    this.#unsyncedBytes += byteCount;
    this.#plan();
  }

  /** Makes no more checkpoints; settles when the one in progress is over. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    clearTimeout(this.#timer);
    await this.#running;
  }

  #plan(): void {
    if (this.#isStopped || this.#running !== undefined || this.#unsyncedBytes === 0) return;
    if (this.#unsyncedBytes >= this.#options.everyBytes / 2) this.#start();
    else this.#timer ??= setTimeout(() => this.#start(), this.#options.everyMs).unref();
  }

  #start(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#isStopped || this.#running !== undefined) return;
    this.#running = this.#run();
  }

  async #run(): Promise<void> {
    // Taken before the sync: only what was written by now is sure to be covered by it.
    const contents = this.#options.contents();
    this.#syncingBytes = this.#unsyncedBytes;
    this.#unsyncedBytes = 0;
    try {
      await this.#options.part.checkpoint(contents);
      this.#vouched = contents;
    } catch (error) {
      this.#failure = toStorageError(error, `save ${this.#options.label}`);
      this.#isStopped = true;
      this.#options.onError(this.#failure);
    } finally {
      this.#running = undefined;
      this.#syncingBytes = 0;
    }
    this.#plan();
  }
}
