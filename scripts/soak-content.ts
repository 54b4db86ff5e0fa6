import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { seededRandom } from '@tutti/fixtures';

/** One file at the origin: a stretch of the pool that no other file begins at. */
export interface SoakAsset {
  readonly name: string;
  readonly length: number;
  readonly poolOffset: number;
}

const minBytes = 8 * 1024;
export const maxBytes = 512 * 1024;
/** Odd, so that neither blocks nor other assets repeat at it. */
const strideBytes = 5003;

/** What all files are cut from. Shared with the threads that read. */
export function makePool(assetCount: number, seed: number): Uint8Array<SharedArrayBuffer> {
  const pool = new Uint8Array(new SharedArrayBuffer(assetCount * strideBytes + maxBytes));
  const random = seededRandom(seed);
  for (let at = 0; at < pool.length; at += 1) pool[at] = random() * 256;
  return pool;
}

/** Lengths are random and lean to the small. */
export function planAssets(assetCount: number, seed: number): readonly SoakAsset[] {
  const random = seededRandom(seed + 1);
  return Array.from({ length: assetCount }, (_, index) => ({
    name: `asset-${index}.mp3`,
    length: Math.floor(minBytes + random() * random() * (maxBytes - minBytes)),
    poolOffset: index * strideBytes,
  }));
}

export async function writeAssets(directory: string, assets: readonly SoakAsset[], pool: Uint8Array): Promise<void> {
  await mkdir(directory, { recursive: true });
  for (const asset of assets) await writeFile(path.join(directory, asset.name), expectedBytes(asset, pool, 0, asset.length));
}

/** What the bytes from `start` to `end` of an asset must be. */
export function expectedBytes({ poolOffset }: SoakAsset, pool: Uint8Array, start: number, end: number): Uint8Array {
  return pool.subarray(poolOffset + start, poolOffset + end);
}

/** Number of bytes that are not what they must be. */
export function countWrong(bytes: Uint8Array, expected: Uint8Array): number {
  if (Buffer.compare(bytes, expected) === 0) return 0;
  let wrong = Math.abs(bytes.length - expected.length);
  for (let at = 0; at < Math.min(bytes.length, expected.length); at += 1) if (bytes[at] !== expected[at]) wrong += 1;
  return wrong;
}
