import type { SessionUs } from './units.ts';
import type { Ticks } from './musical/ticks.ts';

/** A change of volume or mute at one instant, told as a session time or as musical time. */
export type AutomationPoint = ({ readonly atUs: SessionUs } | { readonly tick: Ticks }) & {
  /** Volume from this instant on, in dBFS, −96 (silence) to 0; absent leaves it as it is. */
  readonly volumeDb?: number;
  /** Muted from this instant on; absent leaves it as it is. */
  readonly muted?: boolean;
};
