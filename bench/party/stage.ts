import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { openCache } from '@tutti/player';
import { createSecret, formatInvitation, PartyKeys, type SessionView } from '@tutti/sync/protocol';
import { startHost, type Host } from '../../apps/player/src/node/host.ts';
import { TrackLibrary } from '../../apps/player/src/node/track-library.ts';

const launcher = path.resolve(import.meta.dirname, '../../apps/player/bin/tutti.js');
/** What has not come true after this never will. */
const patienceMs = 90_000;

/** A process that prints lines. */
export interface Actor {
  /** Resolves with the next JSON line of this event. */
  readonly event: (name: string) => Promise<Readonly<Record<string, unknown>>>;
  readonly onLine: (take: (line: string) => void) => void;
  /** Ends it without a word; resolves when it is gone. */
  readonly kill: () => Promise<void>;
}

/** A host in this process, and nodes in processes of their own. */
export interface Stage {
  readonly host: Host;
  readonly keys: PartyKeys;
  readonly invitation: string;
  readonly directory: string;
  /** Starts a `tutti join` that plays into nothing, with a cache of its own. */
  readonly join: (name: string) => Actor;
  /** Starts a program of the bench. */
  readonly start: (file: string, parameters: readonly string[]) => Actor;
  /** Resolves when the session is as wanted. Rejects with `what` when it never becomes so, and when a process has ended by itself. */
  readonly until: (what: string, isReached: (view: SessionView) => boolean) => Promise<void>;
  /** As `until`, of anything that comes true by itself. */
  readonly within: <T>(what: string, promise: Promise<T>) => Promise<T>;
}

/** Opens a stage of its own for a part of the bench, and clears it away. */
export async function onStage(use: (stage: Stage) => Promise<void>): Promise<void> {
  const directory = await mkdtemp(path.join(tmpdir(), 'tutti-bench-'));
  const actors = new Set<Actor>();
  const lost = Promise.withResolvers<never>();
  lost.promise.catch(() => undefined);
  const secret = createSecret();
  await using cache = await openCache({ directory: path.join(directory, 'host') });
  await using library = new TrackLibrary({ cache: async () => cache, variant: 'auto' });
  const host = await startHost({
    name: 'bench',
    secret,
    port: 0,
    clockPort: 0,
    maxNodes: 256,
    onHostGone: 'stop',
    library,
    onEvent: (event) => void ('error' in event && lost.reject(event.error)),
  });
  const invitation = formatInvitation({ host: '127.0.0.1', port: host.port, secret });
  const start = (file: string, parameters: readonly string[]): Actor => {
    const child = spawn(process.execPath, [file, ...parameters], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, HOME: directory },
      cwd: directory,
    });
    const actor = actorOf(child, (reason) => lost.reject(new Error(`${path.basename(file)} ${reason}`)));
    actors.add(actor);
    return actor;
  };
  const within = async <T>(what: string, promise: Promise<T>): Promise<T> => {
    const late = Promise.withResolvers<never>();
    const timer = setTimeout(() => late.reject(new Error(`waited ${patienceMs / 1000} s in vain for ${what}`)), patienceMs);
    try {
      return await Promise.race([promise, lost.promise, late.promise]);
    } finally {
      clearTimeout(timer);
    }
  };
  try {
    await use({
      host,
      keys: new PartyKeys(secret),
      invitation,
      directory,
      start,
      join: (name) =>
        start(launcher, ['join', invitation, '--name', name, '--output', 'null', '--json', '--cache', path.join(directory, name)]),
      async until(what, isReached) {
        const { promise, resolve } = Promise.withResolvers<void>();
        const check = (): void => void (isReached(host.view) && resolve());
        using _change = host.onChange(check);
        check();
        await within(what, promise);
      },
      within,
    });
  } finally {
    for (const actor of actors) await actor.kill();
    await host.close();
    await rm(directory, { recursive: true, force: true });
  }
}

function actorOf(child: ChildProcessByStdio<null, Readable, Readable>, onLost: (reason: string) => void): Actor {
  const listeners = new Set<(line: string) => void>();
  const gone = Promise.withResolvers<void>();
  let isWanted = true;
  let errors = '';
  createInterface({ input: child.stdout }).on('line', (line) => {
    for (const take of listeners) take(line);
  });
  child.stderr.on('data', (chunk: Buffer) => (errors = (errors + chunk.toString()).slice(-1000)));
  child.once('close', (code, signal) => {
    gone.resolve();
    if (isWanted) onLost(`ended with ${signal ?? code}: ${errors.trim()}`);
  });
  return {
    event(name) {
      const { promise, resolve } = Promise.withResolvers<Readonly<Record<string, unknown>>>();
      const take = (line: string): void => {
        const told = JSON.parse(line) as Readonly<Record<string, unknown>>;
        if (told['event'] !== name) return;
        listeners.delete(take);
        resolve(told);
      };
      listeners.add(take);
      return promise;
    },
    onLine: (take) => void listeners.add(take),
    async kill() {
      isWanted = false;
      child.kill('SIGKILL');
      await gone.promise;
    },
  };
}
