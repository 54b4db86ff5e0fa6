import { SyncError } from '../sync-error.ts';

/** One of the two decks of a mixer. */
export type Channel = 0 | 1;

export const channelA: Channel = 0;
export const channelB: Channel = 1;

/** A number taken as a channel. Throws `SyncError` `sync/out-of-range` unless it is 0 or 1. */
export function channel(value: number): Channel {
  if (value === 0 || value === 1) return value;
  throw new SyncError('sync/out-of-range', `channel: ${value} is neither 0 nor 1`, { range: { min: 0, max: 1, value } });
}
