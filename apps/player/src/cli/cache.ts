import { AssetError, type AssetStore, type AssetSummary } from '@tutti/assets';
import { sourceLabel } from '../media/source-label.ts';
import type { Reporter } from './reporter.ts';
import { openSession, type CommonOptions } from './session.ts';
import { formatBytes } from './size-text.ts';

/** `tutti cache ls|stat|usage|path|rm` */
export async function runCache(action: string, operands: readonly string[], options: CommonOptions): Promise<void> {
  // Administration never needs the network.
  await using session = openSession({ ...options, offline: true });
  const { reporter } = session;
  if (action === 'path' && operands.length === 0) {
    reporter.event('path', { path: session.cacheDirectory });
    reporter.result(session.cacheDirectory);
    return;
  }
  const { store } = await session.cache();
  await actions[action]?.({ store, reporter, operands });
}

interface CacheJob {
  readonly store: AssetStore;
  readonly reporter: Reporter;
  readonly operands: readonly string[];
}

const actions: Readonly<Record<string, (job: CacheJob) => Promise<void>>> = { ls, stat, usage, path: assetPath, rm };

async function ls({ store, reporter }: CacheJob): Promise<void> {
  const assets = (await store.list()).toSorted((a, b) => b.lastUsedAtMs - a.lastUsedAtMs);
  for (const asset of assets) {
    reporter.event('asset', { ...asset });
    reporter.result(
      `${formatBytes(asset.bytes).padStart(10)}  ${stateOf(asset).padEnd(9)} ${day(asset)}  ${asset.id}  ${asset.url}`,
    );
  }
  if (assets.length === 0) reporter.line('the cache is empty');
}

async function stat({ store, reporter, operands }: CacheJob): Promise<void> {
  const [wanted = ''] = operands;
  const asset = await store.stat(wanted);
  if (asset === undefined) throw notCached(wanted);
  reporter.event('asset', { ...asset });
  reporter.result(
    `${asset.url}\n  id        ${asset.id}\n  directory ${asset.directory}\n  size      ${formatBytes(asset.bytes)}, used ${day(asset)}`,
  );
  for (const resource of asset.resources) {
    reporter.result(
      `  complete  ${formatBytes(resource.length).padStart(10)}  ${resource.sha256.slice(0, 12)}  ${resource.relPath}`,
    );
  }
  for (const partial of asset.partials) {
    reporter.result(
      `  partial   ${formatBytes(partial.presentBytes).padStart(10)} of ${formatBytes(partial.totalLength)}  ${partial.relPath}`,
    );
  }
}

async function usage({ store, reporter }: CacheJob): Promise<void> {
  const used = await store.usage();
  reporter.event('usage', { ...used });
  const limit = used.maxBytes === undefined ? 'no limit' : `limit ${formatBytes(used.maxBytes)}`;
  reporter.result(
    `${used.root}: ${formatBytes(used.bytes)} in ${used.assetCount} assets (${used.fileCount} files), ${limit}, ${formatBytes(used.freeBytes)} free`,
  );
}

async function assetPath({ store, reporter, operands }: CacheJob): Promise<void> {
  const [wanted = ''] = operands;
  const asset = await store.stat(wanted);
  if (asset === undefined) throw notCached(wanted);
  reporter.event('path', { path: asset.directory });
  reporter.result(asset.directory);
}

async function rm({ store, reporter, operands }: CacheJob): Promise<void> {
  for (const wanted of operands) {
    const asset = await store.remove(wanted);
    reporter.event('removed', { ...asset });
    reporter.line(`removed ${asset.url} (${formatBytes(asset.bytes)})`);
  }
}

function notCached(wanted: string): AssetError {
  const label = sourceLabel(wanted);
  return new AssetError('assets/not-cached', `nothing called ${label} is cached: tutti cache ls lists what is`, {
    subject: label,
  });
}

function stateOf(asset: AssetSummary): string {
  if (asset.isPinned) return 'pinned';
  return asset.partialCount > 0 ? 'partial' : 'complete';
}

function day(asset: AssetSummary): string {
  return new Date(asset.lastUsedAtMs).toISOString().slice(0, 16).replace('T', ' ');
}
