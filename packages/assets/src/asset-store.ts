import type { CommittedResource, ResourceOrigin, StreamingResource } from '@tutti/storage';
import type { AssetError } from './asset-error.ts';

/** A place in the cache: `<root>/assets/<assetRoot>/<relPath>`. Made by `resourceKey`, never by hand. */
export interface ResourceKey {
  readonly assetRoot: string;
  /** POSIX relative path, safe on every platform. */
  readonly relPath: string;
  /** URL that the key was made for, without credentials, query and fragment: for messages. */
  readonly url?: string;
}

/**
 * Fills one active resource: runs while at least one lease wants it, and ends by `resource.commit(…)`.
 * What it throws fails the resource. On `signal` (the last lease went away) it returns or throws the reason; the bytes
 * stay for the next producer, which may be the same function in a later process.
 */
export type Producer = (resource: StreamingResource, signal: AbortSignal) => Promise<CommittedResource | undefined>;

/** A resource in use: kept from eviction until released. */
export interface ResourceLease {
  readonly key: ResourceKey;
  /** Committed, or active with a producer running (or, without a producer, whatever an earlier run left). */
  readonly resource: StreamingResource;
  /** Whether every byte was there when the lease began: nothing had to be fetched. */
  readonly wasComplete: boolean;
  /** Ends the lease; the last one stops the producer and checkpoints what it wrote. Idempotent. */
  release(): Promise<void>;
}

/** A small whole resource (playlist, key). */
export interface WholeResource {
  readonly bytes: Uint8Array;
  readonly origin: ResourceOrigin;
  /** URL after redirects, without credentials: the base for relative references. */
  readonly finalUrl: string;
  /** Whether the bytes came from the cache: the producer was not asked, or it failed and they stood in. */
  readonly wasCached: boolean;
}

export interface ProducedWhole {
  readonly bytes: Uint8Array;
  readonly origin: ResourceOrigin;
  readonly finalUrl: string;
}

/** Everything that belongs to one source URL. Holding it is a lease on the asset. */
export interface Asset extends AsyncDisposable {
  readonly id: string;
  /** Source URL without query, fragment and credentials. */
  readonly url: string;
  readonly directory: string;
  /** The key of one URL inside this asset. `folder` is one of `media`, `playlists`, `keys`, `segments`. */
  key(folder: 'media' | 'playlists' | 'keys' | 'segments', url: string, options?: KeyOptions): ResourceKey;
  /** What the manifest knows about a complete resource. */
  entry(key: ResourceKey): ResourceEntry | undefined;
  /**
   * Leases a streaming resource: opens the complete file, joins the producer that runs already (single flight per key
   * and process), or starts `producer` on a new or resumed resource. Without `producer` (offline) a resource that is
   * not complete rejects with `assets/not-cached` at once.
   */
  acquire(key: ResourceKey, producer: Producer | undefined, options?: { readonly signal?: AbortSignal }): Promise<ResourceLease>;
  /**
   * Reads a whole resource from the cache, or produces and stores it (single flight). With `refresh` the producer is
   * asked first and the stored bytes are the fallback when it fails recoverably. Without `produce`: as `acquire`.
   */
  whole(
    key: ResourceKey,
    produce: ((signal: AbortSignal) => Promise<ProducedWhole>) | undefined,
    options?: { readonly refresh?: boolean; readonly isSecret?: boolean; readonly signal?: AbortSignal },
  ): Promise<WholeResource>;
  /** Forgets a resource, partial bytes too: the next `acquire` starts a new file. Open readers keep the old one. */
  discard(key: ResourceKey): Promise<void>;
  /** Ends the lease on the asset. Idempotent. */
  close(): Promise<void>;
}

export interface KeyOptions {
  /** Byte range of the URL that the resource holds, when it is a part (EXT-X-BYTERANGE). */
  readonly range?: { readonly start: number; readonly end: number };
  /** Query parameters that tell resources apart; others (tokens) are ignored. Default: the whole query counts. */
  readonly identityQuery?: readonly string[];
}

export interface ResourceEntry {
  readonly relPath: string;
  readonly length: number;
  readonly sha256: string;
  readonly origin: ResourceOrigin;
  /** URL after redirects, without credentials and query, where it was told. */
  readonly finalUrl: string | undefined;
  /** False for a complete file whose entry was lost: its origin is unknown, so ask the network again when there is one. */
  readonly isValidated: boolean;
}

export interface AssetSummary {
  readonly id: string;
  /** Source URL without query, fragment and credentials; empty when the manifest is lost. */
  readonly url: string;
  readonly directory: string;
  /** Size of all files of the asset on disk, partial ones included, in bytes. */
  readonly bytes: number;
  readonly resourceCount: number;
  readonly partialCount: number;
  readonly lastUsedAtMs: number;
  readonly isPinned: boolean;
}

export interface AssetDetails extends AssetSummary {
  readonly resources: readonly ResourceEntry[];
  readonly partials: readonly {
    readonly relPath: string;
    readonly presentBytes: number;
    readonly totalLength: number | undefined;
  }[];
}

export interface CacheUsage {
  readonly root: string;
  readonly bytes: number;
  readonly assetCount: number;
  readonly fileCount: number;
  readonly maxBytes: number | undefined;
  readonly freeBytes: number;
}

export interface VerifyOptions {
  /** Asset ids or source URLs. Default: every asset. */
  readonly only?: readonly string[];
  readonly onProgress?: (progress: VerifyProgress) => void;
  /** Abort between two pieces of a file: what was quarantined until then stays so. */
  readonly signal?: AbortSignal;
}

/** Told before each resource and once at the end. */
export interface VerifyProgress {
  readonly checked: number;
  readonly total: number;
  readonly checkedBytes: number;
  readonly totalBytes: number;
}

/** A complete resource whose file is not what the manifest says. It is no longer in the cache. */
export interface DamagedResource {
  readonly assetId: string;
  /** Source URL of the asset without query, fragment and credentials; empty when the manifest does not tell. */
  readonly url: string;
  readonly relPath: string;
  readonly reason: 'hash' | 'length' | 'missing' | 'unreadable';
  /** Where the file is now; `undefined` when there was none. */
  readonly quarantinePath: string | undefined;
}

export interface VerifyReport {
  /** Resources that were compared with their entry. */
  readonly checked: number;
  readonly checkedBytes: number;
  readonly damaged: readonly DamagedResource[];
}

export interface EvictOptions {
  /** Most bytes that may stay. Default: the limit that the cache was opened with; without one nothing goes. */
  readonly maxBytes?: number;
  /** Abort between two assets: what went is gone. */
  readonly signal?: AbortSignal;
}

export interface EvictReport {
  /** What went, first the one that was used longest ago. */
  readonly evicted: readonly AssetSummary[];
  readonly freedBytes: number;
  /** Bytes that the cache has now. */
  readonly bytes: number;
  readonly maxBytes: number | undefined;
  /** False when all that is left is pinned or in use. */
  readonly isWithinLimit: boolean;
}

/** The cache: one directory, one writing process, any number of readers. */
export interface AssetStore extends AsyncDisposable {
  readonly root: string;
  /**
   * `reader` when another process holds the writer lock, or has taken it, and where nothing can be written: complete
   * resources play, misses stream through memory.
   */
  readonly mode: 'writer' | 'reader';
  /** Why nothing can be written (a read-only or full disk), with the remedy; `undefined` where it can. */
  readonly obstacle: AssetError | undefined;
  /**
   * The process that writes the cache while this one only reads it; its `pid` is `undefined` when it did not name itself.
   * `undefined` when this process is the writer, and when nobody can write.
   */
  otherWriter(): Promise<{ readonly pid: number | undefined } | undefined>;
  /** Opens (and for a writer creates) the asset of a source URL. */
  asset(url: string, options?: { readonly identityQuery?: readonly string[]; readonly signal?: AbortSignal }): Promise<Asset>;
  list(): Promise<readonly AssetSummary[]>;
  /** By asset id or source URL. */
  stat(idOrUrl: string): Promise<AssetDetails | undefined>;
  usage(): Promise<CacheUsage>;
  /**
   * Removes an asset's files. Rejects with `assets/in-use` while it is leased, here or in another process, with
   * `assets/not-cached` when unknown, with `assets/locked` in a `reader`.
   */
  remove(idOrUrl: string): Promise<AssetSummary>;
  /** Pins an asset, or unpins it: pinned assets are never evicted. Rejects with `assets/not-cached` when unknown. */
  setPinned(idOrUrl: string, isPinned: boolean): Promise<AssetSummary>;
  /**
   * Reads every complete resource and compares it with the SHA-256 of its entry. What differs is moved to
   * `<root>/quarantine/<asset>/…`, of each resource the last one, and its entry removed, so that the next `acquire` fetches it
   * again; readers that have it open keep it. Nobody is kept waiting while files are read, and no asset counts as used.
   * Partial files and files without an entry are not checked. Rejects with `assets/locked` in a `reader`, with
   * `assets/not-cached` when `only` names something unknown.
   */
  verify(options?: VerifyOptions): Promise<VerifyReport>;
  /**
   * Brings the cache under a limit now: first the quarantine goes, then assets, the one used longest ago first, never one that is
   * pinned or leased. Rejects with `assets/locked` in a `reader`.
   */
  evict(options?: EvictOptions): Promise<EvictReport>;
  /** Checkpoints and releases everything. Idempotent. */
  close(): Promise<void>;
}
