import { createHash } from 'node:crypto';
import { AssetError } from './asset-error.ts';
import type { KeyOptions, ResourceKey } from './asset-store.ts';

export type ResourceFolder = 'media' | 'playlists' | 'keys' | 'segments';
export const RESOURCE_FOLDERS: readonly ResourceFolder[] = ['media', 'playlists', 'keys', 'segments'];

/** 128 bits of SHA-256 in hex: two different addresses meet in one name never, for practical purposes. */
const HASH_CHARACTERS = 32;
/** Readable part of a name: enough to recognise a file, short enough for every file system. */
const SLUG_CHARACTERS = 48;
const EXTENSION = /^[a-z0-9]{1,8}$/;
/** Extensions that the cache uses for itself. */
const OWN_EXTENSIONS: readonly string[] = ['part', 'json', 'jsonl', 'lock', 'tmp'];

const ASSET_ID = /^[a-z0-9-]+-[0-9a-f]{32}$/;
const RELATIVE_PATH = /^(?:media|playlists|keys|segments)\/[a-z0-9_-]+(?:\.[a-z0-9]{1,8})?$/;

/** The id of a source URL's asset: a slug of its host and a hash of the URL without credentials, fragment and query. */
export function assetId(url: string, identityQuery: readonly string[] = []): string {
  const parsed = parseUrl(url);
  return `${slug(parsed.host, 'host')}-${hash([identityOf(parsed, identityQuery)])}`;
}

/**
 * Where one URL of an asset lives: `<folder>/<slug>-<hash>.<extension>`, lower-case ASCII, under 100 characters, so that it
 * is safe on every platform. The hash is of everything that tells URLs apart, so different URLs never share a path.
 * Throws `assets/bad-key` when `url` is no http(s) URL.
 */
export function resourceKey(assetRoot: string, folder: ResourceFolder, url: string, options: KeyOptions = {}): ResourceKey {
  const parsed = parseUrl(url);
  const name = parsed.pathname.slice(parsed.pathname.lastIndexOf('/') + 1);
  const dot = name.lastIndexOf('.');
  const extension = dot > 0 ? name.slice(dot + 1).toLowerCase() : '';
  const isUsable = EXTENSION.test(extension) && !OWN_EXTENSIONS.includes(extension);
  const stem = slug(isUsable ? name.slice(0, dot) : name, folder);
  const range = options.range === undefined ? [] : [String(options.range.start), String(options.range.end)];
  const digest = hash([folder, identityOf(parsed, options.identityQuery), ...range]);
  return { assetRoot, relPath: `${folder}/${stem}-${digest}${isUsable ? `.${extension}` : ''}`, url: publicUrl(parsed) };
}

/** URL for eyes and files: without credentials, query and fragment. */
export function withoutSecrets(url: string): string {
  return publicUrl(parseUrl(url));
}

/** URL to resolve references against: without credentials and fragment. */
export function withoutCredentials(url: string): string {
  const parsed = parseUrl(url);
  return publicUrl(parsed) + parsed.search;
}

export function isAssetId(text: string): boolean {
  return ASSET_ID.test(text);
}

/** Whether `relPath` is one that `resourceKey` makes: what a damaged manifest says is not believed. */
export function isResourcePath(relPath: string): boolean {
  return RELATIVE_PATH.test(relPath);
}

function parseUrl(url: string): URL {
  const parsed = URL.parse(url);
  if (parsed === null || (parsed.protocol !== 'http:' && parsed.protocol !== 'https:')) {
    throw new AssetError('assets/bad-key', 'cache: only http and https URLs have a place in the cache', { subject: 'url' });
  }
  return parsed;
}

function publicUrl(url: URL): string {
  return `${url.origin}${url.pathname}`;
}

function identityOf(url: URL, identityQuery: readonly string[] | undefined): string {
  if (identityQuery === undefined) return publicUrl(url) + url.search;
  const kept = new URLSearchParams([...url.searchParams].filter(([name]) => identityQuery.includes(name)));
  kept.sort();
  return kept.size === 0 ? publicUrl(url) : `${publicUrl(url)}?${kept.toString()}`;
}

function hash(parts: readonly string[]): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, HASH_CHARACTERS);
}

function slug(text: string, fallback: string): string {
  const plain = decode(text)
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .slice(0, SLUG_CHARACTERS)
    .replaceAll(/^-|-$/g, '');
  return plain === '' ? fallback : plain;
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
