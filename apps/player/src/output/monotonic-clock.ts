import { localUs, type LocalUs } from '@tutti/sync';

/** This machine's monotonic clock (CLOCK_MONOTONIC), in whole microseconds: the same in every thread and process of the machine. */
export function monotonicUs(): LocalUs {
  return localUs(Number(process.hrtime.bigint() / 1000n));
}
