import { describe, expect, test } from 'vitest';
import { sessionUs, type Timeline } from '@tutti/sync';
import {
  createSessionState,
  isReady,
  nextTrack,
  reduceSession,
  viewOf,
  waitingFor,
  type SessionEvent,
  type SessionState,
} from '@tutti/sync/protocol';

const empty = createSessionState({ sessionId: 's', name: 'party', maxNodes: 2 });
const after = (state: SessionState, ...events: readonly SessionEvent[]): SessionState => events.reduce(reduceSession, state);
const joined = (nodeId: string, nodeNumber: number): SessionEvent => ({
  type: 'joined',
  nodeId,
  nodeNumber,
  name: nodeId,
  volumeDb: 0,
});
const added = (trackId: string): SessionEvent => ({ type: 'added', trackId, label: trackId, addedBy: 'me' });
const hashOf = (trackId: string): string => trackId.repeat(64).slice(0, 64);
const resolved = (trackId: string): SessionEvent => ({ type: 'resolved', trackId, hash: hashOf(trackId) });
const got = (nodeId: string, trackId: string, isOk = true): SessionEvent => ({ type: 'got', nodeId, hash: hashOf(trackId), isOk });
const statuses = (state: SessionState): readonly string[] => viewOf(state).queue.map(({ status }) => status);

const line: Timeline = {
  epoch: 3,
  trackId: 'a',
  hash: hashOf('a'),
  frame0: 0,
  t0Us: sessionUs(0),
  rateNum: 44_100,
  rateDen: 1,
  state: 'playing',
};

describe('a session', () => {
  test('a track is ready when the host and every connected node have it', () => {
    let state = after(empty, joined('x', 1), joined('y', 2), added('a'));
    expect(statuses(state)).toEqual(['transferring']);
    state = after(state, resolved('a'), got('x', 'a'));
    expect(isReady(state, 'a')).toBe(false);
    expect(waitingFor(state, hashOf('a')).map(({ nodeId }) => nodeId)).toEqual(['y']);
    expect(statuses(after(state, got('y', 'a')))).toEqual(['ready']);
    expect(statuses(after(state, { type: 'disconnected', nodeId: 'y' }))).toEqual(['ready']);
    expect(statuses(after(state, { type: 'left', nodeId: 'y' }))).toEqual(['ready']);
  });

  test('nobody waits for a node that cannot get a track, until it gets it', () => {
    const state = after(empty, joined('x', 1), added('a'), resolved('a'), got('x', 'a', false));
    expect(isReady(state, 'a')).toBe(true);
    expect(state.members[0]?.lacks.has(hashOf('a'))).toBe(true);
    expect(after(state, got('x', 'a')).members[0]?.lacks.size).toBe(0);
  });

  test('is full at its limit; who comes back keeps the place and what it has', () => {
    const full = after(empty, joined('x', 1), joined('y', 2), got('x', 'a'));
    expect(() => after(full, joined('z', 3))).toThrow('session is full');
    const back = after(full, { type: 'disconnected', nodeId: 'x' }, joined('x', 7));
    expect(back.members.map(({ nodeId, nodeNumber, isConnected }) => [nodeId, nodeNumber, isConnected])).toEqual([
      ['x', 7, true],
      ['y', 2, true],
    ]);
    expect(back.members[0]?.has.has(hashOf('a'))).toBe(true);
  });

  test('advances past what failed, and remembers what was played', () => {
    let state = after(empty, added('a'), added('b'), added('c'), { type: 'failed', trackId: 'b', message: 'bad' });
    expect(nextTrack(state)?.trackId).toBe('a');
    state = after(state, { type: 'advanced', trackId: 'a' });
    expect(nextTrack(state)?.trackId).toBe('c');
    expect(statuses(state)).toEqual(['playing', 'failed', 'transferring']);
    state = after(state, { type: 'advanced', trackId: 'c' }, { type: 'advanced', trackId: undefined });
    expect(nextTrack(state)).toBeUndefined();
    expect(statuses(state)).toEqual(['played', 'failed', 'played']);
    expect(nextTrack(after(state, added('d')))?.trackId).toBe('d');
  });

  test('an edit made for another revision is refused, and changes nothing', () => {
    const state = after(empty, added('a'), added('b'), added('c'));
    expect(() => after(state, { type: 'removed', trackId: 'a', revision: 2 })).toThrow('has changed since revision 2');
    expect(() => after(state, { type: 'moved', trackId: 'z', index: 0, revision: undefined })).toThrow('no track z');
    const moved = after(state, { type: 'moved', trackId: 'c', index: 0, revision: 3 });
    expect(moved.tracks.map(({ trackId }) => trackId)).toEqual(['c', 'a', 'b']);
    expect(after(moved, { type: 'removed', trackId: 'a', revision: 4 }).tracks.map(({ trackId }) => trackId)).toEqual(['c', 'b']);
    expect(() => after(moved, { type: 'advanced', trackId: 'c' }, { type: 'removed', trackId: 'c', revision: undefined })).toThrow(
      'is playing',
    );
  });

  test('the queue ends at a thousand tracks', () => {
    let state = empty;
    for (let index = 0; index < 1000; index++) state = after(state, added(`t${index}`));
    expect(() => after(state, added('more'))).toThrow('takes no more');
  });

  test('takes only timelines of a higher epoch', () => {
    const state = after(empty, added('a'), { type: 'advanced', trackId: 'a' }, { type: 'lined', line });
    expect(viewOf(state).state).toBe('playing');
    expect(() => after(state, { type: 'lined', line })).toThrow('epoch 3 is not above 3');
    expect(viewOf(after(state, { type: 'lined', line: { ...line, epoch: 4, state: 'paused' } })).state).toBe('paused');
  });
});
