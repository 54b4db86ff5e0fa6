import { supersedes, type Timeline } from './timeline.ts';
import type { SessionUs } from './units.ts';

/**
 * The lines that a node still needs, by rising epoch and rising `t0Us`: the one that holds now, and those that will take over. A
 * scheduled pause, for one, leaves the playing line in force until its own `t0Us`.
 */
export type TimelinePlan = readonly Timeline[];

/**
 * The plan after `incoming` arrived. A line takes the place of every planned line that would begin at its own instant or later; one
 * whose epoch is not higher than all that is planned changes nothing, and the same plan comes back.
 */
export function planWith(plan: TimelinePlan, incoming: Timeline): TimelinePlan {
  if (!supersedes(incoming, plan.at(-1))) return plan;
  return [...plan.filter((line) => line.t0Us < incoming.t0Us), incoming];
}

/** The line that holds at `atUs`; `undefined` before the first one begins. */
export function lineAt(plan: TimelinePlan, atUs: SessionUs): Timeline | undefined {
  return plan.findLast((line) => line.t0Us <= atUs);
}

/** The plan without the lines that nobody asks for any more when everything before `atUs` has been played. */
export function planFrom(plan: TimelinePlan, atUs: SessionUs): TimelinePlan {
  const holding = plan.findLastIndex((line) => line.t0Us <= atUs);
  return holding > 0 ? plan.slice(holding) : plan;
}
