import type { AssetStore } from '@tutti/assets';
import type { HlsEvent, HlsSource } from '@tutti/hls';
import type { MediaSource } from '@tutti/stream';
import type { Cache } from '../compose.ts';
import { isHttpUrl } from './expand-sources.ts';
import { openStdinSource } from './stdin-source.ts';

/** Which rung of an HLS ladder: by measured throughput, an end of the ladder, or the highest not above so many bits per second. */
export type VariantChoice = 'auto' | 'lowest' | 'highest' | number;

/** What opening a URL needs of a cache. */
export interface MediaCache extends Pick<Cache, 'client' | 'throughput'> {
  readonly store: Pick<AssetStore, 'asset'>;
}

export interface OpenMediaOptions {
  /** Needed for URLs; opened at the first one, which it is told. */
  readonly cache: MediaCache | ((url: string) => Promise<MediaCache>);
  /** Default `auto`. */
  readonly variant?: VariantChoice;
  /** What happens while an HLS presentation opens and plays: variants, broken or stale playlists. Not called otherwise. */
  readonly onEvent?: (event: HlsEvent) => void;
  /** Take a live or event playlist as it stands now, instead of refusing it. Default false. */
  readonly allowsUnfinished?: boolean;
  /** Fetch keys as soon as a playlist announces them. Default true. */
  readonly prefetchKeys?: boolean;
  /** BCP 47 tag of the HLS audio rendition, where there is one in it. */
  readonly language?: string;
  readonly signal?: AbortSignal;
}

/**
 * Opens a URL (HLS or progressive), a local file, or standard input (`-`) for playing. The caller closes it before the cache.
 * Rejects with the typed error of the layer that failed; abort leaves the bytes fetched so far in the cache.
 */
export async function openMedia(source: string, options: OpenMediaOptions): Promise<MediaSource> {
  const { signal } = options;
  signal?.throwIfAborted();
  if (source === '-') return openStdinSource();
  if (!isHttpUrl(source)) return (await import('@tutti/stream')).openLocalFileSource(source);
  const cache = typeof options.cache === 'function' ? await options.cache(source) : options.cache;
  return looksLikePlaylist(source) ? openHlsUrl(source, cache, options) : openUrl(source, cache, options);
}

/** Whether the URL alone says that it is an HLS playlist. */
export function looksLikePlaylist(url: string): boolean {
  return isHttpUrl(url) && /\.m3u8$/i.test(pathOf(url));
}

/** A URL that does not look like a playlist may be one all the same: its first bytes tell. */
async function openUrl(url: string, cache: MediaCache, options: OpenMediaOptions): Promise<MediaSource> {
  const signal = options.signal ?? neverAborted;
  const { openFileSource } = await import('@tutti/stream');
  const asset = await cache.store.asset(url, { signal });
  try {
    const file = await openFileSource({ url, asset, client: cache.client, signal });
    const { contentType, head } = await file.sniff({ signal });
    if (!isPlaylist(contentType, head)) return closingToo(file, asset);
    await file.close();
    await asset.discard(asset.key('media', url));
  } catch (error) {
    await asset.close();
    throw error;
  }
  await asset.close();
  return openHlsUrl(url, cache, options);
}

/** Opens a URL that is known to be a playlist, as `openMedia` does. */
export async function openHlsUrl(url: string, cache: MediaCache, options: OpenMediaOptions): Promise<HlsSource> {
  const { allowsUnfinished = false, language, onEvent, prefetchKeys = true, variant = 'auto' } = options;
  const signal = options.signal ?? neverAborted;
  const { openHls } = await import('@tutti/hls');
  const asset = await cache.store.asset(url, { signal });
  try {
    const throughput = (await cache.throughput()).begin(url);
    const { client } = cache;
    const audio = language === undefined ? {} : { language };
    const hooks = onEvent === undefined ? {} : { onEvent };
    const choices = { variant, audio, allowsUnfinished, prefetchKeys };
    return closingToo(await openHls({ url, asset, client, throughput, ...choices, signal, hooks }), asset);
  } catch (error) {
    await asset.close();
    throw error;
  }
}

const neverAborted = new AbortController().signal;

function isPlaylist(contentType: string | undefined, head: Uint8Array): boolean {
  return /mpegurl/i.test(contentType ?? '') || /^\uFEFF?#EXTM3U/.test(new TextDecoder().decode(head.subarray(0, 16)));
}

/** The path of a URL; what is none is taken as it is. */
export function pathOf(url: string): string {
  return URL.parse(url)?.pathname ?? url;
}

/** The source, with a `close` that closes what it was opened from as well. */
export function closingToo<Source extends MediaSource>(source: Source, owner: { close(): Promise<void> }): Source {
  const closeSource = source.close.bind(source);
  const close = async (): Promise<void> => {
    await closeSource();
    await owner.close();
  };
  return Object.assign(source, { close, [Symbol.asyncDispose]: close });
}
