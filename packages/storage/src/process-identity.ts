import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';

/**
 * One running process, told apart from a later one that got the same pid. Plain data: it is written into files that say
 * who is using something.
 */
export interface ProcessIdentity {
  readonly pid: number;
  /** Clock ticks from boot to the start of the process and the boot's own id; empty where the platform does not tell. */
  readonly startTime: string;
  readonly host: string;
}

let own: ProcessIdentity | undefined;

/** This process. */
export function ownIdentity(): ProcessIdentity {
  return (own ??= { pid: process.pid, startTime: startTimeOf(process.pid) ?? '', host: hostname() });
}

/**
 * Whether the process still runs: `unknown` for one on another host, which nobody here can tell. A process that cannot be
 * signalled counts as running.
 */
export function livenessOf(identity: ProcessIdentity): 'alive' | 'dead' | 'unknown' {
  if (identity.host !== hostname()) return 'unknown';
  const startTime = startTimeOf(identity.pid);
  if (startTime !== undefined && identity.startTime !== '') return startTime === identity.startTime ? 'alive' : 'dead';
  try {
    process.kill(identity.pid, 0);
    return 'alive';
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM' ? 'alive' : 'dead';
  }
}

export function isSameProcess(a: ProcessIdentity, b: ProcessIdentity): boolean {
  return a.pid === b.pid && a.startTime === b.startTime && a.host === b.host;
}

/** Reads an identity from parsed JSON; `undefined` when it is none. */
export function parseIdentity(value: unknown): ProcessIdentity | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  if (!('pid' in value) || !('startTime' in value) || !('host' in value)) return undefined;
  const { pid, startTime, host } = value;
  if (!Number.isSafeInteger(pid) || typeof pid !== 'number' || pid <= 0) return undefined;
  return typeof startTime === 'string' && typeof host === 'string' ? { pid, startTime, host } : undefined;
}

/** Field 22 of /proc/<pid>/stat (proc(5)); the command name in field 2 may hold spaces and brackets. A zombie is dead. */
function startTimeOf(pid: number): string | undefined {
  if (process.platform !== 'linux') return undefined;
  try {
    const stat = readFileSync(`/proc/${String(pid)}/stat`, 'latin1');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const ticks = fields[19];
    if (ticks === undefined || fields[0] === 'Z' || fields[0] === 'X') return undefined;
    return `${readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim()}:${ticks}`;
  } catch {
    return undefined;
  }
}
