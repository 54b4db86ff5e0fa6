import { execFile, spawn } from 'node:child_process';
import { promisify } from 'node:util';

/** How one program ended. */
export interface ProgramResult {
  readonly code: number | null;
  readonly seconds: number;
  readonly stdout: string;
}

/** Runs a program to its end and takes the time, its start included. One that takes longer than the limit is killed. */
export async function runProgram(
  command: string,
  parameters: readonly string[],
  options: { readonly home: string; readonly limitMs?: number },
): Promise<ProgramResult> {
  const { home, limitMs } = options;
  const startedAtMs = performance.now();
  const child = spawn(command, parameters, {
    cwd: home,
    env: { PATH: process.env['PATH'], HOME: home },
    stdio: ['ignore', 'pipe', 'ignore'],
    ...(limitMs === undefined ? {} : { timeout: limitMs, killSignal: 'SIGKILL' }),
  });
  const { promise, reject, resolve } = Promise.withResolvers<ProgramResult>();
  let stdout = '';
  let seconds = 0;
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  child.on('error', reject);
  child.on('exit', () => (seconds = (performance.now() - startedAtMs) / 1000));
  child.on('close', (code) => resolve({ code, seconds, stdout }));
  return promise;
}

/** First line of what a program says about its version; `undefined` where it is not installed. */
export async function versionOf(command: string, parameter = '--version'): Promise<string | undefined> {
  try {
    const { stdout } = await promisify(execFile)(command, [parameter]);
    return stdout.split('\n')[0]?.split(/ \(| Copyright/)[0];
  } catch {
    return undefined;
  }
}
