import { setTimeout as delay } from 'node:timers/promises';
import { SyncError, type ClockClientEvent } from '@tutti/sync';
import type { PartyKeys, SessionView } from '@tutti/sync/protocol';
import { connectLink, proveToHost, startClockThread, type ClockThread, type LinkTiming } from '@tutti/sync/transport';
import { PartyError } from './party-error.ts';
import type { PartyPlayer, PartyPlayerEvent } from './party-player.ts';
import { PeerTracks, type TrackSource } from './peer-tracks.ts';
import { PeerVisit, takePlace, type HostLink, type NodeDescription, type Welcome } from './peer-visit.ts';

export interface PeerOptions {
  readonly host: string;
  readonly port: number;
  readonly keys: PartyKeys;
  readonly node: NodeDescription;
  /** Stays the caller's. */
  readonly player: PartyPlayer;
  readonly source: TrackSource;
  readonly onEvent: (event: PeerEvent) => void;
  /** How long a lost host is looked for, in milliseconds, before the node gives up. Default 15 000. */
  readonly patienceMs?: number;
  readonly timing?: LinkTiming;
  /** Leaves the party: the host is told. */
  readonly signal: AbortSignal;
}

export type PeerEvent =
  | { readonly type: 'joined'; readonly session: string; readonly isAgain: boolean }
  | { readonly type: 'session'; readonly session: SessionView }
  | { readonly type: 'clock'; readonly event: ClockClientEvent }
  | { readonly type: 'player'; readonly event: PartyPlayerEvent }
  | { readonly type: 'track-failed'; readonly trackId: string; readonly error: unknown }
  | { readonly type: 'reconnecting'; readonly error: unknown };

const PATIENCE_MS = 15_000;
/** Between two attempts to find a lost host. */
const RETRY_MS = 500;

/**
 * Takes part in a party until it ends: resolves with the host's farewell. A lost connection is made again, in the same place, while the
 * music goes on. Rejects with the `SyncError` that refused this node, with `PartyError` `party/host-gone` when the host does not come
 * back, and with the signal's reason.
 */
export async function runPeer(options: PeerOptions): Promise<string> {
  const { onEvent, player, source } = options;
  using tracks = new PeerTracks({ player, source });
  let endedId: string | undefined;
  using _playing = player.on((event) => {
    if (event.type === 'ended') endedId = event.trackId;
    onEvent({ type: 'player', event });
  });
  let place: Place | undefined;
  let isFirst = true;
  for (;;) {
    let connection: Connection | undefined;
    await using thread = startClockThread();
    try {
      connection = await (isFirst ? connect(options, place) : connectAgain(options, place));
      place ??= {
        sessionId: connection.sessionId,
        token: connection.welcome.resumeToken,
        onHostGone: connection.welcome.onHostGone,
      };
      onEvent({ type: 'joined', session: connection.name, isAgain: !isFirst });
      isFirst = false;
      const farewell = await visit({ connection, tracks, thread }, options);
      if (farewell !== undefined) return farewell;
      throw new SyncError('sync/link-lost', `${connection.link.remoteAddress} closed the connection`);
    } catch (error) {
      options.signal.throwIfAborted();
      if (place === undefined) throw error;
      if (!isLost(error)) {
        if (place.onHostGone === 'finish') await finish(tracks, endedId, options);
        throw hostGone(error);
      }
      onEvent({ type: 'reconnecting', error });
    } finally {
      connection?.link.close();
    }
  }
}

/** What a node keeps over connections. */
interface Place {
  readonly sessionId: string;
  readonly token: string;
  readonly onHostGone: 'stop' | 'finish';
}

interface Connection {
  readonly link: HostLink;
  readonly sessionId: string;
  readonly name: string;
  readonly nonces: Parameters<PartyKeys['clockKey']>[0];
  readonly welcome: Welcome;
}

async function connect(options: PeerOptions, place: Place | undefined): Promise<Connection> {
  const { host, keys, node, port, signal, timing } = options;
  const link = await connectLink({ host, port, signal, ...timing });
  const abort = (): void => link.close();
  signal.addEventListener('abort', abort);
  try {
    const { name, nonces, sessionId } = await proveToHost(link, keys);
    if (place !== undefined && place.sessionId !== sessionId) {
      throw new PartyError('party/host-gone', 'Host disconnected — session ended. Another one has begun there: join again');
    }
    return { link, sessionId, name, nonces, welcome: await takePlace(link, node, place?.token) };
  } catch (error) {
    link.close();
    signal.throwIfAborted();
    throw error;
  } finally {
    signal.removeEventListener('abort', abort);
  }
}

/** Tries until the host is there again, or patience ends. */
async function connectAgain(options: PeerOptions, place: Place | undefined): Promise<Connection> {
  const { patienceMs = PATIENCE_MS, signal } = options;
  const giveUpAtMs = performance.now() + patienceMs;
  for (;;) {
    try {
      return await connect(options, place);
    } catch (error) {
      signal.throwIfAborted();
      if (!isLost(error)) throw error;
      if (performance.now() >= giveUpAtMs) throw hostGone(error);
    }
    await delay(RETRY_MS, undefined, { signal }).catch(() => signal.throwIfAborted());
  }
}

interface VisitParts {
  readonly connection: Connection;
  readonly tracks: PeerTracks;
  readonly thread: ClockThread;
}

async function visit({ connection, thread, tracks }: VisitParts, options: PeerOptions): Promise<string | undefined> {
  const { host, keys, node, onEvent, player, signal } = options;
  const { link, nonces, welcome } = connection;
  const leave = (): void => {
    link.send({ type: 'bye', reason: 'left' });
    link.close();
  };
  signal.addEventListener('abort', leave);
  try {
    return await new PeerVisit({
      link,
      host,
      thread,
      keys,
      nonces,
      node,
      player,
      tracks,
      onSession: (session) => onEvent({ type: 'session', session }),
      onClock: (event) => onEvent({ type: 'clock', event }),
      onTrackFailed: (trackId, error) => onEvent({ type: 'track-failed', trackId, error }),
    }).run(welcome);
  } finally {
    signal.removeEventListener('abort', leave);
  }
}

/** Plays to the end of what this node has, without a host. */
async function finish(tracks: PeerTracks, endedId: string | undefined, { player, signal }: PeerOptions): Promise<void> {
  const { line } = tracks;
  if (line?.state !== 'playing') return;
  const last = line.next?.trackId ?? line.trackId;
  if (endedId === last) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  using _ended = player.on((event) => {
    if ((event.type === 'ended' || event.type === 'failed') && event.trackId === last) resolve();
  });
  signal.addEventListener('abort', () => resolve(), { once: true });
  await promise;
  signal.throwIfAborted();
}

function isLost(error: unknown): boolean {
  return error instanceof SyncError && (error.code === 'sync/link-lost' || error.code === 'sync/unreachable');
}

function hostGone(cause: unknown): PartyError {
  if (cause instanceof PartyError && cause.code === 'party/host-gone') return cause;
  return new PartyError('party/host-gone', 'Host disconnected — session ended.', { cause });
}
