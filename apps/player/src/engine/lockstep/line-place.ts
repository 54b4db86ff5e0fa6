import type { FrameRate, Timeline } from '@tutti/sync';

/** A place on a timeline: a track, and how far in. */
export interface LinePlace {
  readonly part: 'track' | 'next';
  readonly trackId: string;
  /** Frames of that track, fractions included. */
  readonly position: number;
}

/** Frames per second of session time of a line's track, or of the one after it. */
export function framesPerSecond({ rateNum, rateDen }: FrameRate): number {
  return rateNum / rateDen;
}

/**
 * What a playing line wants at session time `atUs`, between frames too: `positionAt` of sync without its rounding. Exact to a millionth of a
 * frame for a day and more.
 */
export function placeAt(line: Timeline, atUs: number): LinePlace {
  const position = line.frame0 + ((atUs - line.t0Us) * line.rateNum) / (line.rateDen * 1e6);
  const { next } = line;
  if (next === undefined || position < next.atFrame) return { part: 'track', trackId: line.trackId, position };
  const beyond = ((position - next.atFrame) * framesPerSecond(next)) / framesPerSecond(line);
  return { part: 'next', trackId: next.trackId, position: next.frame0 + beyond };
}

/** The session time, fractions of a microsecond included, at which a playing line wants a place. */
export function wantedUs(line: Timeline, { part, position }: Pick<LinePlace, 'part' | 'position'>): number {
  const { next } = line;
  if (part === 'track' || next === undefined) return line.t0Us + ((position - line.frame0) * line.rateDen * 1e6) / line.rateNum;
  const boundaryUs = line.t0Us + ((next.atFrame - line.frame0) * line.rateDen * 1e6) / line.rateNum;
  return boundaryUs + ((position - next.frame0) * next.rateDen * 1e6) / next.rateNum;
}
