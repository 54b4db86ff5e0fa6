import type { AssetStore } from '@tutti/assets';

/**
 * Who writes the cache while this process only reads it, in words that fit into a sentence: `process 1234`, where that is
 * known. `undefined` when this process is the writer, and when nobody can write.
 */
export async function otherWriter(store: AssetStore): Promise<string | undefined> {
  const writer = await store.otherWriter();
  if (writer === undefined) return undefined;
  return writer.pid === undefined ? 'another process' : `process ${writer.pid}`;
}
