import type { FillPlan } from '@tutti/hls';
import type { Cache } from '../compose.ts';
import { openHlsUrl, pathOf } from './open-media.ts';
import { sourceLabel } from './source-label.ts';
import type { WarmVariants } from './warm-source.ts';
import { distinct } from './warm.ts';

export interface WarmPlanOptions {
  readonly cache: Cache;
  /** Default `auto`. */
  readonly variants?: WarmVariants;
  /** BCP 47 tag of the HLS audio rendition, where there is one in it. */
  readonly language?: string;
  /** Default false. */
  readonly untilNow?: boolean;
  readonly signal?: AbortSignal;
}

/** What warming one source would fetch. */
export interface WarmPlan extends FillPlan {
  /** As it may be shown: a URL without query and credentials. */
  readonly source: string;
  /** Why nothing can be said; `undefined` when nothing was thrown. */
  readonly error: unknown;
  /** Whether the cache's limit leaves too little room for it, behind what comes first; `undefined` where sizes are not known. */
  readonly isOutOfRoom: boolean | undefined;
}

/**
 * Finds out what `warm` with the same options would fetch. Asks for playlists and nothing else, so that of a file that was
 * never begun not even the length is known. Failures are in the plans; abort rejects with the signal's reason.
 */
export async function planWarm(sources: readonly string[], options: WarmPlanOptions): Promise<readonly WarmPlan[]> {
  const plans: Omit<WarmPlan, 'isOutOfRoom'>[] = [];
  const wanted = distinct(sources);
  for (const source of wanted) {
    options.signal?.throwIfAborted();
    const plan = await planOne(source, options).catch((error: unknown) => ({ ...nothingKnown, error }));
    options.signal?.throwIfAborted();
    plans.push({ error: undefined, ...plan, source: sourceLabel(source) });
  }
  const room = await roomFor(wanted, options.cache);
  return inOrder(plans, room);
}

/** Most bytes that the sources may have together: everything else but what is pinned makes room. */
async function roomFor(sources: readonly string[], { store }: Cache): Promise<number> {
  const { maxBytes } = await store.usage();
  if (maxBytes === undefined) return Infinity;
  const { assetId } = await import('@tutti/assets');
  const wanted = new Set(sources.map((source) => assetId(source)));
  const others = (await store.list()).filter(({ id, isPinned }) => isPinned && !wanted.has(id));
  return others.reduce((room, { bytes }) => room - bytes, maxBytes);
}

/** Gives the room to the first source first, as `warm` does; what is whole keeps its own. */
function inOrder(plans: readonly Omit<WarmPlan, 'isOutOfRoom'>[], room: number): readonly WarmPlan[] {
  const isWhole = ({ missingBytes, error }: Omit<WarmPlan, 'isOutOfRoom'>): boolean => missingBytes === 0 && error === undefined;
  let leftBytes: number | undefined = plans.reduce((left, plan) => left - (isWhole(plan) ? plan.cachedBytes : 0), room);
  let isFull = false;
  return plans.map((plan) => {
    if (isWhole(plan)) return { ...plan, isOutOfRoom: false };
    if (isFull) return { ...plan, isOutOfRoom: true };
    if (leftBytes === Infinity) return { ...plan, isOutOfRoom: false };
    leftBytes =
      leftBytes === undefined || plan.missingBytes === undefined ? undefined : leftBytes - plan.cachedBytes - plan.missingBytes;
    isFull = leftBytes !== undefined && leftBytes < 0;
    return { ...plan, isOutOfRoom: leftBytes === undefined ? undefined : isFull };
  });
}

const nothingKnown: FillPlan = {
  totalResources: 0,
  cachedResources: 0,
  cachedBytes: 0,
  missingBytes: undefined,
  missing: [],
};

async function planOne(source: string, options: WarmPlanOptions): Promise<FillPlan> {
  const { cache, language, signal, untilNow = false, variants = 'auto' } = options;
  const abort = signal === undefined ? {} : { signal };
  if (!/\.m3u8$/i.test(pathOf(source)) && !(await isKnownPlaylist(source, options))) return planFile(source, options);
  const variant = variants === 'all' ? 'lowest' : variants;
  await using media = await openHlsUrl(source, cache, {
    cache,
    variant,
    ...(language === undefined ? {} : { language }),
    allowsUnfinished: untilNow,
    prefetchKeys: false,
    ...abort,
  });
  return media.plan({ variants: variants === 'all' ? 'all' : 'selected', ...abort });
}

async function isKnownPlaylist(source: string, { cache }: WarmPlanOptions): Promise<boolean> {
  await using asset = await cache.store.asset(source);
  return asset.entry(asset.key('playlists', source, { identityQuery: [] })) !== undefined;
}

/** One file: what the cache has of it tells how long it is. */
async function planFile(source: string, { cache }: WarmPlanOptions): Promise<FillPlan> {
  await using asset = await cache.store.asset(source);
  const { relPath } = asset.key('media', source);
  const details = await cache.store.stat(source);
  const whole = details?.resources.find((resource) => resource.relPath === relPath);
  if (whole !== undefined)
    return { totalResources: 1, cachedResources: 1, cachedBytes: whole.length, missingBytes: 0, missing: [] };
  const part = details?.partials.find((partial) => partial.relPath === relPath);
  const cachedBytes = part?.presentBytes ?? 0;
  const missingBytes = part?.totalLength === undefined ? undefined : part.totalLength - cachedBytes;
  return { totalResources: 1, cachedResources: 0, cachedBytes, missingBytes, missing: [] };
}
