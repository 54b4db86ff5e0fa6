import type { ProbeReply, ProbeRequest } from './probe.ts';
import type { SessionUs } from '../units.ts';

/** The host's answer to a probe that arrived at `receivedUs` and is sent back at `sentUs`. It keeps no state: every node gets the same. */
export function answerProbe(
  { sequence, t1Us }: ProbeRequest,
  { receivedUs, sentUs }: { readonly receivedUs: SessionUs; readonly sentUs: SessionUs },
): ProbeReply {
  return { sequence, t1Us, t2Us: receivedUs, t3Us: sentUs };
}
