import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readdir, rm, rmdir, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { inspectPartial } from '@tutti/storage';
import type { AssetDetails, AssetSummary, ResourceEntry } from './asset-store.ts';
import { walk } from './directory-walk.ts';
import { Manifest, MANIFEST_NAME } from './manifest.ts';
import { isResourcePath, RESOURCE_FOLDERS } from './resource-key.ts';

/** Marker file of a pinned asset: apart from the manifest, so that losing that does not unpin. */
export const PIN_NAME = 'pinned';
const PART_SUFFIX = '.part';
const SIDECAR_SUFFIX = '.part.json';

/** Describes the files of one asset as they are on disk now, without taking part in anything. */
export async function describeAsset(id: string, directory: string): Promise<AssetDetails> {
  const manifest = await Manifest.load({
    path: join(directory, MANIFEST_NAME),
    url: undefined,
    isReadOnly: true,
    onError: () => undefined,
  });
  const resources: ResourceEntry[] = [];
  const partials: AssetDetails['partials'][number][] = [];
  let [bytes, resourceCount, isPinned] = [0, 0, false];
  for await (const file of walk(directory)) {
    bytes += file.bytes;
    if (file.relPath === PIN_NAME) isPinned = true;
    if (isResourcePath(file.relPath)) {
      resourceCount += 1;
      const entry = manifest.entry(file.relPath);
      if (entry !== undefined) resources.push(entry);
    } else if (file.relPath.endsWith(PART_SUFFIX)) {
      const relPath = file.relPath.slice(0, -PART_SUFFIX.length);
      const found = await inspectPartial(join(directory, relPath)).catch(() => undefined);
      partials.push({ relPath, presentBytes: found?.presentBytes ?? 0, totalLength: found?.origin?.totalLength });
    }
  }
  const summary: AssetSummary = {
    id,
    url: manifest.url ?? '',
    directory,
    bytes,
    resourceCount,
    partialCount: partials.length,
    lastUsedAtMs: await lastUsed(directory),
    isPinned,
  };
  return { ...summary, resources, partials };
}

/** When the asset was used last, in milliseconds since 1970: its manifest's time, or its directory's. */
export async function lastUsed(directory: string): Promise<number> {
  return (await Manifest.usedAtMs(join(directory, MANIFEST_NAME))) ?? (await Manifest.usedAtMs(directory)) ?? 0;
}

/** SHA-256 of a file, lower-case hex, read in pieces. Abort counts between two of them. */
export async function hashFile(path: string, signal?: AbortSignal): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path, { highWaterMark: 512 * 1024 })) {
    signal?.throwIfAborted();
    hash.update(chunk as Buffer);
  }
  return hash.digest('hex');
}

/** Removes what a killed process left half written in an asset: files that are neither resource, part nor sidecar. */
export async function removeStrays(directory: string): Promise<void> {
  for await (const { relPath } of walk(directory)) {
    if (!relPath.includes('/')) continue;
    const base = relPath.endsWith(SIDECAR_SUFFIX) ? relPath.slice(0, -SIDECAR_SUFFIX.length) : relPath.replace(/\.part$/, '');
    if (!isResourcePath(base)) await rm(join(directory, relPath), { force: true }).catch(() => undefined);
  }
}

/** Removes empty folders, and the whole directory when nothing but an empty manifest is left. */
export async function removeEmptyFolders(directory: string, hasEntries: boolean): Promise<void> {
  for (const folder of RESOURCE_FOLDERS) await rmdir(join(directory, folder)).catch(() => undefined);
  const names = await readdir(directory).catch((): string[] => []);
  if (hasEntries || names.some((name) => name !== MANIFEST_NAME)) return;
  await rm(join(directory, MANIFEST_NAME), { force: true }).catch(() => undefined);
  await rmdir(directory).catch(() => undefined);
}

/** Sets when the asset was used last. */
export async function touch(directory: string, atMs: number): Promise<void> {
  await utimes(join(directory, MANIFEST_NAME), atMs / 1000, atMs / 1000).catch(() => undefined);
}
