import { SyncError } from '../sync-error.ts';
import { safeInteger } from '../units.ts';

declare const unit: unique symbol;

/** Musical time: whole ticks since the beginning, ≥ 0. A plain number that may be compared and sent as JSON. */
export type Ticks = number & { readonly [unit]: 'ticks' };

/** Ticks per quarter note, a whole number > 0. */
export type Ppqn = number & { readonly [unit]: 'ppqn' };

/** Ticks per quarter note where nothing else is said. */
export const defaultPpqn = 960 as Ppqn;

/** A number taken as ticks. Throws `SyncError` unless it is a safe integer ≥ 0. */
export function ticks(value: number): Ticks {
  if (safeInteger('ticks', value) < 0) throw new SyncError('sync/bad-number', `ticks: ${value} is below 0`);
  return value as Ticks;
}

/** A number taken as ticks per quarter note. Throws `SyncError` unless it is a safe integer > 0. */
export function ppqn(value: number): Ppqn {
  if (safeInteger('ticks per quarter note', value) <= 0) {
    throw new SyncError('sync/bad-number', `ticks per quarter note: ${value} is not above 0`);
  }
  return value as Ppqn;
}

/** The later of two instants by as many ticks. */
export function addTicks(a: Ticks, b: Ticks): Ticks {
  return ticks(a + b);
}

/** How many ticks `a` lies after `b`; 0 where it lies before. */
export function subtractTicks(a: Ticks, b: Ticks): Ticks {
  return Math.max(0, a - b) as Ticks;
}
