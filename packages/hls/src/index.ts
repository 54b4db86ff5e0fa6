/**
 * HLS for audio: playlists, variants, keys and segments, as media spans over the cache.
 *
 * @module
 */
export { AbrController, type AbrControllerOptions } from './abr/controller.ts';
export type { BitrateLimits, RuleDecision, RuleSettings, Rung, Situation, VariantChoice } from './abr/rules.ts';
export { ThroughputMemory } from './abr/throughput-memory.ts';
export { ThroughputEstimator, type ThroughputOptions, type Transfer } from './abr/throughput.ts';
export type { AudioPreference } from './audio-rendition.ts';
export type { FillPlan } from './fill-plan.ts';
export { HlsError, type HlsErrorCode, type HlsErrorContext } from './hls-error.ts';
export {
  openHls,
  type HlsEvent,
  type HlsHooks,
  type HlsSource,
  type HlsVariant,
  type OpenHlsOptions,
  type PlaylistStaleEvent,
} from './hls-source.ts';
export type { KeyProcessor } from './keys.ts';
export {
  parsePlaylist,
  type AudioRendition,
  type InitSection,
  type MediaPlaylist,
  type MediaSegment,
  type MultivariantPlaylist,
  type ParsePlaylistOptions,
  type PlaylistVariant,
} from './playlist/playlist.ts';
export type { PlaylistWarning } from './playlist/repair-media.ts';
export type { KeySet, SegmentKey } from './playlist/segment-key.ts';
export type { Variables } from './playlist/variables.ts';
export type { VariantDecidedEvent } from './variant-set.ts';
