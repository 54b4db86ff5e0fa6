import type { LocalUs, SessionUs } from '../units.ts';

/** What a node asks of the host: the moment of sending comes back in the answer. */
export interface ProbeRequest {
  readonly sequence: number;
  /** When the node sent it. */
  readonly t1Us: LocalUs;
}

/** The host's answer. */
export interface ProbeReply extends ProbeRequest {
  /** When the host received the request. */
  readonly t2Us: SessionUs;
  /** When the host sent the answer. */
  readonly t3Us: SessionUs;
}

/** One exchange, seen from the node. */
export interface Probe {
  /** The local time in the middle of the exchange, to which the offset belongs. */
  readonly atUs: LocalUs;
  /** Session time minus local time, in microseconds. It is off by at most half the delay, however the path is split. */
  readonly offsetUs: number;
  /** Time spent on the way, there and back, without the host's own. */
  readonly delayUs: number;
}

/** The exchange that an answer received at `t4Us` completes; `undefined` when its times contradict each other. */
export function completeProbe(reply: ProbeReply, t4Us: LocalUs): Probe | undefined {
  const { t1Us, t2Us, t3Us } = reply;
  const delayUs = t4Us - t1Us - (t3Us - t2Us);
  if (t4Us < t1Us || t3Us < t2Us || delayUs < 0) return undefined;
  return { atUs: Math.round((t1Us + t4Us) / 2) as LocalUs, offsetUs: (t2Us - t1Us + (t3Us - t4Us)) / 2, delayUs };
}
