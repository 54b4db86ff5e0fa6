import { inRange } from './units.ts';

/** The lowest volume, in dBFS: complete silence. */
export const silenceDb = -96;
/** The highest volume, in dBFS: samples as they are. */
export const unityDb = 0;

/** A number taken as a volume in dBFS. Throws `SyncError` `sync/out-of-range` outside of −96 to 0. */
export function volumeDb(value: number): number {
  return inRange('volume in dB', value, { min: silenceDb, max: unityDb });
}

/** The factor for samples at a volume in dBFS; −96 and below is 0. */
export function gainOfDecibels(decibels: number): number {
  return decibels <= silenceDb ? 0 : 10 ** (decibels / 20);
}
