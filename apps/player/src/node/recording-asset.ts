import type { Asset, ResourceKey } from '@tutti/assets';

/** An asset that notes in `seen` which resources were asked for: what a play of it reads. */
export function recordingAsset(asset: Asset, seen: Map<string, ResourceKey>): Asset {
  const note = (key: ResourceKey): ResourceKey => {
    seen.set(key.relPath, key);
    return key;
  };
  return {
    id: asset.id,
    url: asset.url,
    directory: asset.directory,
    key: (folder, url, options) => asset.key(folder, url, options),
    entry: (key) => asset.entry(note(key)),
    acquire: (key, producer, options) => asset.acquire(note(key), producer, options),
    whole: (key, produce, options) => asset.whole(note(key), produce, options),
    discard: (key) => asset.discard(key),
    close: () => asset.close(),
    [Symbol.asyncDispose]: () => asset[Symbol.asyncDispose](),
  };
}
