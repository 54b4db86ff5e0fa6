import { AssetError, assetId, type AssetStore, type AssetSummary, type CacheUsage, type DamagedResource } from '@tutti/assets';
import { defaultMaxBytes, type Cache } from '../compose.ts';
import type { VariantChoice } from '../media/open-media.ts';
import { warm } from '../media/warm.ts';
import { codeOf, describeError } from './describe-error.ts';
import { sourceLabel } from '../media/source-label.ts';
import { exitCodes } from './exit-codes.ts';
import type { Reporter } from './reporter.ts';
import { openSession, type CommonOptions } from './session.ts';
import { formatBytes } from './size-text.ts';

export interface CacheCommandOptions extends CommonOptions {
  /** For `verify`: fetch again what is damaged. */
  readonly repair?: boolean;
  /** For `verify` with `repair`: the rung of HLS sources. */
  readonly variant?: VariantChoice;
}

/** `tutti cache ls|stat|usage|path|rm|pin|unpin|verify|evict` */
export async function runCache(action: string, operands: readonly string[], options: CacheCommandOptions): Promise<void> {
  // Looking after the cache needs no network, except to repair it, and evicts nothing unless it is asked to.
  const isRepair = options.repair ?? false;
  await using session = openSession(isRepair ? options : { ...options, offline: true, maxBytes: Infinity });
  const { reporter } = session;
  if (action === 'path' && operands.length === 0) {
    reporter.event('path', { path: session.cacheDirectory });
    reporter.result(session.cacheDirectory);
    return;
  }
  const cache = await session.cache();
  await actions[action]?.({ cache, store: cache.store, reporter, operands, options, signal: session.signal });
}

interface CacheJob {
  readonly cache: Cache;
  readonly store: AssetStore;
  readonly reporter: Reporter;
  readonly operands: readonly string[];
  readonly options: CacheCommandOptions;
  readonly signal: AbortSignal;
}

const actions: Readonly<Record<string, (job: CacheJob) => Promise<void>>> = {
  ls,
  stat,
  usage,
  path: assetPath,
  rm,
  pin: (job) => setPinned(job, true),
  unpin: (job) => setPinned(job, false),
  verify,
  evict,
};

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

async function usage({ store, reporter, options }: CacheJob): Promise<void> {
  const used = await store.usage();
  const maxBytes = limitOf(used, options);
  const isDefaultLimit = options.maxBytes === undefined;
  reporter.event('usage', { ...used, maxBytes, isDefaultLimit });
  const limit = `limit ${formatBytes(maxBytes)}${isDefaultLimit ? ' by default (change it with --max-bytes)' : ''}`;
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

async function setPinned({ store, reporter, operands }: CacheJob, isPinned: boolean): Promise<void> {
  for (const wanted of operands) {
    const asset = await store.setPinned(wanted, isPinned);
    reporter.event(isPinned ? 'pinned' : 'unpinned', { ...asset });
    reporter.line(`${isPinned ? 'pinned' : 'unpinned'} ${asset.url} (${formatBytes(asset.bytes)})`);
  }
}

async function verify(job: CacheJob): Promise<void> {
  const { store, reporter, operands, options, signal } = job;
  const { checked, checkedBytes, damaged } = await store.verify({
    ...(operands.length === 0 ? {} : { only: operands }),
    onProgress: (progress) => {
      reporter.event('verifying', { ...progress });
      reporter.status(
        `verifying: ${progress.checked} of ${progress.total} files, ${formatBytes(progress.checkedBytes)} of ${formatBytes(progress.totalBytes)}`,
      );
    },
    signal,
  });
  for (const each of damaged) {
    reporter.event('damaged', { ...each });
    reporter.line(`✗ ${each.url} ${each.relPath}: ${damageTexts[each.reason]}`);
  }
  const repaired = options.repair === true ? await repair(job, damaged) : 0;
  reporter.event('done', { checked, checkedBytes, damaged: damaged.length, repaired });
  const repairText = options.repair === true ? `, ${repaired} fetched again` : ', tutti cache verify --repair fetches at once';
  const text = damaged.length === 0 ? 'nothing damaged' : `${damaged.length} damaged and taken out${repairText}`;
  reporter.result(`${checked} files (${formatBytes(checkedBytes)}) checked: ${text}`);
  if (repaired < damaged.length) process.exitCode = exitCodes.partial;
}

const damageTexts = {
  hash: 'its bytes have changed',
  length: 'it has another length',
  missing: 'it is missing',
  unreadable: 'it cannot be read',
} as const;

/** Fetches again what was taken out. Gives how many of the resources are complete afterwards. */
async function repair({ cache, store, reporter, operands, options, signal }: CacheJob, damaged: readonly DamagedResource[]) {
  let repaired = 0;
  for (const [id, resources] of Map.groupBy(damaged, ({ assetId }) => assetId)) {
    // The source as it was given may carry a query that the cache does not keep.
    const { url = '' } = resources[0] ?? {};
    const source = operands.find((operand) => URL.canParse(operand) && assetId(operand) === id) ?? url;
    const [report] = await warm([source], { cache, variants: options.variant ?? 'auto', signal });
    const complete = new Set((await store.stat(id))?.resources.map(({ relPath }) => relPath));
    for (const { relPath } of resources) {
      if (complete.has(relPath)) repaired += 1;
      reporter.event(complete.has(relPath) ? 'repaired' : 'not-repaired', {
        assetId: id,
        url,
        relPath,
        code: codeOf(report?.error),
      });
      if (complete.has(relPath)) reporter.line(`✓ ${url} ${relPath}: fetched again`);
      else reporter.line(`✗ ${url} ${relPath}: ${report?.error === undefined ? 'not fetched' : describeError(report.error)}`);
    }
  }
  return repaired;
}

async function evict({ store, reporter, options, signal }: CacheJob): Promise<void> {
  const maxBytes = limitOf(await store.usage(), options);
  const { evicted, freedBytes, bytes, isWithinLimit } = await store.evict({ maxBytes, signal });
  for (const asset of evicted) {
    reporter.event('evicted', { ...asset });
    reporter.line(`evicted ${asset.url} (${formatBytes(asset.bytes)}, used ${day(asset)})`);
  }
  reporter.event('done', { evicted: evicted.length, freedBytes, bytes, maxBytes, isWithinLimit });
  const rest = isWithinLimit ? '' : '; the rest is pinned or in use';
  reporter.result(
    `${evicted.length} assets evicted, ${formatBytes(freedBytes)} freed, ${formatBytes(bytes)} of ${formatBytes(maxBytes)} used${rest}`,
  );
  if (!isWithinLimit) process.exitCode = exitCodes.partial;
}

function limitOf(used: CacheUsage, options: CacheCommandOptions): number {
  return options.maxBytes ?? defaultMaxBytes(used);
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
