import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import type { Rig } from './rig.ts';

export const nodeCount = 3;
/** Of what is played and of the sinks. */
export const sampleRate = 48_000;

/** One set of players for the length of a take. */
export interface Players extends AsyncDisposable {
  /** Lets them sound. */
  begin(): Promise<void>;
  /** What the players say of themselves at the end, for the table. */
  report(): Promise<string>;
}

/** What one row plays, and where. */
export interface Take {
  readonly rig: Rig;
  readonly directory: string;
  readonly wavPath: string;
  readonly rawPath: string;
  /** Aborts when the bench is told to end. */
  readonly signal: AbortSignal;
}

/** Rejects when a program ends that should be playing. */
export async function failed(child: ChildProcess): Promise<never> {
  const [codeOrError] = (await Promise.race([once(child, 'exit'), once(child, 'error')])) as [unknown];
  throw new Error(`${child.spawnfile} ended before it played: ${String(codeOrError)}`);
}

/** Ends programs and waits until they have. */
export async function endAll(children: readonly ChildProcess[]): Promise<void> {
  for (const child of children) {
    const ended = once(child, 'exit');
    child.stdin?.end();
    child.kill();
    if (child.exitCode === null && child.signalCode === null) await ended;
  }
}
