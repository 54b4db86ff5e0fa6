import { SyncError } from './sync-error.ts';

declare const domain: unique symbol;

/** Session time: the host's monotonic clock in integer microseconds. Every node agrees on it within its clock bound. */
export type SessionUs = number & { readonly [domain]: 'session' };

/** Local time: this node's own monotonic clock in integer microseconds. It means nothing on another node. */
export type LocalUs = number & { readonly [domain]: 'local' };

/** A number taken as session time. Throws `SyncError` `sync/bad-number` unless it is a safe integer. */
export function sessionUs(value: number): SessionUs {
  return safeInteger('session time', value) as SessionUs;
}

/** A number taken as local time. Throws `SyncError` `sync/bad-number` unless it is a safe integer. */
export function localUs(value: number): LocalUs {
  return safeInteger('local time', value) as LocalUs;
}

/** `value` itself. Throws `SyncError` `sync/bad-number`, naming `what`, unless it is a safe integer. */
export function safeInteger(what: string, value: number): number {
  if (!Number.isSafeInteger(value)) throw new SyncError('sync/bad-number', `${what}: ${value} is not a safe integer`);
  return value;
}

/** `value` itself. Throws `SyncError` `sync/out-of-range`, with the range, unless it lies in it; not-a-number never does. */
export function inRange(what: string, value: number, { min, max }: { readonly min: number; readonly max: number }): number {
  if (value >= min && value <= max) return value;
  throw new SyncError('sync/out-of-range', `${what}: ${value} is not between ${min} and ${max}`, { range: { min, max, value } });
}
