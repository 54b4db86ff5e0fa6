import type { Tempo } from './tempo.ts';
import type { Ppqn, Ticks } from './ticks.ts';
import type { SessionUs } from '../units.ts';

/** Musical time against session time: at `t0Us` it is `tick0`, and from there `tempo` quarter notes of `ppqn` ticks pass in a minute. */
export interface MusicalLine {
  readonly t0Us: SessionUs;
  readonly tick0: Ticks;
  readonly tempo: Tempo;
  readonly ppqn: Ppqn;
}

const microsecondsPerMinute = 60_000_000;

/** Less than a thousandth of a microsecond: a quotient that is whole but for its rounding stays whole. */
const roundingUs = 1e-4;

/** The first whole microsecond of session time at which a tick has come. Computed from the line's beginning, so nothing adds up. */
export function sessionUsOfTick({ t0Us, tick0, tempo, ppqn }: MusicalLine, tick: Ticks): SessionUs {
  return (t0Us + Math.ceil(((tick - tick0) * microsecondsPerMinute) / (tempo * ppqn) - roundingUs)) as SessionUs;
}

/** The last tick that has come at a session time, but none before 0. */
export function tickAt(line: MusicalLine, atUs: SessionUs): Ticks {
  const { t0Us, tick0, tempo, ppqn } = line;
  const near = (tick0 + Math.round(((atUs - t0Us) * tempo * ppqn) / microsecondsPerMinute)) as Ticks;
  return Math.max(0, sessionUsOfTick(line, near) <= atUs ? near : near - 1) as Ticks;
}
