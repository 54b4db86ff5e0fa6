import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createHttpClient } from '@tutti/net';
import { createSecret, PartyKeys, type SessionView } from '@tutti/sync/protocol';
import type { LinkTiming } from '@tutti/sync/transport';
import { openCache } from '../../src/compose.ts';
import { startHost, type Host, type HostEvent, type HostOptions } from '../../src/node/host.ts';
import { runPeer, type PeerEvent, type PeerOptions } from '../../src/node/peer.ts';
import { TrackLibrary } from '../../src/node/track-library.ts';
import { TrackStore } from '../../src/node/track-store.ts';
import { createFakePlayer, type FakePlayer, type FakePlayerOptions } from './fake-player.ts';

export interface TestHost extends AsyncDisposable {
  readonly host: Host;
  readonly secret: Uint8Array;
  readonly keys: PartyKeys;
  readonly events: readonly HostEvent[];
  /** Resolves when the session is as wanted. */
  until(isReached: (view: SessionView) => boolean): Promise<SessionView>;
}

/** A host on free ports with a cache of its own. */
export async function hostParty(options: Partial<HostOptions> = {}): Promise<TestHost> {
  const secret = createSecret();
  const directory = await mkdtemp(path.join(tmpdir(), 'tutti-host-'));
  const cache = await openCache({ directory });
  const library = options.library ?? new TrackLibrary({ cache: async () => cache, variant: 'auto' });
  const events: HostEvent[] = [];
  const host = await startHost({
    name: 'party',
    secret,
    port: 0,
    clockPort: 0,
    maxNodes: 8,
    onHostGone: 'stop',
    library,
    onEvent: (event) => events.push(event),
    ...options,
  });
  return {
    host,
    secret,
    keys: new PartyKeys(secret),
    events,
    until(isReached) {
      const { promise, resolve } = Promise.withResolvers<SessionView>();
      const check = (): void => void (isReached(host.view) && resolve(host.view));
      const observation = host.onChange(check);
      check();
      return promise.finally(() => observation[Symbol.dispose]());
    },
    async [Symbol.asyncDispose]() {
      await host.close();
      if (options.library === undefined) await library.close();
      await cache.close();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

export interface TestNode extends AsyncDisposable {
  readonly player: FakePlayer;
  readonly events: readonly PeerEvent[];
  /** What `runPeer` gave or threw. */
  readonly outcome: Promise<unknown>;
  /** Resolves with the first event that fits, of those that were and those that come. */
  until(isWanted: (event: PeerEvent) => boolean): Promise<PeerEvent>;
  leave(): void;
}

export interface JoinOptions {
  readonly name?: string;
  readonly player?: FakePlayerOptions;
  readonly port?: number;
  readonly secret?: Uint8Array;
  readonly timing?: LinkTiming;
  readonly patienceMs?: number;
  readonly directory?: string;
  /** Leaves the cache for another node. */
  readonly keepsDirectory?: boolean;
}

/** A node in this process, with a cache of its own and a silent player. */
export async function joinParty(party: Pick<TestHost, 'host' | 'secret'>, options: JoinOptions = {}): Promise<TestNode> {
  const directory = options.directory ?? (await mkdtemp(path.join(tmpdir(), 'tutti-node-')));
  const cache = await openCache({ directory });
  const client = createHttpClient();
  const port = options.port ?? party.host.port;
  const keys = new PartyKeys(options.secret ?? party.secret);
  const store = new TrackStore({ store: cache.store, client, origin: `http://127.0.0.1:${port}`, token: keys.mediaToken });
  const player = createFakePlayer(options.player);
  const events: PeerEvent[] = [];
  const waiting = new Set<() => void>();
  const controller = new AbortController();
  const name = options.name ?? 'node';
  const peer: PeerOptions = {
    host: '127.0.0.1',
    port,
    keys,
    node: { nodeId: `${name}-${path.basename(directory)}`, name, output: 'fake', hasDevice: false, volumeDb: 0 },
    player,
    source: store,
    signal: controller.signal,
    onEvent: (event) => {
      events.push(event);
      for (const check of waiting) check();
    },
    ...(options.timing === undefined ? {} : { timing: options.timing }),
    ...(options.patienceMs === undefined ? {} : { patienceMs: options.patienceMs }),
  };
  const outcome = runPeer(peer).catch((error: unknown) => error);
  return {
    player,
    events,
    outcome,
    until(isWanted) {
      const { promise, resolve } = Promise.withResolvers<PeerEvent>();
      const check = (): void => {
        const found = events.find(isWanted);
        if (found !== undefined) resolve(found);
      };
      waiting.add(check);
      check();
      return promise.finally(() => waiting.delete(check));
    },
    leave: () => controller.abort(new Error('left')),
    async [Symbol.asyncDispose]() {
      controller.abort(new Error('left'));
      await outcome;
      await player.close();
      await store[Symbol.asyncDispose]();
      await client.close();
      await cache.close();
      if (options.keepsDirectory !== true) await rm(directory, { recursive: true, force: true });
    },
  };
}
