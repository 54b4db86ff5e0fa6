import { readFile } from 'node:fs/promises';
import path from 'node:path';
import type { AssetStore } from '@tutti/assets';

/**
 * Who writes the cache while this process only reads it, in words that fit into a sentence: `process 1234`, where that is
 * known. `undefined` when this process is the writer, and when nobody can write.
 */
export async function otherWriter(store: AssetStore): Promise<string | undefined> {
  if (store.mode === 'writer' || store.obstacle !== undefined) return undefined;
  const pid = await holderPid(path.join(store.root, 'writer.json'));
  return pid === undefined ? 'another process' : `process ${pid}`;
}

/** The holder of the lock names itself in a file; one that has just gone has taken its name along. */
async function holderPid(file: string): Promise<number | undefined> {
  try {
    const holder: unknown = JSON.parse(await readFile(file, 'utf8'));
    const pid = typeof holder === 'object' && holder !== null && 'pid' in holder ? holder.pid : undefined;
    return typeof pid === 'number' ? pid : undefined;
  } catch {
    return undefined;
  }
}
