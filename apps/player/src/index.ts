/**
 * Tutti as a library: open a cache, open media through it, fill the cache, play into an output.
 *
 * @module
 */
export { defaultDirectories } from './directories.ts';
export { openCache, type Cache, type CacheOptions, type Logger } from './compose.ts';
export { openMedia, type OpenMediaOptions, type VariantChoice } from './media/open-media.ts';
export { planWarm, type WarmPlan, type WarmPlanOptions } from './media/warm-plan.ts';
export type { WarmProgress } from './media/warm-progress.ts';
export type { WarmReport, WarmVariants } from './media/warm-source.ts';
export { warm, type WarmOptions } from './media/warm.ts';
export { expandSources } from './media/expand-sources.ts';
export { SourceError, type SourceErrorCode } from './media/source-error.ts';
export { Engine, type EngineOptions } from './engine/engine.ts';
export type { EngineEvent, EngineReport, QueueItem, TrackReport } from './engine/engine-events.ts';
export { Track, type TrackRead } from './engine/track.ts';
export type { Output, PcmFormat, SourceFormat } from './output/output.ts';
export { OutputError, type OutputErrorCode } from './output/output-error.ts';
export { createDeviceOutput, listDevices, type DeviceOptions } from './output/device.ts';
export { createNullOutput, type NullOptions } from './output/null.ts';
export { createStdoutOutput, type StdoutOptions } from './output/stdout.ts';
export { createFileOutput, type FileOptions } from './output/file.ts';
export type {
  PartyPlayer,
  PartyPlayerEvent,
  PartyPlayerStatus,
  PartyTrack,
  PreparedTrack,
  PrepareOptions,
} from './node/party-player.ts';
export type { TimedOutput } from './output/timed-output.ts';
export { createPartyPlayer, type PartyPlayerOptions } from './node/create-party-player.ts';
