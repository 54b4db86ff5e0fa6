import type { LocalUs } from './units.ts';

/** This machine's monotonic clock (CLOCK_MONOTONIC) in whole microseconds: the same in every thread and process, untouched by the wall clock. */
export function monotonicUs(): LocalUs {
  return Number(process.hrtime.bigint() / 1000n) as LocalUs;
}
