import { describe, expect, test } from 'vitest';
import { SyncError } from '@tutti/sync';
import { parseHostMessage, parsePeerMessage } from '../../src/protocol/messages.ts';

const hash = 'ab'.repeat(32);
const nonce = 'n'.repeat(22);
const proof = 'p'.repeat(43);
const line = { epoch: 1, trackId: 't', hash, frame0: 0, t0Us: 5, rateNum: 44_100, rateDen: 1, state: 'playing' };
const next = { trackId: 'u', hash, atFrame: 9, frame0: 0, rateNum: 48_000, rateDen: 1 };
const report = {
  boundUs: 60.5,
  isClockReady: true,
  underruns: 0,
  snaps: 1,
  bufferedSeconds: 2,
  latencySource: 'reported',
  output: 'default',
  hasDevice: true,
  volumeDb: -6,
};
const session = {
  sessionId: 's',
  name: 'Küche',
  revision: 3,
  state: 'playing',
  maxNodes: 8,
  queue: [{ trackId: 't', label: 'song.flac', hash, addedBy: 'me', status: 'ready', durationSeconds: 1.5 }],
  members: [{ nodeId: 'x', nodeNumber: 1, name: 'x', isConnected: true, report }],
};

/** Every message of the protocol, as it stands on the wire. */
const fromHost: readonly object[] = [
  { type: 'challenge', version: 1, sessionId: 's', name: 'party', nonce },
  { type: 'accepted', proof },
  {
    type: 'welcome',
    nodeNumber: 1,
    clockPort: 17402,
    resumeToken: 'r',
    onHostGone: 'finish',
    session,
    line: { ...line, next },
    volumeDb: 0,
  },
  { type: 'reject', reason: 'locked', retryAfterSeconds: 60 },
  { type: 'session', session },
  { type: 'fetch', trackId: 't', hash },
  { type: 'prepare', trackId: 't', hash, frame: 44_100 },
  { type: 'line', line },
  {
    type: 'automation',
    points: [
      { atUs: 5, volumeDb: -3 },
      { atUs: 960, muted: true },
    ],
  },
  { type: 'volume', volumeDb: -96 },
  { type: 'time', sequence: 1, t1Us: 1, t2Us: 2, t3Us: 3 },
  { type: 'outcome', id: 1 },
  { type: 'outcome', id: 2, code: 'sync/queue-changed', message: 'the queue has changed' },
  { type: 'end', reason: 'the host has closed the session' },
];
const fromPeer: readonly object[] = [
  { type: 'prove', nonce, proof },
  { type: 'hello', role: 'node', nodeId: 'x', name: 'Küche', output: 'default', hasDevice: true, volumeDb: 0, resumeToken: 'r' },
  { type: 'control', name: 'me' },
  { type: 'probe', sequence: 1, t1Us: 1 },
  { type: 'progress', trackId: 't', doneBytes: 1, totalBytes: 2 },
  { type: 'got', trackId: 't', hash, isOk: false, message: 'wrong bytes three times' },
  { type: 'armed', trackId: 't', hash, minLeadMs: 20.5, sampleRate: 44_100, durationFrames: 1000 },
  { type: 'failed', trackId: 't', code: 'decode/not-media', message: 'no audio' },
  { type: 'report', report },
  ...[
    { kind: 'status' },
    { kind: 'add', sources: ['https://example.org/a.mp3'] },
    { kind: 'remove', trackId: 't', revision: 3 },
    { kind: 'move', trackId: 't', index: 0 },
    { kind: 'play' },
    { kind: 'pause' },
    { kind: 'resume' },
    { kind: 'seek', seconds: 1.5 },
    { kind: 'skip' },
    { kind: 'stop' },
    { kind: 'volume', volumeDb: -6, nodeId: 'x' },
  ].map((command, id) => ({ type: 'command', id, command })),
  { type: 'bye', reason: 'closed' },
];

describe('party messages', () => {
  test.each(fromHost.map((message) => [JSON.stringify(message)]))('the host says %s', (text) => {
    expect(JSON.stringify(sorted(parseHostMessage(text)))).toBe(JSON.stringify(sorted(JSON.parse(text))));
  });

  test.each(fromPeer.map((message) => [JSON.stringify(message)]))('a node says %s', (text) => {
    expect(JSON.stringify(sorted(parsePeerMessage(text)))).toBe(JSON.stringify(sorted(JSON.parse(text))));
  });

  test.each([
    ['{', 'it is no JSON'],
    ['null', 'type'],
    ['{"type":"never"}', 'type'],
    [JSON.stringify({ type: 'line', line: { ...line, rateDen: 0 } }), 'line.rateDen'],
    [JSON.stringify({ type: 'line', line: { ...line, t0Us: 2 ** 60 } }), 'line.t0Us'],
    [JSON.stringify({ type: 'line', line: { ...line, hash: 'SECRET' } }), 'line.hash'],
    [JSON.stringify({ type: 'automation', points: [{ volumeDb: 0 }] }), 'points.0'],
    [JSON.stringify({ type: 'automation', points: [{ tick: 960, volumeDb: 0 }] }), 'points.0'],
    [JSON.stringify({ type: 'session', session: { ...session, name: 'a\u001Bb' } }), 'session.name'],
    [JSON.stringify({ type: 'end', reason: 'x'.repeat(1001) }), 'reason'],
  ])('%s is refused, naming %s and nothing of it', (text, where) => {
    const error = caught(() => parseHostMessage(text));
    expect(error.code).toBe('sync/bad-message');
    expect(error.message).toContain(where);
    expect(error.message).not.toContain('SECRET');
  });

  test('what is not agreed on is left out', () => {
    expect(parsePeerMessage('{"type":"bye","reason":"","more":1}')).toEqual({ type: 'bye', reason: '' });
  });
});

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, each]) => [key, sorted(each)]),
  );
}

function caught(action: () => unknown): SyncError {
  try {
    action();
  } catch (error) {
    if (error instanceof SyncError) return error;
  }
  throw new Error('no SyncError was thrown');
}
