import { readdirSync } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import path from 'node:path';

/** What the process and the cache's directory look like at one moment. */
export interface Sample {
  readonly atMs: number;
  readonly usedBytes: number;
  readonly rssBytes: number;
  /** Open descriptors and threads; 0 where the platform does not tell. */
  readonly descriptorCount: number;
  readonly threadCount: number;
}

/** Looks at the cache and the process again and again, until stopped. */
export class Watch {
  readonly samples: Sample[] = [];
  readonly #root: string;
  readonly #startMs = performance.now();
  readonly #stopped = new AbortController();
  readonly #running: Promise<void>;

  constructor(root: string) {
    this.#root = root;
    this.#running = this.#run();
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    while (!this.#stopped.signal.aborted) {
      this.samples.push(await takeSample(this.#root, performance.now() - this.#startMs));
      await new Promise((resolve) => {
        setTimeout(resolve, 250);
      });
    }
  }
}

export async function takeSample(root: string, atMs: number): Promise<Sample> {
  return {
    atMs,
    usedBytes: await bytesBelow(root),
    rssBytes: process.memoryUsage.rss(),
    descriptorCount: countEntries('/proc/self/fd'),
    threadCount: countEntries('/proc/self/task'),
  };
}

/** Sizes of all files below a directory. What goes away meanwhile counts nothing. */
export async function bytesBelow(directory: string): Promise<number> {
  const names = await readdir(directory, { recursive: true, withFileTypes: true }).catch(() => []);
  let sum = 0;
  for (const entry of names) {
    if (!entry.isFile()) continue;
    sum += await stat(path.join(entry.parentPath, entry.name)).then(
      ({ size }) => size,
      () => 0,
    );
  }
  return sum;
}

function countEntries(directory: string): number {
  try {
    return readdirSync(directory).length;
  } catch {
    return 0;
  }
}
