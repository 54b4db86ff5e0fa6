import { SyncError } from './sync-error.ts';
import { safeInteger, type SessionUs } from './units.ts';

/** A fraction of safe integers > 0: media frames per second of session time. 44.1 kHz is `44100 / 1`. */
export interface FrameRate {
  readonly rateNum: number;
  readonly rateDen: number;
}

/** The track that follows without a gap. */
export interface NextTrack extends FrameRate {
  readonly trackId: string;
  /** Identity of the bytes. */
  readonly hash: string;
  /** The frame of the current track in whose place the next one begins: usually its length in frames. */
  readonly atFrame: number;
  /** The frame of the next track that sounds there, usually 0. */
  readonly frame0: number;
}

/**
 * Which frame of which track sounds at any instant: at session time `t0Us` it is `frame0`, and `rateNum / rateDen` frames follow in
 * every second of session time. One tuple says play, pause, resume, seek, stop, skip and advance; it holds from `t0Us` on. A position
 * is computed from it, never accumulated.
 */
export interface Timeline extends FrameRate {
  /** A higher epoch replaces a lower one; the same epoch is the same timeline. */
  readonly epoch: number;
  readonly trackId: string;
  /** Identity of the bytes: sha256 of the track's resources, in hexadecimal. */
  readonly hash: string;
  /** Frame index at `t0Us`, a safe integer ≥ 0. */
  readonly frame0: number;
  readonly t0Us: SessionUs;
  readonly state: 'playing' | 'paused' | 'stopped';
  readonly next?: NextTrack | undefined;
}

/** A frame of one track. */
export interface TrackPosition {
  readonly trackId: string;
  readonly hash: string;
  readonly frame: number;
}

const microsecondsPerSecond = 1_000_000n;

/**
 * The frame of the line's own track at session time `atUs`: exact, rounded towards the past, however long ago `t0Us` was. While
 * playing, times before `t0Us` give frames before `frame0`, negative ones included: how much silence is left. Paused and stopped give
 * `frame0`. It does not know where the track ends: see {@link positionAt}.
 */
export function frameAt(line: Timeline, atUs: SessionUs): number {
  check(line);
  if (line.state !== 'playing') return line.frame0;
  const elapsedUs = BigInt(safeInteger('atUs', atUs)) - BigInt(line.t0Us);
  return line.frame0 + Number(floorDivide(elapsedUs * BigInt(line.rateNum), BigInt(line.rateDen) * microsecondsPerSecond));
}

/**
 * The earliest session time, in integer microseconds, at which `frame` of the line's own track sounds; `undefined` unless playing.
 * `frameAt(line, sessionUsAt(line, frame)) ≥ frame`, and one microsecond earlier it is not.
 */
export function sessionUsAt(line: Timeline, frame: number): SessionUs | undefined {
  check(line);
  if (line.state !== 'playing') return undefined;
  return ceilTimeOf(line, safeInteger('frame', frame));
}

/** What sounds at session time `atUs`: the line's track, or the next one from the boundary on, without rounding in between. */
export function positionAt(line: Timeline, atUs: SessionUs): TrackPosition {
  const { next } = line;
  const frame = frameAt(line, atUs);
  if (next === undefined || line.state !== 'playing' || frame < next.atFrame) {
    return { trackId: line.trackId, hash: line.hash, frame };
  }
  // Frames of the next track since the boundary = (elapsed − boundary) · next rate, where the boundary is a fraction of a microsecond.
  const elapsedUs = BigInt(atUs) - BigInt(line.t0Us);
  const framesBefore = BigInt(next.atFrame) - BigInt(line.frame0);
  const sinceBoundary = elapsedUs * BigInt(line.rateNum) - framesBefore * BigInt(line.rateDen) * microsecondsPerSecond;
  const divisor = BigInt(line.rateNum) * BigInt(next.rateDen) * microsecondsPerSecond;
  const frames = floorDivide(sinceBoundary * BigInt(next.rateNum), divisor);
  return { trackId: next.trackId, hash: next.hash, frame: next.frame0 + Number(frames) };
}

/**
 * The first whole microsecond of session time at which the next track sounds; `undefined` without a next track or unless playing.
 */
export function boundaryUs(line: Timeline): SessionUs | undefined {
  check(line);
  return line.next === undefined || line.state !== 'playing' ? undefined : ceilTimeOf(line, line.next.atFrame);
}

/**
 * The line of the next track as a tuple of its own, to be published under `epoch` once the boundary has passed. Its `t0Us` is a whole
 * microsecond, so it lies less than 1 µs after the boundary of `line`. `undefined` without a next track or unless playing.
 */
export function lineOfNext(line: Timeline, options: { readonly epoch: number; readonly next?: NextTrack }): Timeline | undefined {
  const t0Us = boundaryUs(line);
  if (t0Us === undefined || line.next === undefined) return undefined;
  const { trackId, hash, frame0, rateNum, rateDen } = line.next;
  return { epoch: options.epoch, trackId, hash, frame0, t0Us, rateNum, rateDen, state: 'playing', next: options.next };
}

/** Whether `incoming` replaces `current`: the higher epoch wins, so that applying a line twice, or late, changes nothing. */
export function supersedes(incoming: Timeline, current: Timeline | undefined): boolean {
  check(incoming);
  return current === undefined || incoming.epoch > current.epoch;
}

function ceilTimeOf(line: Timeline, frame: number): SessionUs {
  const frames = BigInt(frame) - BigInt(line.frame0);
  const elapsedUs = -floorDivide(-frames * BigInt(line.rateDen) * microsecondsPerSecond, BigInt(line.rateNum));
  return (line.t0Us + Number(elapsedUs)) as SessionUs;
}

function check(line: Timeline): void {
  for (const field of ['epoch', 'frame0', 't0Us'] as const) requireInteger(field, line[field]);
  requireRate(line, '');
  if (line.next === undefined) return;
  for (const field of ['atFrame', 'frame0'] as const) requireInteger(`next.${field}`, line.next[field]);
  requireRate(line.next, 'next.');
}

function requireRate(rate: FrameRate, prefix: string): void {
  for (const field of ['rateNum', 'rateDen'] as const) {
    if (requireInteger(prefix + field, rate[field]) <= 0) {
      throw new SyncError('sync/bad-timeline', `timeline: ${prefix}${field} ${rate[field]} must be above 0`);
    }
  }
}

function requireInteger(field: string, value: number): number {
  if (!Number.isSafeInteger(value)) throw new SyncError('sync/bad-timeline', `timeline: ${field} ${value} must be a safe integer`);
  return value;
}

function floorDivide(dividend: bigint, divisor: bigint): bigint {
  const quotient = dividend / divisor;
  return dividend < 0n && quotient * divisor !== dividend ? quotient - 1n : quotient;
}
