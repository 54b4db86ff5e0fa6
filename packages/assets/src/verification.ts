import { mkdir, rename, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { nodeFileSystem } from '@tutti/storage';
import { hashFile, lastUsed, touch } from './asset-files.ts';
import type { DamagedResource, ResourceEntry, VerifyOptions, VerifyReport } from './asset-store.ts';
import { Manifest, MANIFEST_NAME } from './manifest.ts';

type DamageReason = DamagedResource['reason'];

/** What became of a resource that seemed damaged: `undefined` when it is not, looked at again. */
export type Quarantined = { readonly reason: DamageReason; readonly quarantinePath: string | undefined } | undefined;

export interface VerifiedAsset {
  readonly id: string;
  readonly directory: string;
  /** Looks again while nobody else changes the resource, and takes it out when it is damaged. */
  readonly quarantine: (relPath: string) => Promise<Quarantined>;
}

/** Compares every complete resource of the assets with what their manifests say. */
export async function verifyAssets(assets: readonly VerifiedAsset[], options: VerifyOptions): Promise<VerifyReport> {
  const { onProgress, signal } = options;
  const loaded = await Promise.all(assets.map(async (asset) => ({ asset, manifest: await loadManifest(asset.directory, true) })));
  const entries = loaded.flatMap(({ manifest }) => manifest.entries());
  const total = entries.length;
  const totalBytes = entries.reduce((sum, { length }) => sum + length, 0);
  const damaged: DamagedResource[] = [];
  let [checked, checkedBytes] = [0, 0];
  for (const { asset, manifest } of loaded) {
    for (const { relPath, length } of manifest.entries()) {
      signal?.throwIfAborted();
      onProgress?.({ checked, total, checkedBytes, totalBytes });
      const reason = await findDamage(join(asset.directory, relPath), manifest.candidates(relPath), signal);
      const found = reason === undefined ? undefined : await asset.quarantine(relPath);
      if (found !== undefined) damaged.push({ assetId: asset.id, url: manifest.url ?? '', relPath, ...found });
      checked += 1;
      checkedBytes += length;
    }
  }
  onProgress?.({ checked, total, checkedBytes, totalBytes });
  return { checked, checkedBytes, damaged };
}

/** Takes a resource out of an asset that nobody has open, if it is still damaged. The asset does not count as used by it. */
export async function quarantineUnused(directory: string, relPath: string, quarantine: string): Promise<Quarantined> {
  const usedAtMs = await lastUsed(directory);
  const found = await quarantineResource({ manifest: await loadManifest(directory, false), directory, relPath, quarantine });
  await touch(directory, usedAtMs);
  return found;
}

export interface QuarantineJob {
  readonly manifest: Manifest;
  readonly directory: string;
  readonly relPath: string;
  /** Directory that the file goes to, under its `relPath`. */
  readonly quarantine: string;
}

/** Takes a resource out of its asset if it is damaged: the file is moved, its entry removed. */
export async function quarantineResource({ manifest, directory, relPath, quarantine }: QuarantineJob): Promise<Quarantined> {
  const path = join(directory, relPath);
  const reason = await findDamage(path, manifest.candidates(relPath));
  if (reason === undefined) return undefined;
  const quarantinePath = reason === 'missing' ? undefined : join(quarantine, relPath);
  if (quarantinePath !== undefined) {
    await mkdir(dirname(quarantinePath), { recursive: true, mode: 0o700 });
    await rename(path, quarantinePath);
    // Without its entry a damaged file would be taken for a good one: it must be gone before.
    await nodeFileSystem.syncDirectory(dirname(path));
  }
  await manifest.delete(relPath);
  return { reason, quarantinePath };
}

/** What is wrong with the file at `path`, when it must be one of `candidates`; without any, nothing is known against it. */
async function findDamage(
  path: string,
  candidates: readonly ResourceEntry[],
  signal?: AbortSignal,
): Promise<DamageReason | undefined> {
  if (candidates.length === 0) return undefined;
  const found = await stat(path).catch(() => undefined);
  if (found === undefined) return 'missing';
  if (!candidates.some(({ length }) => length === found.size)) return 'length';
  try {
    const sha256 = await hashFile(path, signal);
    return candidates.some((entry) => entry.sha256 === sha256) ? undefined : 'hash';
  } catch {
    signal?.throwIfAborted();
    return 'unreadable';
  }
}

function loadManifest(directory: string, isReadOnly: boolean): Promise<Manifest> {
  return Manifest.load({ path: join(directory, MANIFEST_NAME), url: undefined, isReadOnly, onError: () => undefined });
}
