import { inRange } from '../units.ts';

declare const unit: unique symbol;

/** Quarter notes per minute, 20 to 400. */
export type Tempo = number & { readonly [unit]: 'tempo' };

const range = { min: 20, max: 400 };

/** The tempo where nothing else is said. */
export const defaultTempo = 120 as Tempo;

/** A number taken as a tempo. Throws `SyncError` `sync/out-of-range`, with the range and the value, outside of 20 to 400. */
export function tempo(value: number): Tempo {
  return inRange('tempo', value, range) as Tempo;
}

/** The tempo nearest to a number. */
export function nearestTempo(value: number): Tempo {
  return Math.max(range.min, Math.min(range.max, value)) as Tempo;
}
