import type { Asset, Producer, ResourceKey, ResourceLease } from '@tutti/assets';
import { NetError } from '@tutti/net';
import type { HttpBody, HttpClient, HttpRequest, RequestPriority } from '@tutti/net';
import type { ByteRange, CommittedResource, StreamingResource } from '@tutti/storage';
import { download } from '@tutti/stream';
import type { ThroughputEstimator, Transfer } from './abr/throughput.ts';
import { BLOCK_BYTES, DecryptingTransform } from './decrypt.ts';
import type { FetchTarget } from './fetch-target.ts';
import { HlsError, publicUrl } from './hls-error.ts';
import type { KeyRing } from './keys.ts';
import { implicitIv } from './playlist/segment-key.ts';
import type { RunBody } from './run-body.ts';
import { FIRST_REST_MS, Rests, withPatience } from './segment-patience.ts';

export interface SegmentFetcherOptions {
  readonly asset: Asset;
  /** Absent: offline. */
  readonly client: HttpClient | undefined;
  readonly keys: KeyRing;
  readonly throughput: ThroughputEstimator;
  /** How long a segment that fails is asked for again while it is played, once one has come, in milliseconds. */
  readonly patienceMs: number;
  /** How long it is let rest after its first failure, in milliseconds. Default 1000. */
  readonly firstRestMs?: number;
  readonly identityQuery?: readonly string[] | undefined;
  readonly onRequest: () => void;
  readonly onBytes: (byteCount: number) => void;
}

export interface AcquireOptions {
  readonly priority: RequestPriority;
  readonly signal?: AbortSignal | undefined;
}

export interface CompleteOptions extends AcquireOptions {
  /** Where the bytes come from, when the target is one of several that share a request. */
  readonly run?: RunBody | undefined;
  /** Called when the bytes have come, before they are made durable. Not called for what somebody else fetches. */
  readonly onFetched?: () => void;
}

/** What is used of a client to fetch a body. */
type BodyOpener = Pick<HttpClient, 'open'>;

/** Segments and init sections through the cache: one download each, decrypted on the way to the disk. */
export class SegmentFetcher {
  readonly #options: SegmentFetcherOptions;
  readonly #rests = new Rests();
  #hasDelivered = false;
  /** Counts what it asks for. Absent: offline. */
  readonly opener: BodyOpener | undefined;

  constructor(options: SegmentFetcherOptions) {
    const { client, onRequest } = options;
    this.#options = options;
    this.opener = client && {
      open: (request, how) => {
        onRequest();
        return client.open(request, how);
      },
    };
  }

  get isOffline(): boolean {
    return this.opener === undefined;
  }

  /** Length in bytes of a target that is stored whole, else `undefined`. */
  storedBytes(target: FetchTarget): number | undefined {
    return this.#options.asset.entry(this.keyOf(target))?.length;
  }

  keyOf({ uri, range }: FetchTarget): ResourceKey {
    const { asset, identityQuery } = this.#options;
    return asset.key('segments', uri, {
      ...(range === undefined ? {} : { range }),
      ...(identityQuery === undefined ? {} : { identityQuery }),
    });
  }

  /**
   * Leases a target's resource, which is whole or being filled. Bytes that an earlier run left are continued when they are
   * still of the same representation and key, else fetched again from the start. The resource fails with what its
   * download failed with: `HlsError` `hls/segment-missing` for a 404. Offline and not whole: `assets/not-cached`.
   */
  async acquire(target: FetchTarget, options: AcquireOptions): Promise<ResourceLease> {
    if (options.priority === 'demand') this.urge(target);
    return this.#acquire(target, options);
  }

  /** Somebody waits for a target: if it failed and is let rest, it is asked for again now. */
  urge(target: FetchTarget): void {
    this.#rests.cut(this.keyOf(target).relPath);
  }

  /** Makes sure that a target is stored whole; gives its length in bytes. What changes meanwhile is fetched again, once. */
  async complete(target: FetchTarget, options: CompleteOptions): Promise<number> {
    try {
      return await this.#complete(target, options);
    } catch (error) {
      if (!isChanged(error)) throw error;
      await this.#options.asset.discard(this.keyOf(target));
      const { priority, signal } = options;
      return this.#complete(target, { priority, signal });
    }
  }

  async #acquire(target: FetchTarget, options: CompleteOptions): Promise<ResourceLease> {
    const { asset } = this.#options;
    const { signal } = options;
    const how = signal === undefined ? {} : { signal };
    const key = this.keyOf(target);
    const opener = options.run ?? this.opener;
    if (opener === undefined) return asset.acquire(key, undefined, how);
    const producer = this.#producer(opener, target, options);
    const lease = await asset.acquire(key, producer, how);
    if (lease.wasComplete || lease.resource.presentBytes === 0) return lease;
    try {
      await settledStart(lease.resource, signal);
      return lease;
    } catch (error) {
      await lease.release();
      if (!isChanged(error)) throw error;
      await asset.discard(key);
      return asset.acquire(key, producer, how);
    }
  }

  async #complete(target: FetchTarget, options: CompleteOptions): Promise<number> {
    const lease = await this.#acquire(target, options);
    try {
      await committed(lease.resource, options.signal);
      return lease.resource.length ?? 0;
    } finally {
      await lease.release();
    }
  }

  #producer(opener: BodyOpener, target: FetchTarget, { onFetched, priority }: CompleteOptions): Producer {
    return async (resource, signal) => {
      const { firstRestMs = FIRST_REST_MS } = this.#options;
      const patienceMs = this.#hasDelivered && priority !== 'warm' ? this.#options.patienceMs : 0;
      const rest = (restMs: number): Promise<void> => this.#rests.take(this.keyOf(target).relPath, { restMs, signal });
      try {
        const fill = (): Promise<CommittedResource> => this.#fill(resource, { opener, target, priority, signal, onFetched });
        const filled = await withPatience(fill, { patienceMs, firstRestMs, rest });
        this.#hasDelivered = true;
        return filled;
      } catch (error) {
        signal.throwIfAborted();
        throw toSegmentError(error, target);
      }
    };
  }

  async #fill(resource: StreamingResource, how: FillHow): Promise<CommittedResource> {
    const { onFetched, opener, priority, signal, target } = how;
    const rangeStart = target.range?.start ?? 0;
    const stored = resumePosition(resource, target);
    if (target.key === undefined && stored > 0 && stored === wholeLength(resource, target)) return resource.commit(stored);
    const rewind = target.key === undefined || stored === 0 ? 0 : BLOCK_BYTES;
    const transform = target.key === undefined ? undefined : new DecryptingTransform({ url: target.uri, beginsWithIv: rewind > 0 });
    const meter = new TransferMeter(this.#options);
    try {
      const result = await download({
        client: transform === undefined ? opener : this.#unlocking(opener, target, transform),
        resource,
        request: { url: target.uri, kind: 'segment', priority },
        ...wireRange(target.range, rangeStart + stored - rewind),
        position: stored,
        ...(target.range === undefined || transform !== undefined ? {} : { storedLength: target.range.end - rangeStart }),
        ...(transform === undefined ? {} : { transform }),
        onBody: () => meter.begin(),
        onBytes: (byteCount) => meter.add(byteCount),
        signal,
      });
      const length = checkedLength(result.endPosition, target, transform !== undefined);
      onFetched?.();
      return await resource.commit(length);
    } finally {
      meter.end();
    }
  }

  /**
   * Opens bodies that come with their key: the transform has it before a byte. Who is waited for asks for both at once; a warm
   * job asks for the key first, because bodies that wait for it could hold every request that may be under way.
   */
  #unlocking(opener: BodyOpener, target: FetchTarget, transform: DecryptingTransform): BodyOpener {
    const { key } = target;
    if (key === undefined) return opener;
    const unlock = async (options: { readonly signal?: AbortSignal }): Promise<void> => {
      transform.unlock(await this.#options.keys.get(key, options), key.iv ?? implicitIv(target.mediaSequence));
    };
    return {
      open: async (request, options = {}) => {
        if (request.priority === 'warm') {
          await unlock(options);
          return opener.open(request, options);
        }
        return openBoth(opener, request, { ...options, unlock });
      },
    };
  }
}

/** Opens a body while `unlock` is under way; closes it when that fails. */
async function openBoth(
  opener: BodyOpener,
  request: HttpRequest,
  options: { readonly signal?: AbortSignal; readonly unlock: (options: { readonly signal?: AbortSignal }) => Promise<void> },
): Promise<HttpBody> {
  const withoutKey = new AbortController();
  const { signal, unlock } = options;
  const signals = [withoutKey.signal, ...(signal === undefined ? [] : [signal])];
  const opening = opener.open(request, { signal: AbortSignal.any(signals) });
  try {
    const [body] = await Promise.all([opening, unlock(signal === undefined ? {} : { signal })]);
    return body;
  } catch (error) {
    withoutKey.abort();
    opening.then((body) => body[Symbol.asyncDispose]()).catch(() => undefined);
    throw error;
  }
}

/** Resolves when the resource is committed; rejects with what it failed with. */
export async function committed(resource: StreamingResource, signal?: AbortSignal): Promise<void> {
  await until(resource, () => resource.state === 'committed', signal);
}

interface FillHow {
  readonly opener: BodyOpener;
  readonly onFetched: (() => void) | undefined;
  readonly target: FetchTarget;
  readonly priority: RequestPriority;
  readonly signal: AbortSignal;
}

/** Counts one body for the counters and the throughput estimate. */
class TransferMeter {
  readonly #options: SegmentFetcherOptions;
  #transfer: Transfer | undefined;

  constructor(options: SegmentFetcherOptions) {
    this.#options = options;
  }

  begin(): void {
    this.#transfer = this.#options.throughput.begin();
  }

  add(byteCount: number): void {
    this.#options.onBytes(byteCount);
    this.#transfer?.add(byteCount);
  }

  end(): void {
    this.#transfer?.end();
  }
}

/** Resolves when bytes that an earlier run left have been proven to belong to what is at the origin now. */
async function settledStart(resource: StreamingResource, signal: AbortSignal | undefined): Promise<void> {
  const before = resource.presentBytes;
  await until(resource, () => resource.state === 'committed' || resource.presentBytes > before, signal);
}

async function until(resource: StreamingResource, isReached: () => boolean, signal: AbortSignal | undefined): Promise<void> {
  const { promise, reject, resolve } = Promise.withResolvers<void>();
  const check = (): void => {
    if (isReached()) resolve();
    else if (resource.state !== 'active')
      reject(resource.failure ?? new HlsError('hls/closed', `fetch ${resource.label}: it was stopped`, { url: '' }));
  };
  const abort = (): void => reject(signal?.reason);
  using _change = resource.onChange(check);
  signal?.addEventListener('abort', abort);
  try {
    if (signal?.aborted) abort();
    check();
    await promise;
  } finally {
    signal?.removeEventListener('abort', abort);
  }
}

/** Where in the resource to go on: behind its beginning, at a whole block when it is decrypted. */
function resumePosition(resource: StreamingResource, target: FetchTarget): number {
  const [first] = resource.ranges();
  if (first === undefined) return 0;
  if (resource.origin === undefined || resource.origin.validator === '') {
    throw new NetError('net/representation-changed', `resume ${target.name}: nothing tells whether it is still the same`, {
      url: publicUrl(target.uri),
    });
  }
  const present = first.start === 0 ? first.end : 0;
  return target.key === undefined ? present : present - (present % BLOCK_BYTES);
}

function wholeLength(resource: StreamingResource, { range }: FetchTarget): number | undefined {
  return range === undefined ? resource.origin?.totalLength : range.end - range.start;
}

function wireRange(
  range: ByteRange | undefined,
  start: number,
): { readonly range?: { readonly start: number; readonly end?: number } } {
  if (range !== undefined) return { range: { start, end: range.end } };
  return start === 0 ? {} : { range: { start } };
}

function checkedLength(length: number, target: FetchTarget, isDecrypted: boolean): number {
  const expected = target.range === undefined || isDecrypted ? undefined : target.range.end - target.range.start;
  if (length > 0 && (expected === undefined || expected === length)) return length;
  const what = length === 0 ? 'is empty' : `ends after ${length} of ${expected} bytes`;
  throw new HlsError('hls/segment-missing', `${target.name} (${publicUrl(target.uri)}) ${what} at the origin`, {
    url: target.uri,
    mediaSequence: target.mediaSequence,
  });
}

function isChanged(error: unknown): boolean {
  return error instanceof NetError && error.code === 'net/representation-changed';
}

function toSegmentError(error: unknown, target: FetchTarget): unknown {
  if (!(error instanceof NetError)) return error;
  if (error.code !== 'net/not-found' && error.code !== 'net/unsatisfiable-range') return error;
  const message = `${target.name} (${publicUrl(target.uri)}) does not exist at the origin: it answered ${error.status ?? 'that it is gone'}`;
  return new HlsError('hls/segment-missing', message, { url: target.uri, mediaSequence: target.mediaSequence, cause: error });
}
