import type { Member, NodeReport } from '@tutti/sync/protocol';

/** How well a node keeps time: by everything that is known to add up, never by one number alone. */
export type Quality = 'good' | 'fair' | 'bad';

/** Below this, in microseconds, two sources fuse into one: clicks side by side part at 1 to 2 ms. */
const GOOD_US = 1000;
/** Beyond this, in microseconds, rooms begin to sound apart; 1.5 m of air are as much. */
const FAIR_US = 5000;

/** The quality by the sum of clock bound and alignment. A latency that nobody measured or reported is never good. */
export function qualityOf({ isConnected, report }: Pick<Member, 'isConnected' | 'report'>): Quality {
  if (!isConnected || report === undefined || !report.isClockReady || report.boundUs === undefined) return 'bad';
  const sumUs = report.boundUs + (report.alignP95Us ?? 0);
  if (sumUs > FAIR_US) return 'bad';
  const isLatencyKnown = report.latencySource === 'calibrated' || report.latencySource === 'reported';
  return sumUs <= GOOD_US && isLatencyKnown ? 'good' : 'fair';
}

/** The bound of a node's clock, for people. */
export function clockWord({ boundUs, isClockReady }: NodeReport): string {
  if (boundUs === undefined) return 'unknown';
  return `±${Math.round(boundUs)} µs${isClockReady ? '' : ' (measuring)'}`;
}
