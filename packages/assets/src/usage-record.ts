import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/**
 * How many bytes the last writer of a cache left below its root: whoever opens it next need not walk over every file. It is there
 * while nobody writes the cache, and only if the last writer ended in order and had counted.
 */
const RECORD_NAME = 'usage.json';

/** Bytes below `root`; `undefined` when nobody left word. */
export async function readUsage(root: string): Promise<number | undefined> {
  try {
    const record: unknown = JSON.parse(await readFile(join(root, RECORD_NAME), 'utf8'));
    const bytes = typeof record === 'object' && record !== null && 'bytes' in record ? record.bytes : undefined;
    return typeof bytes === 'number' && Number.isSafeInteger(bytes) && bytes >= 0 ? bytes : undefined;
  } catch {
    return undefined;
  }
}

/** Takes the record away before the first change. Throws what the file system throws. */
export async function forgetUsage(root: string): Promise<void> {
  await rm(join(root, RECORD_NAME), { force: true });
}

/** Leaves word after the last change; without it the next writer walks. */
export async function leaveUsage(root: string, bytes: number): Promise<void> {
  await writeFile(join(root, RECORD_NAME), `${JSON.stringify({ bytes })}\n`, { mode: 0o600 }).catch(() => undefined);
}
