import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach } from 'vitest';
import type { ResourceOrigin, StreamingResource } from '@tutti/storage';
import { openAssetStore, type AssetStore, type AssetStoreOptions, type ProducedWhole, type Producer } from '../src/index.ts';

export const URL_A = 'https://media.example/album/song.mp3';
export const origin: ResourceOrigin = { validator: '"v1"', totalLength: 1000, contentType: 'audio/mpeg', transformId: undefined };

/** Cache directories and stores of one test file, closed and removed when it is over. */
export function cacheDirectories(): {
  readonly newRoot: () => Promise<string>;
  readonly open: (root: string, options?: Partial<AssetStoreOptions>) => Promise<AssetStore>;
} {
  const directories: string[] = [];
  const stores: AssetStore[] = [];
  afterEach(async () => {
    await Promise.all(stores.splice(0).map((store) => store.close()));
  });
  afterAll(async () => {
    await Promise.all(directories.map((directory) => rm(directory, { recursive: true })));
  });
  return {
    newRoot: async () => {
      const directory = await mkdtemp(join(tmpdir(), 'tutti-'));
      directories.push(directory);
      return join(directory, 'cache');
    },
    open: async (root, options = {}) => {
      const store = await openAssetStore({ root, ...options });
      stores.push(store);
      return store;
    },
  };
}

export function pattern(start: number, length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, index) => ((start + index) * 29 + 3) & 0xff);
}

/** A producer that fetches what is missing of `length` bytes and commits. */
export function producerOf(length: number, onRange?: (start: number, end: number) => void): Producer {
  return async (resource) => {
    resource.announce({ ...origin, totalLength: length }, length);
    for (const { start, end } of resource.missing({ start: 0, end: length })) {
      onRange?.(start, end);
      await resource.writeAt(start, pattern(start, end - start));
    }
    return resource.commit(length);
  };
}

/** Fetches the one resource of a source URL and lets go of everything. Gives the asset's id. */
export async function fetchAll(store: AssetStore, url: string, length: number): Promise<string> {
  await using asset = await store.asset(url);
  const lease = await asset.acquire(asset.key('media', url), producerOf(length));
  try {
    await lease.resource.waitRange({ start: 0, end: length + 1 });
  } finally {
    await lease.release();
  }
  return asset.id;
}

/** A producer that the test drives: it writes when told and ends when aborted. */
export class DrivenProducer {
  readonly started = Promise.withResolvers<StreamingResource>();
  readonly aborted = Promise.withResolvers<unknown>();
  readonly #end = Promise.withResolvers<void>();
  runCount = 0;

  readonly run: Producer = async (resource, signal) => {
    this.runCount += 1;
    signal.addEventListener('abort', () => {
      this.aborted.resolve(signal.reason);
      this.#end.resolve();
    });
    this.started.resolve(resource);
    await this.#end.promise;
    return undefined;
  };

  fail(error: Error): void {
    this.#end.reject(error);
  }
}

export function whole(text: string, finalUrl = 'https://media.example/album/list.m3u8'): ProducedWhole {
  return { bytes: new TextEncoder().encode(text), origin, finalUrl };
}

export function textOf(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

/** An error as the network client throws it. */
export function netError(code: string, isRecoverable: boolean): Error {
  return Object.assign(new Error(`fetch: ${code}`), { name: 'NetError', code, isRecoverable });
}

/** Every file below a directory, with its size: our own walk, to compare with. */
export async function filesBelow(directory: string): Promise<Map<string, number>> {
  const sizes = new Map<string, number>();
  for (const name of await readdir(directory, { recursive: true })) {
    const found = await stat(join(directory, name));
    if (found.isFile()) sizes.set(name, found.size);
  }
  return sizes;
}

export const sum = (sizes: Iterable<number>): number => [...sizes].reduce((total, size) => total + size, 0);
