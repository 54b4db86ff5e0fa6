import { TraceLink } from './trace-link.ts';
import type { Trace } from './trace-link.ts';

/** What is played over a trace. */
export interface Session {
  /** Bits per second of each rung, lowest first. */
  readonly ladder: readonly number[];
  readonly segmentSeconds: number;
  readonly segmentCount: number;
  /** Most media seconds that are fetched ahead. */
  readonly lookAheadSeconds: number;
}

/** One segment that has arrived. */
export interface Arrival {
  readonly bits: number;
  readonly timeToFirstByteSeconds: number;
  /** From the first byte to the last. */
  readonly bodySeconds: number;
}

/** A player's rule over one session. */
export interface Player {
  /** Index of the rung for the next segment; `current` is `undefined` at the first. */
  choose(state: { readonly current: number | undefined; readonly bufferSeconds: number; readonly nowSeconds: number }): number;
  /** The body of a segment begins, some of it arrives, it ended. */
  onBody?(): void;
  onBits?(bits: number): void;
  onArrival?(arrival: Arrival): void;
}

/** Makes the player of one session; `nowMs` is the simulated clock. */
export type PlayerMaker = (session: Session, nowMs: () => number) => Player;

export interface Outcome {
  /** Seconds from the first request to the first segment. */
  readonly startSeconds: number;
  /** Seconds of silence per second of media, the start left out. */
  readonly rebuffering: number;
  readonly stallCount: number;
  readonly bitsPerSecond: number;
  readonly switchesPerMinute: number;
  /** Mean bit rate and mean change of it as shares of the ladder's top, minus 4.3 × rebuffering (Yin et al., 2015). */
  readonly quality: number;
}

/** What a second of silence costs in `Outcome.quality`, in seconds of the best rung. */
const STALL_COST = 4.3;

/** Plays a session over a trace: one segment after the other, never further ahead than the look-ahead. */
export function simulate(trace: Trace, session: Session, makePlayer: PlayerMaker): Outcome {
  const { ladder, lookAheadSeconds, segmentCount, segmentSeconds } = session;
  const link = new TraceLink(trace);
  const player = makePlayer(session, () => link.nowSeconds * 1000);
  const chosen: number[] = [];
  let bufferSeconds = 0;
  let startSeconds = 0;
  let stalledSeconds = 0;
  let stallCount = 0;
  for (let segment = 0; segment < segmentCount; segment += 1) {
    const surplus = bufferSeconds + segmentSeconds - lookAheadSeconds;
    if (surplus > 0) {
      link.wait(surplus);
      bufferSeconds -= surplus;
    }
    const askedAt = link.nowSeconds;
    const rung = player.choose({ current: chosen.at(-1), bufferSeconds, nowSeconds: askedAt });
    const bits = (ladder[rung] ?? 0) * segmentSeconds;
    let bodyAt = askedAt;
    const onBody = (): void => {
      bodyAt = link.nowSeconds;
      player.onBody?.();
    };
    link.transfer(bits, onBody, (arrived) => player.onBits?.(arrived));
    const tookSeconds = link.nowSeconds - askedAt;
    player.onArrival?.({ bits, timeToFirstByteSeconds: bodyAt - askedAt, bodySeconds: link.nowSeconds - bodyAt });
    if (segment === 0) startSeconds = tookSeconds;
    else if (tookSeconds > bufferSeconds) {
      stalledSeconds += tookSeconds - bufferSeconds;
      stallCount += 1;
    }
    bufferSeconds = Math.max(0, bufferSeconds - (segment === 0 ? 0 : tookSeconds)) + segmentSeconds;
    chosen.push(rung);
  }
  const rates = chosen.map((rung) => ladder[rung] ?? 0);
  const changes = rates.slice(1).map((rate, index) => Math.abs(rate - (rates[index] ?? rate)));
  const top = ladder.at(-1) ?? 1;
  const rebuffering = stalledSeconds / (segmentCount * segmentSeconds);
  return {
    startSeconds,
    rebuffering,
    stallCount,
    bitsPerSecond: mean(rates),
    switchesPerMinute: changes.filter((change) => change > 0).length / ((segmentCount * segmentSeconds) / 60),
    quality: mean(rates) / top - sum(changes) / segmentCount / top - STALL_COST * rebuffering,
  };
}

export function mean(values: readonly number[]): number {
  return values.length === 0 ? 0 : sum(values) / values.length;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
