import { randomBytes } from 'node:crypto';
import { readdir, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { makeDirectories, nodeFileSystem, readAtomic, StorageError, toStorageError, writeAtomic } from '@tutti/storage';
import { AssetError } from './asset-error.ts';

/** Version of everything below a root. A cache of another version is refused, never guessed at. */
const LAYOUT_VERSION = 1;
const MARKER_NAME = 'tutti-cache.json';

/** Places inside one cache directory. */
export interface CacheRoot {
  readonly root: string;
  /** One directory per asset. */
  readonly assets: string;
  /** Who uses which asset: see `ProcessLeases`. */
  readonly leases: string;
  /** Assets that are being removed. */
  readonly trash: string;
  /** Damaged files that `verify` took out, as `<asset>/<relPath>`. */
  readonly quarantine: string;
  /** Why nothing can be written to this cache, which can be read; `undefined` where it can. */
  readonly obstacle: AssetError | undefined;
}

/**
 * Prepares a directory to be a cache: made with mode 0700 where it is missing, marked with its layout's version.
 * A cache that is there but cannot be written to is given with its `obstacle`. Throws `assets/bad-root` when none can be
 * made, or it is somebody else's directory, and `assets/unsupported-layout` when a newer version made it.
 */
export async function prepareRoot(path: string): Promise<CacheRoot> {
  const root = resolve(path);
  const at = (name: string): string => join(root, name);
  const places = { root, assets: at('assets'), leases: at('leases'), trash: at('trash'), quarantine: at('quarantine') };
  try {
    await makeDirectories(root);
    await checkMarker(root, await readdir(root));
  } catch (error) {
    throw toRootError(error, root);
  }
  try {
    for (const directory of [places.assets, places.leases]) await nodeFileSystem.makeDirectory(directory);
    await probeWriting(root);
    return { ...places, obstacle: undefined };
  } catch (error) {
    return { ...places, obstacle: toRootError(error, root) };
  }
}

/** Removes what an interrupted removal left. For the writer only. */
export async function emptyTrash({ trash }: CacheRoot): Promise<void> {
  await rm(trash, { recursive: true, force: true });
}

/** Converts a failure to use `root` at all. */
export function toRootError(error: unknown, root: string): AssetError {
  if (error instanceof AssetError) return error;
  const { code, message } = describe(error, root);
  return code === 'storage/no-space'
    ? new AssetError('assets/no-space', `${message}; free some space or choose another cache directory`, {
        subject: root,
        cause: error,
      })
    : new AssetError('assets/bad-root', `${message}; choose another cache directory or make this one readable and writable`, {
        subject: root,
        cause: error,
      });
}

function describe(error: unknown, root: string): StorageError {
  const cause = error instanceof StorageError ? (error.cause ?? error) : error;
  const systemCode = cause instanceof Error && 'code' in cause ? cause.code : undefined;
  if (systemCode === 'ENOENT')
    return new StorageError('storage/io', `open cache ${root}: it cannot be made there`, { cause: error });
  if (systemCode === 'ENOTDIR' || systemCode === 'EEXIST') {
    return new StorageError('storage/io', `open cache ${root}: it is not a directory`, { cause: error });
  }
  return toStorageError(cause, `open cache ${root}`, root);
}

async function checkMarker(root: string, names: readonly string[]): Promise<void> {
  const bytes = await readAtomic(join(root, MARKER_NAME));
  if (bytes === undefined) {
    // Eviction and removal delete below `assets`: never in a directory that we did not begin ourselves.
    if (names.includes('assets')) throw notOurs(root, 'it has files in it but is no cache of ours');
    await writeAtomic(join(root, MARKER_NAME), `${JSON.stringify({ layoutVersion: LAYOUT_VERSION })}\n`, { mode: 0o600 });
    return;
  }
  const version = parseVersion(new TextDecoder().decode(bytes));
  if (version === undefined) throw notOurs(root, `its ${MARKER_NAME} is damaged`);
  if (version !== LAYOUT_VERSION) {
    throw new AssetError(
      'assets/unsupported-layout',
      `open cache ${root}: it has layout ${String(version)}, this version knows ${String(LAYOUT_VERSION)}; use a newer version or another cache directory`,
      { subject: root },
    );
  }
}

function notOurs(root: string, reason: string): AssetError {
  return new AssetError('assets/bad-root', `open cache ${root}: ${reason}; choose another cache directory or empty this one`, {
    subject: root,
  });
}

function parseVersion(text: string): number | undefined {
  try {
    const json: unknown = JSON.parse(text);
    const version = typeof json === 'object' && json !== null && 'layoutVersion' in json ? json.layoutVersion : undefined;
    return typeof version === 'number' ? version : undefined;
  } catch {
    return undefined;
  }
}

/** Permission bits do not tell whether writing works (read-only mounts, the superuser): writing does. */
async function probeWriting(root: string): Promise<void> {
  const probe = join(root, `probe-${String(process.pid)}-${randomBytes(4).toString('hex')}`);
  await writeFile(probe, '', { mode: 0o600 });
  await rm(probe, { force: true });
}
