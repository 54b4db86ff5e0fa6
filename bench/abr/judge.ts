import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fixedPlayer } from './players.ts';
import { mean, simulate } from './simulator.ts';
import type { PlayerMaker, Session } from './simulator.ts';
import { readTraces } from './trace-link.ts';
import type { Trace } from './trace-link.ts';

/** Four minutes of music in five AAC rungs; what is fetched ahead as in the product. */
export const session: Session = {
  ladder: [48_000, 96_000, 160_000, 256_000, 320_000],
  segmentSeconds: 4,
  segmentCount: 60,
  lookAheadSeconds: 30,
};

/** The traces are of 3G in 2010, made for video: a fifth of them is a link on which audio has to choose. */
const TRACE_SCALE = 0.2;

/** Means over traces. */
export interface Judgement {
  readonly traceCount: number;
  /** Share of the media's length that was silence. */
  readonly rebuffering: number;
  /** Share of the sessions without a stall. */
  readonly stallFree: number;
  readonly bitsPerSecond: number;
  readonly switchesPerMinute: number;
  readonly startSeconds: number;
  readonly quality: number;
}

/** Where the traces are, or `undefined` when they are not on this machine. */
export function traceFolder(): string | undefined {
  const corpora = process.env['TUTTI_CORPORA'] ?? join(import.meta.dirname, '../../../shared/corpora');
  const folder = join(corpora, 'traces-norway-3g');
  return existsSync(folder) ? folder : undefined;
}

/** The traces on which the lowest rung never stalls, so that every stall is the rule's: for tuning every other one, from 0 on. */
export function readFeasible(folder: string): { readonly tuning: readonly Trace[]; readonly judging: readonly Trace[] } {
  const usable = readTraces(folder, TRACE_SCALE).filter(({ pieces }) => pieces.some(({ bitsPerSecond }) => bitsPerSecond > 0));
  const feasible = usable.filter((trace) => simulate(trace, session, fixedPlayer(0)).stallCount === 0);
  return {
    tuning: feasible.filter((_, index) => index % 2 === 0),
    judging: feasible.filter((_, index) => index % 2 === 1),
  };
}

export function judge(traces: readonly Trace[], player: PlayerMaker): Judgement {
  const outcomes = traces.map((trace) => simulate(trace, session, player));
  return {
    traceCount: traces.length,
    rebuffering: mean(outcomes.map(({ rebuffering }) => rebuffering)),
    stallFree: mean(outcomes.map(({ stallCount }) => (stallCount === 0 ? 1 : 0))),
    bitsPerSecond: mean(outcomes.map(({ bitsPerSecond }) => bitsPerSecond)),
    switchesPerMinute: mean(outcomes.map(({ switchesPerMinute }) => switchesPerMinute)),
    startSeconds: mean(outcomes.map(({ startSeconds }) => startSeconds)),
    quality: mean(outcomes.map(({ quality }) => quality)),
  };
}
