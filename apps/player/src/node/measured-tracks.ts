import { boundaryUs, sessionUsAt, type SessionUs, type Timeline } from '@tutti/sync';
import type { PartyMemory } from './party-memory.ts';
import type { PreparedTrack } from './party-player.ts';

/** What nodes have found out about tracks: their rates and, sooner or later, their lengths. */
export class MeasuredTracks {
  readonly #memory: PartyMemory;
  readonly #known = new Map<string, PreparedTrack>();

  constructor(memory: PartyMemory) {
    this.#memory = memory;
  }

  durationFrames(trackId: string): number | undefined {
    return this.#known.get(trackId)?.durationFrames;
  }

  /** The session time at which the track of a playing line is over; `undefined` while nobody knows, and where nothing plays. */
  endUs(line: Timeline): SessionUs | undefined {
    const frames = this.durationFrames(line.trackId);
    return boundaryUs(line) ?? (frames === undefined ? undefined : sessionUsAt(line, frames));
  }

  /** The frame of a track that is nearest to `frame`. */
  clamp(trackId: string, frame: number): number {
    return Math.max(0, Math.min(frame, (this.durationFrames(trackId) ?? Number.MAX_SAFE_INTEGER) - 1));
  }

  /** A node has opened a track: what the first one says holds. True when that told a length that was unknown before. */
  opened(trackId: string, prepared: PreparedTrack): boolean {
    const known = this.#known.get(trackId);
    if (known === undefined) this.#know(trackId, prepared);
    return known !== undefined && known.durationFrames === undefined && this.measured(trackId, prepared.durationFrames);
  }

  /** A node has found the end of a track. True when that is news. */
  measured(trackId: string, durationFrames: number | undefined): boolean {
    const known = this.#known.get(trackId);
    if (known === undefined || durationFrames === undefined || known.durationFrames === durationFrames) return false;
    this.#know(trackId, { ...known, durationFrames });
    return true;
  }

  #know(trackId: string, prepared: PreparedTrack): void {
    this.#known.set(trackId, prepared);
    const { durationFrames, sampleRate } = prepared;
    if (durationFrames === undefined) return;
    this.#memory.apply({ type: 'measured', trackId, durationSeconds: durationFrames / sampleRate });
  }
}
