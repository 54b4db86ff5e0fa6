import { AssetError } from './asset-error.ts';
import type {
  Asset,
  KeyOptions,
  ProducedWhole,
  Producer,
  ResourceEntry,
  ResourceKey,
  ResourceLease,
  WholeResource,
} from './asset-store.ts';
import { resourceKey, type ResourceFolder } from './resource-key.ts';
import type { SharedAsset } from './shared-asset.ts';
import type { WholeOptions, WholeResources } from './whole-resources.ts';

export interface OpenAssetOptions {
  readonly shared: SharedAsset;
  readonly wholes: WholeResources;
  /** Keeps the shared asset open: called once per handle and lease, with the undoing called once each. */
  readonly retain: () => () => Promise<void>;
}

/** One caller's handle on an asset. Leases that it gave outlive it. */
export class OpenAsset implements Asset {
  readonly id: string;
  readonly url: string;
  readonly directory: string;
  readonly #shared: SharedAsset;
  readonly #wholes: WholeResources;
  readonly #retain: () => () => Promise<void>;
  readonly #letGo: () => Promise<void>;
  #closing: Promise<void> | undefined;

  constructor({ shared, wholes, retain }: OpenAssetOptions) {
    this.#shared = shared;
    this.#wholes = wholes;
    this.#retain = retain;
    this.#letGo = retain();
    ({ id: this.id, url: this.url, directory: this.directory } = shared);
  }

  key(folder: ResourceFolder, url: string, options?: KeyOptions): ResourceKey {
    return resourceKey(this.id, folder, url, options);
  }

  entry(key: ResourceKey): ResourceEntry | undefined {
    return this.#shared.manifest.entry(key.relPath);
  }

  async acquire(
    key: ResourceKey,
    producer: Producer | undefined,
    options: { readonly signal?: AbortSignal } = {},
  ): Promise<ResourceLease> {
    this.#checkOpen();
    const letGo = this.#retain();
    try {
      const lease = await this.#shared.acquire(key, producer, options.signal);
      let releasing: Promise<void> | undefined;
      const release = async (): Promise<void> => {
        try {
          await lease.release();
        } finally {
          await letGo();
        }
      };
      return {
        ...lease,
        release: () => {
          releasing ??= release();
          return releasing;
        },
      };
    } catch (error) {
      await letGo();
      throw error;
    }
  }

  async whole(
    key: ResourceKey,
    produce: ((signal: AbortSignal) => Promise<ProducedWhole>) | undefined,
    options: WholeOptions = {},
  ): Promise<WholeResource> {
    this.#checkOpen();
    return this.#wholes.get(key, produce, options);
  }

  async discard(key: ResourceKey): Promise<void> {
    this.#checkOpen();
    this.#wholes.forget(key.relPath);
    await this.#shared.discard(key);
  }

  close(): Promise<void> {
    this.#closing ??= this.#letGo();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #checkOpen(): void {
    if (this.#closing !== undefined)
      throw new AssetError('assets/closed', `use asset ${this.id}: it is closed`, { subject: this.id });
  }
}
