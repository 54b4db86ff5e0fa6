/**
 * The cache: which bytes belong to which URL, where they lie, who uses them, and what goes when space runs out.
 *
 * @module
 */
export { AssetError, type AssetErrorCode } from './asset-error.ts';
export type {
  Asset,
  AssetDetails,
  AssetStore,
  AssetSummary,
  CacheUsage,
  DamagedResource,
  EvictOptions,
  EvictReport,
  KeyOptions,
  ProducedWhole,
  Producer,
  ResourceEntry,
  ResourceKey,
  ResourceLease,
  VerifyOptions,
  VerifyProgress,
  VerifyReport,
  WholeResource,
} from './asset-store.ts';
export type { AssetLogger } from './logger.ts';
export type { AssetStoreOptions } from './disk-asset-store.ts';
export { openAssetStore } from './open-asset-store.ts';
export { assetId, resourceKey } from './resource-key.ts';
