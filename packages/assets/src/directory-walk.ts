import type { Dirent } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';

/** One regular file. */
export interface WalkedFile {
  /** Path below the walked directory, with `/` between names. */
  readonly relPath: string;
  readonly bytes: number;
}

/** All regular files below a directory, in no order. Files that vanish meanwhile are left out; no directory gives none. */
export async function* walk(directory: string, prefix = ''): AsyncGenerator<WalkedFile> {
  const entries = await readdir(directory, { withFileTypes: true }).catch((): Dirent[] => []);
  for (const entry of entries) {
    const path = join(directory, entry.name);
    const relPath = prefix === '' ? entry.name : `${prefix}/${entry.name}`;
    if (entry.isDirectory()) {
      yield* walk(path, relPath);
    } else if (entry.isFile()) {
      const found = await stat(path).catch(() => undefined);
      if (found !== undefined) yield { relPath, bytes: found.size };
    }
  }
}

/** Number of files below a directory and the sum of their sizes in bytes. */
export async function measure(directory: string): Promise<{ readonly bytes: number; readonly fileCount: number }> {
  let [bytes, fileCount] = [0, 0];
  for await (const file of walk(directory)) {
    bytes += file.bytes;
    fileCount += 1;
  }
  return { bytes, fileCount };
}
