import type { WholeResource } from './asset-store.ts';

/** Small resources kept in memory where the disk may not be written: the ones used longest ago go first. */
export class WholeCache {
  readonly #maxBytes: number;
  readonly #kept = new Map<string, WholeResource>();
  #bytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  get(key: string): WholeResource | undefined {
    const found = this.#kept.get(key);
    if (found !== undefined) {
      this.#kept.delete(key);
      this.#kept.set(key, found);
    }
    return found;
  }

  set(key: string, whole: WholeResource): void {
    this.delete(key);
    this.#kept.set(key, whole);
    this.#bytes += whole.bytes.length;
    for (const oldest of this.#kept.keys()) {
      if (this.#bytes <= this.#maxBytes) return;
      this.delete(oldest);
    }
  }

  delete(key: string): void {
    const found = this.#kept.get(key);
    if (found === undefined) return;
    this.#kept.delete(key);
    this.#bytes -= found.bytes.length;
  }
}
