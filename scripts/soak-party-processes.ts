import { execFile, spawn, type ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { promisify } from 'node:util';
import type { Member } from '@tutti/sync/protocol';

const launcher = path.resolve(import.meta.dirname, '../apps/player/bin/tutti.js');
const run = promisify(execFile);

type JsonEvent = Readonly<Record<string, unknown>>;

/** How a command to the party ended. */
export interface CommandOutcome {
  readonly events: readonly JsonEvent[];
  /** Code of the refusal; `undefined` when it was obeyed. */
  readonly code: string | undefined;
}

/** A `tutti` that goes on until it is ended. */
export class PartyProcess {
  readonly name: string;
  readonly #child: ChildProcessByStdio<null, Readable, Readable>;
  readonly #exited: Promise<void>;
  readonly #waiting = new Set<(event: JsonEvent) => void>();
  #isWanted = true;
  #stderr = '';

  /** `onEvent` gets its JSON events, `onLost` why it ended although nobody wanted it to. */
  constructor(
    name: string,
    options: {
      readonly home: string;
      readonly parameters: readonly string[];
      readonly onEvent: (event: JsonEvent) => void;
      readonly onLost: (reason: string) => void;
    },
  ) {
    const { home, onEvent, onLost, parameters } = options;
    this.name = name;
    this.#child = spawn(
      process.execPath,
      [launcher, ...parameters, '--output', 'null', '--cache', path.join(home, name), '--json'],
      {
        env: { ...process.env, HOME: home },
        stdio: ['ignore', 'pipe', 'pipe'],
      },
    );
    this.#exited = this.#watch(onLost);
    this.#child.stderr.on('data', (chunk: Buffer) => (this.#stderr = (this.#stderr + chunk.toString()).slice(-4000)));
    createInterface({ input: this.#child.stdout }).on('line', (line) => {
      const event = JSON.parse(line) as JsonEvent;
      onEvent(event);
      for (const take of this.#waiting) take(event);
    });
  }

  async #watch(onLost: (reason: string) => void): Promise<void> {
    const [code, signal] = (await once(this.#child, 'exit')) as [number | null, string | null];
    if (this.#isWanted) onLost(`${this.name} ended with ${signal ?? code}: ${this.#stderr.slice(-500).trim()}`);
  }

  /** Resolves with the next event of this name; `undefined` when the process ends before. */
  async next(name: string): Promise<JsonEvent | undefined> {
    const { promise, resolve } = Promise.withResolvers<JsonEvent | undefined>();
    const take = (event: JsonEvent): void => void (event['event'] === name && resolve(event));
    this.#waiting.add(take);
    void this.#exited.then(() => resolve(undefined));
    return promise.finally(() => this.#waiting.delete(take));
  }

  /** Resident memory in bytes; 0 once the process is gone. */
  async rssBytes(): Promise<number> {
    const { stdout } = await run('ps', ['-o', 'rss=', '-p', String(this.#child.pid)]).catch(() => ({ stdout: '0' }));
    return Number(stdout) * 1024;
  }

  /** Ends it without a word, and waits until it is gone. */
  async kill(): Promise<void> {
    this.#isWanted = false;
    this.#child.kill('SIGKILL');
    await this.#exited;
  }
}

/** A command that has not been obeyed or refused after this is never going to be. */
const patienceMs = 30_000;

/** Says something to the party of this home, with a process of its own as a person would. */
export async function ctl(home: string, ...parameters: readonly string[]): Promise<CommandOutcome> {
  const child = spawn(process.execPath, [launcher, 'ctl', ...parameters, '--json'], {
    env: { ...process.env, HOME: home },
    stdio: ['ignore', 'pipe', 'ignore'],
    timeout: patienceMs,
    killSignal: 'SIGKILL',
  });
  const events: JsonEvent[] = [];
  createInterface({ input: child.stdout }).on('line', (line) => events.push(JSON.parse(line) as JsonEvent));
  const [exitCode, signal] = (await once(child, 'close')) as [number | null, string | null];
  if (signal !== null) return { events, code: 'no answer' };
  const code = events.find(({ event }) => event === 'error')?.['code'];
  return { events, code: exitCode === 0 ? undefined : typeof code === 'string' ? code : `exit ${exitCode}` };
}

/** What the connected nodes measure. */
export async function nodesOf(home: string): Promise<readonly Member[]> {
  const { events } = await ctl(home, 'nodes');
  const members = events.filter(({ event }) => event === 'node') as unknown as readonly Member[];
  return members.filter(({ isConnected }) => isConnected);
}
