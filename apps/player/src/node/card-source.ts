import type { AssetStore, Asset, ResourceKey } from '@tutti/assets';
import type { MediaSource } from '@tutti/stream';
import { closingToo } from '../media/open-media.ts';
import type { TrackCard, TrackResource } from './track-card.ts';

/** The key of a card's resource in the asset of this node. */
export function keyOf(asset: Asset, card: TrackCard, { relPath }: TrackResource): ResourceKey {
  // A file has one resource, named by the URL that is on the card: a query that the host had there stays with the host.
  return card.kind === 'progressive' ? asset.key('media', card.url) : { assetRoot: asset.id, relPath, url: card.url };
}

/**
 * Opens a track from the cache alone, the same rung on every node. Rejects with `assets/not-cached` where something is missing. The
 * caller closes it before the store.
 */
export async function openCard(store: AssetStore, card: TrackCard, signal: AbortSignal): Promise<MediaSource> {
  const asset = await store.asset(card.url, { signal });
  try {
    const options = { url: card.url, asset, client: undefined, signal };
    if (card.kind === 'progressive') {
      const { openFileSource } = await import('@tutti/stream');
      return closingToo(await openFileSource(options), asset);
    }
    const { openHls } = await import('@tutti/hls');
    return closingToo(await openHls({ ...options, variant: card.bandwidth === 0 ? 'highest' : card.bandwidth }), asset);
  } catch (error) {
    await asset.close();
    throw error;
  }
}
