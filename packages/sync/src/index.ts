/**
 * Time shared by nodes, as pure functions over numbers: no socket, no clock, no audio.
 *
 * @module
 */
export { frameAt, newer, timeOf, type Timeline } from './timeline.ts';
export { SyncError, type SyncErrorCode } from './sync-error.ts';
