import { randomBytes } from 'node:crypto';
import { mkdir, readdir, readFile, rm, rmdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { livenessOf, ownIdentity, parseIdentity } from '@tutti/storage';

/** How long the lease of a process on another host counts: nobody here can see whether that process still runs. */
const FOREIGN_LEASE_MS = 24 * 60 * 60 * 1000;

/**
 * Leases on assets as other processes see them: one file per asset and store, `<directory>/<asset id>/<token>.json`, that
 * names the process. A store that may not write has none, and plays on from the files that it holds open.
 */
export class ProcessLeases {
  readonly #directory: string;
  readonly #token = `${String(process.pid)}-${randomBytes(6).toString('hex')}`;

  constructor(directory: string) {
    this.#directory = directory;
  }

  async add(assetRoot: string): Promise<void> {
    const directory = join(this.#directory, assetRoot);
    try {
      // Not durable, as everything about processes: whoever holds a lease is gone with the power.
      await mkdir(directory, { mode: 0o700 }).catch(existing);
      await writeFile(join(directory, `${this.#token}.json`), JSON.stringify(ownIdentity()), { mode: 0o600 });
    } catch {
      // A lease protects from eviction; it is no condition for reading.
    }
  }

  async remove(assetRoot: string): Promise<void> {
    const directory = join(this.#directory, assetRoot);
    await rm(join(directory, `${this.#token}.json`), { force: true }).catch(() => undefined);
    await rmdir(directory).catch(() => undefined);
  }

  /** Whether another store, in this process or a live other one, uses the asset. Files of dead processes are removed. */
  async isUsedElsewhere(assetRoot: string): Promise<boolean> {
    const directory = join(this.#directory, assetRoot);
    const names = await readdir(directory).catch((): string[] => []);
    for (const name of names) {
      if (name === `${this.#token}.json`) continue;
      const path = join(directory, name);
      if (await isLive(path)) return true;
      await rm(path, { force: true }).catch(() => undefined);
    }
    await rmdir(directory).catch(() => undefined);
    return false;
  }
}

function existing(error: unknown): void {
  if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
}

async function isLive(path: string): Promise<boolean> {
  try {
    const identity = parseIdentity(JSON.parse(await readFile(path, 'utf8')));
    const liveness = identity === undefined ? 'unknown' : livenessOf(identity);
    if (liveness !== 'unknown') return liveness === 'alive';
    return (await stat(path)).mtimeMs > Date.now() - FOREIGN_LEASE_MS;
  } catch {
    // Gone, or being written this moment by a process that is alive.
    return stat(path).then(
      ({ mtimeMs }) => mtimeMs > Date.now() - FOREIGN_LEASE_MS,
      () => false,
    );
  }
}
