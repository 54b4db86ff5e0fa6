import { frameAt, sessionUsAt, supersedes, toLocal, toSession } from '@tutti/sync';
import type { ClockMap, PlacedAutomation, SessionUs, Timeline } from '@tutti/sync';
import { monotonicUs } from '@tutti/sync/monotonic';
import type { PartyPlayer, PartyPlayerEvent, PartyTrack, PreparedTrack } from '../../src/node/party-player.ts';

export interface FakePlayer extends PartyPlayer {
  readonly clock: ClockMap | undefined;
  readonly lines: readonly Timeline[];
  /** Names of what was called, in order. */
  readonly calls: readonly string[];
  readonly volumeDb: number;
  /** What is automated, as it came. */
  readonly automation: readonly PlacedAutomation[];
  /** Frame that would sound now by the newest line. */
  frameNow(): number | undefined;
  /** Bytes of the tracks that were prepared, by track. */
  readonly bytes: ReadonlyMap<string, number>;
}

export interface FakePlayerOptions {
  readonly sampleRate?: number;
  readonly durationFrames?: number;
  /** Told before a track counts as prepared; what it throws makes the track fail. */
  readonly onPrepare?: (track: PartyTrack) => Promise<void>;
}

/** A party player that opens tracks and keeps time by the lines, without a sound. */
export function createFakePlayer(options: FakePlayerOptions = {}): FakePlayer {
  const { durationFrames = 48_000 * 60, sampleRate = 48_000 } = options;
  const prepared: PreparedTrack = { minLeadMs: 5, sampleRate, durationFrames };
  const listeners = new Set<(event: PartyPlayerEvent) => void>();
  const lines: Timeline[] = [];
  const calls: string[] = [];
  const bytes = new Map<string, number>();
  const automation: PlacedAutomation[] = [];
  let clock: ClockMap | undefined;
  let volumeDb = 0;
  let timers: NodeJS.Timeout[] = [];

  const emit = (event: PartyPlayerEvent): void => {
    for (const listener of listeners) listener(event);
  };
  const at = (sessionTimeUs: SessionUs | undefined, run: () => void): void => {
    if (clock === undefined || sessionTimeUs === undefined) return;
    timers.push(setTimeout(run, Math.max(0, (toLocal(clock, sessionTimeUs) - monotonicUs()) / 1000)));
  };
  const plan = (): void => {
    for (const timer of timers) clearTimeout(timer);
    timers = [];
    const line = lines.at(-1);
    if (line?.state !== 'playing') return;
    at(line.t0Us, () => emit({ type: 'started', trackId: line.trackId }));
    at(sessionUsAt(line, durationFrames), () => emit({ type: 'ended', trackId: line.trackId }));
  };
  return {
    lines,
    calls,
    bytes,
    automation,
    get clock() {
      return clock;
    },
    get volumeDb() {
      return volumeDb;
    },
    frameNow() {
      const line = lines.at(-1);
      return clock === undefined || line === undefined ? undefined : frameAt(line, toSession(clock, monotonicUs()));
    },
    async prepare(track, { frame, signal = new AbortController().signal }) {
      calls.push(frame === undefined ? `open ${track.trackId}` : `prepare ${track.trackId} ${frame}`);
      await options.onPrepare?.(track);
      await using source = await track.open(signal);
      const report = await source.fill();
      bytes.set(track.trackId, report.doneBytes);
      return prepared;
    },
    follow(line) {
      if (!supersedes(line, lines.at(-1))) return;
      lines.push(line);
      calls.push(`follow ${line.epoch} ${line.state}`);
      plan();
    },
    setClock(map) {
      const isFirst = clock === undefined;
      clock = map;
      if (isFirst) plan();
    },
    setVolumeDb(db) {
      volumeDb = db;
    },
    automate(points) {
      automation.push(...points);
    },
    status: () => ({ underruns: 0, snaps: 0, bufferedSeconds: 2, latencySource: 'none', output: 'fake' }),
    on(listener) {
      listeners.add(listener);
      return { [Symbol.dispose]: () => void listeners.delete(listener) };
    },
    async close() {
      for (const timer of timers) clearTimeout(timer);
      listeners.clear();
    },
  };
}
