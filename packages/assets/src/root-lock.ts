// oxlint-disable-next-line typescript/triple-slash-reference -- ambient types of an untyped package must follow whoever imports this file
/// <reference path="./proper-lockfile.d.ts" />
import { readFile, rm, rmdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { livenessOf, ownIdentity, parseIdentity, type ProcessIdentity } from '@tutti/storage';
import lockfile from 'proper-lockfile';

/** A holder on another host that has not touched its lock for this long is gone. */
const STALE_MS = 30_000;
const UPDATE_MS = 5_000;

export interface RootLockOptions {
  readonly root: string;
  /** Milliseconds between two signs of life, 1000 at least. Default 5000. */
  readonly updateMs?: number | undefined;
  /** The lock was lost, to a process elsewhere or to somebody who removed it: stop writing. */
  readonly onLost: () => void;
}

/**
 * The right to write one cache root. A lock that a dead process of this host left is taken over at once: who held it is
 * written beside it. One from another host counts as dead once it is stale.
 */
export class RootLock {
  readonly #root: string;
  readonly #release: () => Promise<void>;
  #isLost = false;

  private constructor(root: string, release: () => Promise<void>) {
    this.#root = root;
    this.#release = release;
  }

  /** Takes the lock; `undefined` when a live process holds it. Throws what the file system throws. */
  static async take(options: RootLockOptions): Promise<RootLock | undefined> {
    const { root } = options;
    await forgetExited(root);
    const taken = await RootLock.#tryOnce(options);
    if (taken !== undefined || !(await isHolderDead(root))) return taken;
    // Only one process at a time may clear a dead lock away, else the second would clear the first one's new lock.
    const endTakeover = await tryLock(root, 'takeover.lock', { updateMs: UPDATE_MS, onLost: () => undefined });
    if (endTakeover === undefined) return RootLock.#tryOnce(options);
    try {
      if (await isHolderDead(root)) {
        // The name goes first: a lock without a name is left alone by everybody.
        await rm(holderPath(root), { force: true });
        await rmdir(lockPath(root, 'writer.lock')).catch(() => undefined);
      }
      return await RootLock.#tryOnce(options);
    } finally {
      await endTakeover().catch(() => undefined);
    }
  }

  /** Whether nobody has the right, not even a dead process. */
  static async isFree(root: string): Promise<boolean> {
    return !(await exists(lockPath(root, 'writer.lock')));
  }

  /** Who has the right now; `undefined` when nobody, or nobody that says so. */
  static async holder(root: string): Promise<ProcessIdentity | undefined> {
    const text = await readFile(holderPath(root), 'utf8').catch(() => '');
    try {
      return parseIdentity(JSON.parse(text));
    } catch {
      return undefined;
    }
  }

  async release(): Promise<void> {
    // What is there now says who took it.
    if (this.#isLost) return;
    await rm(holderPath(this.#root), { force: true }).catch(() => undefined);
    // It may have been lost meanwhile.
    await this.#release().catch(() => undefined);
  }

  static async #tryOnce({ root, onLost, updateMs = UPDATE_MS }: RootLockOptions): Promise<RootLock | undefined> {
    const found: { lock?: RootLock } = {};
    const release = await tryLock(root, 'writer.lock', {
      updateMs,
      onLost: () => {
        if (found.lock !== undefined) found.lock.#isLost = true;
        onLost();
      },
    });
    if (release === undefined) return undefined;
    try {
      await writeFile(holderPath(root), JSON.stringify(ownIdentity()), { mode: 0o600 });
    } catch (error) {
      await release().catch(() => undefined);
      throw error;
    }
    found.lock = new RootLock(root, release);
    return found.lock;
  }
}

async function tryLock(
  root: string,
  name: string,
  { updateMs, onLost }: { readonly updateMs: number; readonly onLost: () => void },
): Promise<(() => Promise<void>) | undefined> {
  try {
    return await lockfile.lock(join(root, name), {
      realpath: false,
      lockfilePath: lockPath(root, name),
      stale: STALE_MS,
      update: updateMs,
      onCompromised: onLost,
    });
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ELOCKED') return undefined;
    throw error;
  }
}

async function isHolderDead(root: string): Promise<boolean> {
  const holder = await RootLock.holder(root);
  return holder !== undefined && livenessOf(holder) === 'dead';
}

/**
 * A process that exited without closing leaves its name but no lock. The name must go before somebody takes the lock, else
 * a third process could take the new lock for the dead one's.
 */
async function forgetExited(root: string): Promise<void> {
  if ((await isHolderDead(root)) && !(await exists(lockPath(root, 'writer.lock')))) await rm(holderPath(root), { force: true });
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

function lockPath(root: string, name: string): string {
  return join(root, name);
}

function holderPath(root: string): string {
  return join(root, 'writer.json');
}
