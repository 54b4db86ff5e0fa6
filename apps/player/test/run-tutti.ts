import { spawn, type ChildProcess } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

const launcher = path.resolve(import.meta.dirname, '../bin/tutti.js');

export interface TuttiResult {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: Buffer;
  readonly stderr: string;
  /** Standard output as the JSON events of `--json`. */
  events(): readonly Readonly<Record<string, unknown>>[];
}

export interface RunningTutti {
  readonly child: ChildProcess;
  readonly result: Promise<TuttiResult>;
  /** Resolves when stderr or stdout has said something that matches. */
  said(pattern: RegExp): Promise<void>;
  /** The JSON events so far. */
  soFar(): readonly Readonly<Record<string, unknown>>[];
}

export interface RunOptions {
  readonly home: string;
  readonly input?: Uint8Array;
  /** Words of a command that runs another one: the program starts inside it. */
  readonly within?: readonly string[];
}

/** Starts the real command line in its own process, with its own cache and no settings of this machine. */
export function startTutti(parameters: readonly string[], options: RunOptions): RunningTutti {
  const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith('TUTTI_') && !name.startsWith('XDG_'));
  const [command = process.execPath, ...words] = [...(options.within ?? []), process.execPath, launcher, ...parameters];
  const child = spawn(command, words, {
    cwd: options.home,
    env: { ...Object.fromEntries(inherited), HOME: options.home },
    stdio: [options.input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
  });
  child.stdin?.on('error', () => {});
  child.stdin?.end(options.input);
  const stdout: Buffer[] = [];
  let stderr = '';
  const waiting = new Set<() => void>();
  const heard = (): void => {
    for (const check of waiting) check();
  };
  child.stdout?.on('data', (chunk: Buffer) => {
    stdout.push(chunk);
    heard();
  });
  child.stderr?.on('data', (chunk: Buffer) => {
    stderr += chunk.toString();
    heard();
  });
  const result = new Promise<TuttiResult>((resolve) => {
    child.on('close', (code, signal) => {
      const bytes = Buffer.concat(stdout);
      resolve({ code, signal, stdout: bytes, stderr, events: () => parseEvents(bytes) });
    });
  });
  const said = (pattern: RegExp): Promise<void> =>
    new Promise((resolve, reject) => {
      const check = (): void => {
        if (!pattern.test(stderr) && !pattern.test(Buffer.concat(stdout).toString())) return;
        waiting.delete(check);
        resolve();
      };
      waiting.add(check);
      check();
      void result.then(() => reject(new Error(`tutti ended without saying ${pattern}: ${stderr}`)));
    });
  return { child, result, said, soFar: () => wholeLines(Buffer.concat(stdout)) };
}

/** Runs the command line to its end. */
export function runTutti(parameters: readonly string[], options: RunOptions): Promise<TuttiResult> {
  return startTutti(parameters, options).result;
}

function wholeLines(bytes: Buffer): readonly Readonly<Record<string, unknown>>[] {
  return parseEvents(bytes.subarray(0, bytes.lastIndexOf('\n') + 1));
}

function parseEvents(bytes: Buffer): readonly Readonly<Record<string, unknown>>[] {
  const lines = bytes
    .toString()
    .split('\n')
    .filter((line) => line !== '');
  return lines.map((line) => JSON.parse(line) as Readonly<Record<string, unknown>>);
}

/** A directory of its own for one test: home, cache and output files. */
export async function temporaryHome(): Promise<AsyncDisposable & { readonly directory: string; file(name: string): string }> {
  const directory = await mkdtemp(path.join(tmpdir(), 'tutti-'));
  return {
    directory,
    file: (name) => path.join(directory, name),
    [Symbol.asyncDispose]: () => rm(directory, { recursive: true, force: true }),
  };
}

/** SHA-256 of the samples of a 44-byte-header WAV file, with their number of bytes. */
export async function pcmOf(file: string): Promise<{ readonly bytes: Buffer; readonly sha256: string }> {
  const bytes = (await readFile(file)).subarray(44);
  return { bytes, sha256: createHash('sha256').update(bytes).digest('hex') };
}
