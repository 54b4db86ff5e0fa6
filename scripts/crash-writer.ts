// The process that scripts/crash.ts kills: fetches files and a playlist through the real client, source and asset store, and says
// what is complete. Words: cache directory, then JSON of what to fetch.
import { createHash } from 'node:crypto';
import { openAssetStore, type Asset } from '@tutti/assets';
import { createHttpClient } from '@tutti/net';
import { openFileSource } from '@tutti/stream';

export interface CrashTask {
  readonly files: readonly string[];
  /** Fetched anew each time, and different each time. */
  readonly playlist: string;
  /** URLs that an earlier process called complete: they must be there without the network. */
  readonly acknowledged: readonly string[];
  readonly concurrency: number;
}

/** `complete`: the URL can be read offline. `lost`: it was complete and cannot. `finished`: everything is. */
export type CrashNews =
  | { readonly type: 'complete' | 'lost'; readonly url: string; readonly sha256: string }
  | { readonly type: 'finished' };

const [root = '', text = ''] = process.argv.slice(2);
const task = JSON.parse(text) as CrashTask;
const say = (news: CrashNews): Promise<void> => new Promise((resolve) => void process.send?.(news, () => resolve()));
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

await using store = await openAssetStore({ root });
await using client = createHttpClient();
await using album = await store.asset(task.playlist);

for (const url of task.acknowledged) {
  try {
    if (url === task.playlist) await readPlaylist(album);
    else await readFile(url);
  } catch {
    await say({ type: 'lost', url, sha256: '' });
  }
}
const waiting = [...task.files];
await Promise.all([fetchPlaylist(), ...Array.from({ length: task.concurrency }, fetchFiles)]);
await say({ type: 'finished' });

async function readPlaylist(asset: Asset): Promise<Uint8Array> {
  return (await asset.whole(asset.key('playlists', task.playlist), undefined)).bytes;
}

async function readFile(url: string): Promise<void> {
  await using asset = await store.asset(url);
  const lease = await asset.acquire(asset.key('media', url), undefined);
  await lease.release();
}

async function fetchPlaylist(): Promise<void> {
  const produce = async () => {
    const { bytes, finalUrl } = await client.fetchWhole({ url: task.playlist, kind: 'playlist' });
    const origin = { validator: '', totalLength: bytes.length, contentType: undefined, transformId: undefined };
    return { bytes, origin, finalUrl };
  };
  const { bytes } = await album.whole(album.key('playlists', task.playlist), produce, { refresh: true });
  await say({ type: 'complete', url: task.playlist, sha256: sha256(bytes) });
}

async function fetchFiles(): Promise<void> {
  for (let url = waiting.shift(); url !== undefined; url = waiting.shift()) {
    await using asset = await store.asset(url);
    await using source = await openFileSource({ url, asset, client });
    const { isComplete } = await source.fill();
    if (!isComplete) throw new Error(`fill ${url}: it did not become complete`);
    await say({ type: 'complete', url, sha256: asset.entry(asset.key('media', url))?.sha256 ?? '' });
  }
}
