/**
 * Musical time: ticks, tempo, and where both lie in session time.
 *
 * @module
 */
export { channel, channelA, channelB, type Channel } from './channel.ts';
export { MusicalClock, type MusicalPosition, type TimeSource } from './musical-clock.ts';
export { sessionUsOfTick, tickAt, type MusicalLine } from './musical-line.ts';
export { defaultTempo, nearestTempo, tempo, type Tempo } from './tempo.ts';
export { addTicks, defaultPpqn, ppqn, subtractTicks, ticks, type Ppqn, type Ticks } from './ticks.ts';
