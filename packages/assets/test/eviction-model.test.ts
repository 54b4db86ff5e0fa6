import { mkdir } from 'node:fs/promises';
import { sep } from 'node:path';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { nodeFileSystem, type FileSystem } from '@tutti/storage';
import { assetId, type Asset, type AssetStore } from '../src/index.ts';
import { cacheDirectories, filesBelow, sum, whole } from './cache-directory.ts';

const { newRoot, open } = cacheDirectories();
const URLS = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'].map((name) => `https://media.example/${name}.mp3`);
const RUNS = 100;
const OPERATIONS = 100;

/** Ten thousand operations and no power cut: nothing is synced. */
const unsynced: FileSystem = {
  ...nodeFileSystem,
  datasync: async () => undefined,
  syncFile: async () => undefined,
  syncDirectory: async () => undefined,
  makeDirectory: async (path) => mkdir(path).catch(() => undefined),
  writeWhole: (path, bytes, options) => nodeFileSystem.writeWhole(path, bytes, { ...options, isDurable: false }),
};

const which = fc.nat(URLS.length - 1);
const operation = fc.oneof(
  { weight: 4, arbitrary: fc.record({ type: fc.constant('fetch' as const), which, size: fc.nat(5000) }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('partial' as const), which, size: fc.integer({ min: 1, max: 5000 }) }) },
  { weight: 4, arbitrary: fc.record({ type: fc.constant('use' as const), which }) },
  { weight: 4, arbitrary: fc.record({ type: fc.constant('pin' as const), which, isPinned: fc.boolean() }) },
  { weight: 3, arbitrary: fc.record({ type: fc.constant('lease' as const), which }) },
  { weight: 4, arbitrary: fc.record({ type: fc.constant('release' as const), which }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('evict' as const), maxBytes: fc.nat(30_000) }) },
);
type Operation = typeof operation extends fc.Arbitrary<infer T> ? T : never;

/** What the cache should hold, as a list: the one used longest ago first. */
class Model {
  readonly assets: { readonly url: string; isPinned: boolean }[] = [];
  readonly leases = new Map<string, Asset>();

  find(url: string) {
    return this.assets.find((asset) => asset.url === url);
  }

  use(url: string): void {
    const asset = this.find(url) ?? { url, isPinned: false };
    this.assets.splice(0, this.assets.length, ...this.assets.filter((each) => each !== asset), asset);
  }

  /** Takes out what has to go, given the size of each. */
  evict(maxBytes: number, sizes: ReadonlyMap<string, number>): string[] {
    const gone: string[] = [];
    let left = sum(sizes.values());
    for (const { url, isPinned } of this.assets.slice()) {
      if (left <= maxBytes) break;
      if (isPinned || this.leases.has(url)) continue;
      left -= sizes.get(assetId(url))!;
      gone.push(url);
      this.assets.splice(this.assets.indexOf(this.find(url)!), 1);
    }
    return gone;
  }
}

/** Bytes of each asset by its id, and of everything else under no name. */
async function bytesByAsset(root: string): Promise<Map<string, number>> {
  const bytes = new Map<string, number>();
  for (const [name, size] of await filesBelow(root)) {
    const [folder, id = ''] = name.split(sep);
    const asset = folder === 'assets' ? id : '';
    bytes.set(asset, (bytes.get(asset) ?? 0) + size);
  }
  return bytes;
}

async function perform(store: AssetStore, model: Model, step: Operation): Promise<void> {
  if (step.type === 'evict') {
    const before = await bytesByAsset(store.root);
    const report = await store.evict({ maxBytes: step.maxBytes });
    expect(report.evicted.map(({ url }) => url)).toEqual(model.evict(step.maxBytes, before));
    const after = await bytesByAsset(store.root);
    expect(report.bytes).toBe(sum(after.values()));
    const there = URLS.filter((url) => after.has(assetId(url)));
    expect(there).toEqual(model.assets.map(({ url }) => url).sort());
    return;
  }
  const url = URLS[step.which]!;
  const known = model.find(url);
  switch (step.type) {
    case 'fetch': {
      await using asset = await store.asset(url);
      await asset.whole(asset.key('segments', `${url}?${String(step.size)}`), async () => whole('x'.repeat(step.size)));
      model.use(url);
      return;
    }
    case 'partial': {
      await using asset = await store.asset(url);
      const lease = await asset.acquire(asset.key('media', `${url}?${String(step.size)}`), async (resource) => {
        await resource.writeAt(0, new Uint8Array(step.size));
        return undefined;
      });
      await lease.resource.waitRange({ start: 0, end: step.size });
      await lease.release();
      // Without a complete resource there is no manifest, and the directory's own time would count.
      await asset.whole(asset.key('playlists', url), async () => whole('#EXTM3U'));
      model.use(url);
      return;
    }
    case 'use':
      if (known === undefined) return;
      await (await store.asset(url)).close();
      model.use(url);
      return;
    case 'pin':
      if (known === undefined) return;
      expect(await store.setPinned(url, step.isPinned)).toMatchObject({ isPinned: step.isPinned });
      known.isPinned = step.isPinned;
      return;
    case 'lease':
      if (known === undefined || model.leases.has(url)) return;
      model.leases.set(url, await store.asset(url));
      model.use(url);
      return;
    case 'release':
      if (!model.leases.has(url)) return;
      await model.leases.get(url)!.close();
      model.leases.delete(url);
      model.use(url);
  }
}

describe('eviction', () => {
  test(`does what a list would, over ${String(RUNS * OPERATIONS)} operations, and usage is what a walk finds`, async () => {
    const steps = fc.array(operation, { minLength: OPERATIONS, maxLength: OPERATIONS });
    const property = fc.asyncProperty(steps, async (sequence) => {
      let nowMs = 1_000_000;
      const store = await open(await newRoot(), { fileSystem: unsynced, nowMs: () => (nowMs += 1000) });
      const model = new Model();
      for (const step of sequence) await perform(store, model, step);
      const walked = await filesBelow(store.root);
      expect(await store.usage()).toMatchObject({
        bytes: sum(walked.values()),
        fileCount: walked.size,
        assetCount: model.assets.length,
      });
      await store.close();
    });
    await fc.assert(property, { numRuns: RUNS, seed: 1, endOnFailure: true });
  }, 300_000);
});
