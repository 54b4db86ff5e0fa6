import { SyncError } from '../sync-error.ts';
import type { Timeline } from '../timeline.ts';
import { MAX_QUEUE_ITEMS, type Member, type NodeReport, type QueueItem, type SessionView } from './session-view.ts';

/** A track of the queue as the host keeps it. */
export interface SessionTrack {
  readonly trackId: string;
  readonly label: string;
  readonly addedBy: string;
  /** Identity of the bytes; `undefined` until the host has them all. */
  readonly hash: string | undefined;
  readonly durationSeconds: number | undefined;
  /** Why it will not be played. */
  readonly failure: string | undefined;
  readonly isPlayed: boolean;
}

/** A node as the host keeps it. */
export interface SessionMember {
  readonly nodeId: string;
  readonly nodeNumber: number;
  readonly name: string;
  /** A node that lost its connection keeps its place for a while. */
  readonly isConnected: boolean;
  readonly volumeDb: number;
  readonly report: NodeReport | undefined;
  /** Hashes of the tracks whose bytes it has. */
  readonly has: ReadonlySet<string>;
  /** Hashes of the tracks that it could not get or play: nobody waits for those. */
  readonly lacks: ReadonlySet<string>;
}

/** Everything that a party's host remembers; plain data that only {@link reduceSession} changes. */
export interface SessionState {
  readonly sessionId: string;
  readonly name: string;
  readonly maxNodes: number;
  /** Counts changes of the queue. */
  readonly revision: number;
  readonly tracks: readonly SessionTrack[];
  readonly members: readonly SessionMember[];
  /** The track of the timeline; `undefined` before the first and after the last. */
  readonly currentId: string | undefined;
  /** The newest timeline: its epoch is the session's. */
  readonly line: Timeline | undefined;
}

export type SessionEvent =
  | {
      readonly type: 'joined';
      readonly nodeId: string;
      readonly nodeNumber: number;
      readonly name: string;
      readonly volumeDb: number;
    }
  | { readonly type: 'disconnected'; readonly nodeId: string }
  | { readonly type: 'left'; readonly nodeId: string }
  | { readonly type: 'reported'; readonly nodeId: string; readonly report: NodeReport }
  | { readonly type: 'volume'; readonly nodeId: string; readonly volumeDb: number }
  | { readonly type: 'got'; readonly nodeId: string; readonly hash: string; readonly isOk: boolean }
  | { readonly type: 'added'; readonly trackId: string; readonly label: string; readonly addedBy: string }
  | { readonly type: 'resolved'; readonly trackId: string; readonly hash: string }
  | { readonly type: 'measured'; readonly trackId: string; readonly durationSeconds: number }
  | { readonly type: 'failed'; readonly trackId: string; readonly message: string }
  | { readonly type: 'removed'; readonly trackId: string; readonly revision: number | undefined }
  | { readonly type: 'moved'; readonly trackId: string; readonly index: number; readonly revision: number | undefined }
  /** The track of the timeline is another one now; those before it have been played. */
  | { readonly type: 'advanced'; readonly trackId: string | undefined }
  /** Nothing plays any more; what was playing may be begun again. */
  | { readonly type: 'stopped' }
  | { readonly type: 'lined'; readonly line: Timeline };

/** A session before anybody joined. */
export function createSessionState(options: Pick<SessionState, 'sessionId' | 'name' | 'maxNodes'>): SessionState {
  return { ...options, revision: 0, tracks: [], members: [], currentId: undefined, line: undefined };
}

/**
 * The state after `event`. Throws `SyncError`: `sync/session-full`, `sync/queue-full`, `sync/queue-changed` when an edit was made for
 * another revision, `sync/unknown-track`, `sync/stale-epoch`. Events about members that are not there change nothing.
 */
export function reduceSession(state: SessionState, event: SessionEvent): SessionState {
  switch (event.type) {
    case 'joined':
      return join(state, event);
    case 'disconnected':
      return withMember(state, event.nodeId, { isConnected: false });
    case 'left':
      return { ...state, members: state.members.filter(({ nodeId }) => nodeId !== event.nodeId) };
    case 'reported':
      return withMember(state, event.nodeId, { report: event.report });
    case 'volume':
      return withMember(state, event.nodeId, { volumeDb: event.volumeDb });
    case 'got':
      return got(state, event);
    case 'added':
      return add(state, event);
    case 'resolved':
      return withTrack(state, event.trackId, { hash: event.hash });
    case 'measured':
      return withTrack(state, event.trackId, { durationSeconds: event.durationSeconds });
    case 'failed':
      return withTrack(state, event.trackId, { failure: event.message });
    case 'removed':
      return remove(state, event.trackId, event.revision);
    case 'moved':
      return move(state, event);
    case 'advanced':
      return advance(state, event.trackId);
    case 'stopped':
      return { ...state, currentId: undefined, revision: state.revision + 1 };
    case 'lined':
      if (state.line !== undefined && event.line.epoch <= state.line.epoch) {
        throw new SyncError('sync/stale-epoch', `timeline: epoch ${event.line.epoch} is not above ${state.line.epoch}`);
      }
      return { ...state, line: event.line };
  }
}

/** Whether a track can be played: the host has it, and so has every connected node that could get it. */
export function isReady(state: SessionState, trackId: string): boolean {
  const hash = state.tracks.find((track) => track.trackId === trackId)?.hash;
  return hash !== undefined && waitingFor(state, hash).length === 0;
}

/** The connected nodes that do not have a track's bytes and may still get them. */
export function waitingFor(state: SessionState, hash: string): readonly SessionMember[] {
  return state.members.filter(({ has, isConnected, lacks }) => isConnected && !has.has(hash) && !lacks.has(hash));
}

/** The first track after the current one that has neither been played nor failed; without a current one, the first of all. */
export function nextTrack(state: SessionState): SessionTrack | undefined {
  const current = state.currentId === undefined ? -1 : state.tracks.findIndex(({ trackId }) => trackId === state.currentId);
  return state.tracks.slice(current + 1).find(({ failure, isPlayed }) => failure === undefined && !isPlayed);
}

/** The session as others see it; what each node measures is left out where nobody looks at it. */
export function viewOf(state: SessionState, { withReports = true }: { readonly withReports?: boolean } = {}): SessionView {
  const { currentId, line, maxNodes, members, name, revision, sessionId, tracks } = state;
  return {
    sessionId,
    name,
    revision,
    maxNodes,
    state: currentId === undefined ? 'stopped' : (line?.state ?? 'stopped'),
    queue: tracks.map((track) => itemOf(state, track)),
    members: members.map(({ isConnected, name, nodeId, nodeNumber, report }): Member => {
      return { nodeId, nodeNumber, name, isConnected, ...(report === undefined || !withReports ? {} : { report }) };
    }),
  };
}

function itemOf(state: SessionState, track: SessionTrack): QueueItem {
  const { addedBy, durationSeconds, failure, hash, label, trackId } = track;
  return {
    trackId,
    label,
    addedBy,
    status: statusOf(state, track),
    ...(hash === undefined ? {} : { hash }),
    ...(durationSeconds === undefined ? {} : { durationSeconds }),
    ...(failure === undefined ? {} : { message: failure }),
  };
}

function statusOf(state: SessionState, track: SessionTrack): QueueItem['status'] {
  if (track.failure !== undefined) return 'failed';
  if (track.trackId === state.currentId) return 'playing';
  if (track.isPlayed) return 'played';
  return isReady(state, track.trackId) ? 'ready' : 'transferring';
}

function join(state: SessionState, { name, nodeId, nodeNumber, volumeDb }: SessionEvent & { type: 'joined' }): SessionState {
  const known = state.members.find((member) => member.nodeId === nodeId);
  if (known !== undefined) return withMember(state, nodeId, { isConnected: true, name, nodeNumber });
  if (state.members.length >= state.maxNodes) throw new SyncError('sync/session-full', 'session is full');
  const fresh = { isConnected: true, report: undefined, has: new Set<string>(), lacks: new Set<string>() };
  return { ...state, members: [...state.members, { nodeId, nodeNumber, name, volumeDb, ...fresh }] };
}

function got(state: SessionState, { hash, isOk, nodeId }: SessionEvent & { type: 'got' }): SessionState {
  const member = state.members.find((each) => each.nodeId === nodeId);
  if (member === undefined) return state;
  const [gained, lost] = isOk ? [member.has, member.lacks] : [member.lacks, member.has];
  const without = new Set(lost);
  without.delete(hash);
  const withIt = new Set([...gained, hash]);
  return withMember(state, nodeId, isOk ? { has: withIt, lacks: without } : { has: without, lacks: withIt });
}

function add(state: SessionState, { addedBy, label, trackId }: SessionEvent & { type: 'added' }): SessionState {
  if (state.tracks.length >= MAX_QUEUE_ITEMS) {
    throw new SyncError('sync/queue-full', `the queue holds ${MAX_QUEUE_ITEMS} tracks and takes no more: remove some first`);
  }
  const track = { trackId, label, addedBy, hash: undefined, durationSeconds: undefined, failure: undefined, isPlayed: false };
  return { ...state, revision: state.revision + 1, tracks: [...state.tracks, track] };
}

function remove(state: SessionState, trackId: string, revision: number | undefined): SessionState {
  checkRevision(state, revision);
  if (indexOf(state, trackId) === indexOf(state, state.currentId)) {
    throw new SyncError('sync/track-playing', `track ${trackId} is playing: skip it instead`);
  }
  return { ...state, revision: state.revision + 1, tracks: state.tracks.filter((track) => track.trackId !== trackId) };
}

function move(state: SessionState, { index, revision, trackId }: SessionEvent & { type: 'moved' }): SessionState {
  checkRevision(state, revision);
  const from = indexOf(state, trackId);
  const tracks = [...state.tracks];
  tracks.splice(index, 0, ...tracks.splice(from, 1));
  return { ...state, revision: state.revision + 1, tracks };
}

function advance(state: SessionState, trackId: string | undefined): SessionState {
  const end = trackId === undefined ? state.tracks.length : indexOf(state, trackId);
  const tracks = state.tracks.map((track, index) => (index < end ? { ...track, isPlayed: true } : track));
  return { ...state, currentId: trackId, revision: state.revision + 1, tracks };
}

function withTrack(state: SessionState, trackId: string, change: Partial<SessionTrack>): SessionState {
  return {
    ...state,
    revision: state.revision + 1,
    tracks: state.tracks.map((track) => (track.trackId === trackId ? { ...track, ...change } : track)),
  };
}

function withMember(state: SessionState, nodeId: string, change: Partial<SessionMember>): SessionState {
  return { ...state, members: state.members.map((member) => (member.nodeId === nodeId ? { ...member, ...change } : member)) };
}

function checkRevision(state: SessionState, revision: number | undefined): void {
  if (revision === undefined || revision === state.revision) return;
  throw new SyncError('sync/queue-changed', `the queue has changed since revision ${revision}: look at it and try again`);
}

function indexOf(state: SessionState, trackId: string | undefined): number {
  if (trackId === undefined) return -1;
  const index = state.tracks.findIndex((track) => track.trackId === trackId);
  if (index < 0) throw new SyncError('sync/unknown-track', `there is no track ${trackId} in the queue`);
  return index;
}
