import type { SessionMember } from '@tutti/sync/protocol';

/** A command takes a moment to every node, and each needs a moment to obey. */
const LEAD_MS = 60;
/** A link this slow is not waited for. */
const MAX_PATH_MS = 500;

/** How far ahead a command begins, in milliseconds: time for the slowest path there, and no less than `minLeadMs`, which the outputs need. */
export function leadMs(members: readonly Pick<SessionMember, 'isConnected' | 'report'>[], minLeadMs: number): number {
  const boundsUs = members.map(({ isConnected, report }) => (isConnected ? (report?.boundUs ?? 0) : 0));
  const pathMs = Math.min(MAX_PATH_MS, Math.max(0, ...boundsUs) / 1000);
  return Math.max(LEAD_MS + 2 * pathMs, minLeadMs);
}
