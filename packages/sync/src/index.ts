/**
 * Time shared by nodes, as pure functions and state machines over numbers: no socket, no clock, no audio.
 *
 * @module
 */
export { AutomationLane, placeAutomation, type AutomationPoint, type PlacedAutomation } from './automation.ts';
export { boundUsAt, identityClockMap, toLocal, toSession, type ClockMap } from './clock/clock-map.ts';
export { ClockClient, type ClockClientEvent, type ClockClientOptions } from './clock/clock-client.ts';
export { answerProbe } from './clock/clock-server.ts';
export type { ProbeReply, ProbeRequest } from './clock/probe.ts';
export { SessionClock } from './clock/session-clock.ts';
export { DeviceMap, type DeviceMapOptions, type DeviceSample, type DeviceStep } from './device-map.ts';
export { DriftLoop, type DriftCorrection, type DriftLoopOptions, type DriftMeasurement } from './drift-loop.ts';
export { GainCurve, gainRampSeconds } from './gain-curve.ts';
export type { Ticks } from './musical/ticks.ts';
export { SyncError, type SyncErrorCode } from './sync-error.ts';
export {
  boundaryUs,
  frameAt,
  lineOfNext,
  positionAt,
  sessionUsAt,
  supersedes,
  type FrameRate,
  type NextTrack,
  type Timeline,
  type TrackPosition,
} from './timeline.ts';
export { lineAt, planFrom, planWith, type TimelinePlan } from './timeline-plan.ts';
export { localUs, sessionUs, type LocalUs, type SessionUs } from './units.ts';
export { gainOfDecibels, silenceDb, unityDb, volumeDb } from './volume.ts';
