import { SyncError } from './sync-error.ts';

/**
 * Where a track is at any instant: at session time `t0Us` frame `frame0` sounds, and `rateNum / rateDen` frames follow in every
 * second of session time. One tuple says play, pause, seek and skip; a position is computed from it, never accumulated.
 */
export interface Timeline {
  /** A higher epoch replaces a lower one; the same epoch is the same timeline. */
  readonly epoch: number;
  readonly state: 'playing' | 'paused' | 'stopped';
  /** Frame index at `t0Us`, a safe integer ≥ 0. */
  readonly frame0: number;
  /** Session time in integer microseconds. */
  readonly t0Us: number;
  /** Media frames per second of session time, as a fraction of safe integers > 0. */
  readonly rateNum: number;
  readonly rateDen: number;
}

const microsecondsPerSecond = 1_000_000n;

/**
 * The frame that sounds at session time `atUs`: exact, rounded towards the past, however long ago `t0Us` was. While playing, times
 * before `t0Us` give frames before `frame0`, negative ones included: how much silence is left. Paused and stopped give `frame0`.
 */
export function frameAt(timeline: Timeline, atUs: number): number {
  check(timeline);
  if (timeline.state !== 'playing') return timeline.frame0;
  const elapsedUs = BigInt(integer('atUs', atUs)) - BigInt(timeline.t0Us);
  return (
    timeline.frame0 + Number(floorDivide(elapsedUs * BigInt(timeline.rateNum), BigInt(timeline.rateDen) * microsecondsPerSecond))
  );
}

/**
 * The earliest session time, in integer microseconds, at which `frame` sounds; `undefined` unless playing.
 * `frameAt(timeline, timeOf(timeline, frame)) ≥ frame`, and one microsecond earlier it is not.
 */
export function timeOf(timeline: Timeline, frame: number): number | undefined {
  check(timeline);
  if (timeline.state !== 'playing') return undefined;
  const frames = BigInt(integer('frame', frame)) - BigInt(timeline.frame0);
  const elapsedUs = -floorDivide(-frames * BigInt(timeline.rateDen) * microsecondsPerSecond, BigInt(timeline.rateNum));
  return timeline.t0Us + Number(elapsedUs);
}

/** The timeline that holds after `incoming` arrived: the higher epoch wins, so that applying one twice changes nothing. */
export function newer(current: Timeline | undefined, incoming: Timeline): Timeline {
  check(incoming);
  return current !== undefined && current.epoch >= incoming.epoch ? current : incoming;
}

function check(timeline: Timeline): void {
  for (const field of ['epoch', 'frame0', 't0Us'] as const) integer(field, timeline[field]);
  for (const field of ['rateNum', 'rateDen'] as const) {
    if (integer(field, timeline[field]) <= 0)
      throw new SyncError('sync/bad-timeline', `timeline: ${field} ${timeline[field]} must be above 0`);
  }
}

function integer(field: string, value: number): number {
  if (!Number.isSafeInteger(value)) throw new SyncError('sync/bad-timeline', `timeline: ${field} ${value} must be a safe integer`);
  return value;
}

function floorDivide(dividend: bigint, divisor: bigint): bigint {
  const quotient = dividend / divisor;
  return dividend < 0n && quotient * divisor !== dividend ? quotient - 1n : quotient;
}
