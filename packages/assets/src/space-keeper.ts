import { statfs } from 'node:fs/promises';
import { AssetError } from './asset-error.ts';
import { measure } from './directory-walk.ts';

export interface SpaceKeeperOptions {
  readonly root: string;
  /** Most bytes that the files below the root may have together. */
  readonly maxBytes: number | undefined;
  /** What they have now, where that is known; else a walk tells. */
  readonly usedBytes: number | undefined;
  /** Fewest bytes that the file system must have left. */
  readonly minFreeBytes: number | undefined;
  /** Evicts the asset that may go and was used longest ago. False when none may go. */
  readonly evictOldest: () => Promise<boolean>;
}

/** Bytes that may be written before the file system is asked again how much is free: others write there, too. */
const FREE_CHECK_BYTES = 1024 * 1024;

/**
 * Keeps a cache inside its limits, by eviction, before it grows: every write is admitted first. Between two walks over the
 * directory it counts what it admits, so admitting costs nothing until a limit seems to be reached.
 */
export class SpaceKeeper {
  readonly #options: SpaceKeeperOptions;
  /** Bytes below the root by the last walk and what was admitted since; `undefined` when a walk is due. */
  #usedBytes: number | undefined;
  /** Bytes free by the last look and without what was admitted since; `undefined` when a look is due. */
  #freeBytes: number | undefined;
  #sinceLookBytes = 0;
  /** Whether anything was admitted since the last walk. */
  #hasGrown: boolean;
  #tidying: Promise<void> | undefined;
  #turn: Promise<void> = Promise.resolve();

  constructor(options: SpaceKeeperOptions) {
    this.#options = options;
    this.#usedBytes = options.usedBytes;
    this.#hasGrown = options.usedBytes === undefined;
  }

  /** Bytes free on the root's file system for this user. */
  static async freeBytes(root: string): Promise<number> {
    const { bavail, bsize } = await statfs(root);
    return bavail * bsize;
  }

  /** Bytes below the root by a walk after which nothing was admitted; `undefined` when there was none. */
  get countedBytes(): number | undefined {
    return this.#hasGrown ? undefined : this.#usedBytes;
  }

  /** Something went away: what was counted counts no more. */
  forget(): void {
    this.#usedBytes = undefined;
  }

  /** Whether there is any limit to keep. */
  get hasLimits(): boolean {
    return this.#options.maxBytes !== undefined || this.#options.minFreeBytes !== undefined;
  }

  /**
   * Makes room for `byteCount` bytes that are about to be written. Rejects with `assets/no-space` when all that is left is in
   * use or pinned.
   */
  async admit(byteCount: number): Promise<void> {
    if (!this.hasLimits) return;
    const turn = this.#turn.then(() => this.#admit(byteCount));
    this.#turn = turn.catch(() => undefined);
    await turn;
  }

  /**
   * Counts anew, unless nothing was admitted since that was done, and brings the cache inside its limits. Callers that come
   * before it begins share it. Rejects as `admit` does.
   */
  tidy(): Promise<void> {
    if (!this.hasLimits) return Promise.resolve();
    if (this.#tidying === undefined) {
      this.#tidying = this.#turn.then(() => this.#recount());
      this.#turn = this.#tidying.catch(() => undefined);
    }
    return this.#tidying;
  }

  async #recount(): Promise<void> {
    this.#tidying = undefined;
    if (this.#hasGrown) this.#usedBytes = undefined;
    this.#freeBytes = undefined;
    await this.#admit(0);
  }

  /**
   * Calls `evict` until the files below the root have at most `maxBytes`, or it answers that nothing more may go. Gives the bytes
   * before and after. Abort counts between two calls.
   */
  async shrink(
    maxBytes: number,
    evict: () => Promise<boolean>,
    signal: AbortSignal | undefined,
  ): Promise<{ readonly bytesBefore: number; readonly bytes: number }> {
    const turn = this.#turn.then(async () => {
      const bytesBefore = (await measure(this.#options.root)).bytes;
      let bytes = bytesBefore;
      signal?.throwIfAborted();
      while (bytes > maxBytes && (await evict())) {
        bytes = (await measure(this.#options.root)).bytes;
        signal?.throwIfAborted();
      }
      return { bytesBefore, bytes };
    });
    this.#turn = turn.then(
      () => undefined,
      () => undefined,
    );
    try {
      return await turn;
    } finally {
      this.#usedBytes = undefined;
      this.#freeBytes = undefined;
    }
  }

  async #admit(byteCount: number): Promise<void> {
    for (let problem = await this.#problem(byteCount); problem !== undefined; problem = await this.#problem(byteCount)) {
      // The count knows nothing of what went away by itself, so a walk decides.
      this.#usedBytes = undefined;
      this.#freeBytes = undefined;
      problem = await this.#problem(byteCount);
      if (problem === undefined) break;
      if (!(await this.#options.evictOldest())) throw this.#noSpace(problem);
    }
    this.#sinceLookBytes += byteCount;
    this.#hasGrown ||= byteCount > 0;
    if (this.#usedBytes !== undefined) this.#usedBytes += byteCount;
    if (this.#freeBytes !== undefined) this.#freeBytes -= byteCount;
    if (this.#sinceLookBytes >= FREE_CHECK_BYTES) this.#freeBytes = undefined;
  }

  async #problem(byteCount: number): Promise<string | undefined> {
    const { root, maxBytes, minFreeBytes } = this.#options;
    if (maxBytes !== undefined) {
      if (this.#usedBytes === undefined) {
        this.#hasGrown = false;
        this.#usedBytes = (await measure(root)).bytes;
      }
      const bytes = this.#usedBytes + byteCount;
      if (bytes > maxBytes) return `${String(bytes)} bytes are more than its limit of ${String(maxBytes)}`;
    }
    if (minFreeBytes !== undefined) {
      if (this.#freeBytes === undefined) this.#sinceLookBytes = 0;
      this.#freeBytes ??= await SpaceKeeper.freeBytes(root);
      const freeBytes = this.#freeBytes - byteCount;
      if (freeBytes < minFreeBytes) return `${String(freeBytes)} bytes free are fewer than the ${String(minFreeBytes)} to be kept`;
    }
    return undefined;
  }

  #noSpace(problem: string): AssetError {
    const { root } = this.#options;
    return new AssetError(
      'assets/no-space',
      `grow cache ${root}: ${problem}, and everything in it is in use or pinned; remove something or raise the limit`,
      { subject: root },
    );
  }
}
