import { boundaryUs, sessionUs, type SessionUs, type Timeline } from '@tutti/sync';
import type { HostMessage } from '@tutti/sync/protocol';
import { describe, expect, test } from 'vitest';
import { Conductor } from '../../src/node/conductor.ts';
import { Distributor } from '../../src/node/distributor.ts';
import { PartyMemory } from '../../src/node/party-memory.ts';

const rate = 48_000;
const seconds = 10;
const hashOf = (trackId: string): string => trackId.repeat(64).slice(0, 64);

interface Stage {
  readonly memory: PartyMemory;
  readonly conductor: Conductor;
  /** What nodes were told, in order. */
  readonly sent: { readonly nodeId: string; readonly message: HostMessage }[];
  readonly lines: readonly Timeline[];
  nowUs: SessionUs;
  /** Runs every timer that is due until then. */
  advance(ms: number): Promise<void>;
  /** Settles what was begun. */
  settle(): Promise<void>;
  join(nodeId: string): void;
  add(trackId: string): void;
  got(nodeId: string, trackId: string): void;
  /** A node that answers `prepare` at once, unless it is told to be slow. */
  readonly slow: Set<string>;
  answer(nodeId: string, trackId: string, minLeadMs?: number): void;
  /** Tracks whose media do not tell their length. */
  readonly unmeasured: Set<string>;
  /** Tracks that no node began in time. */
  readonly unanswered: string[];
}

/** A conductor in a world of its own: time moves when told, and nodes answer at once. */
function stage(): Stage {
  const memory = new PartyMemory({ sessionId: 's', name: 'party', maxNodes: 9 });
  const sent: { readonly nodeId: string; readonly message: HostMessage }[] = [];
  const lines: Timeline[] = [];
  const slow = new Set<string>();
  const unmeasured = new Set<string>();
  const unanswered: string[] = [];
  const timers = new Set<{ readonly atUs: number; readonly run: () => void }>();
  const self: Stage = {
    memory,
    sent,
    lines,
    slow,
    unmeasured,
    unanswered,
    nowUs: sessionUs(1_000_000),
    conductor: new Conductor({
      memory,
      seats: {
        send(nodeId, message) {
          sent.push({ nodeId, message });
          if (message.type === 'prepare' && !slow.has(nodeId)) queueMicrotask(() => self.answer(nodeId, message.trackId));
        },
        broadcast(message) {
          if (message.type === 'line') lines.push(message.line);
        },
      },
      nowUs: () => self.nowUs,
      after(ms, run) {
        const timer = { atUs: self.nowUs + ms * 1000, run };
        timers.add(timer);
        return { [Symbol.dispose]: () => void timers.delete(timer) };
      },
      onUnanswered: (trackId) => unanswered.push(trackId),
    }),
    async settle() {
      for (let turn = 0; turn < 20; turn++) await Promise.resolve();
    },
    async advance(ms) {
      const endUs = self.nowUs + ms * 1000;
      for (;;) {
        await self.settle();
        const due = [...timers].filter(({ atUs }) => atUs <= endUs).sort((a, b) => a.atUs - b.atUs)[0];
        if (due === undefined) break;
        timers.delete(due);
        self.nowUs = sessionUs(Math.max(self.nowUs, Math.round(due.atUs)));
        due.run();
      }
      self.nowUs = sessionUs(endUs);
    },
    join: (nodeId) =>
      memory.apply({ type: 'joined', nodeId, nodeNumber: memory.state.members.length + 1, name: nodeId, volumeDb: 0 }),
    add: (trackId) =>
      memory.apply({ type: 'added', trackId, label: trackId, addedBy: 'me' }, { type: 'resolved', trackId, hash: hashOf(trackId) }),
    got: (nodeId, trackId) => memory.apply({ type: 'got', nodeId, hash: hashOf(trackId), isOk: true }),
    answer: (nodeId, trackId, minLeadMs = 20) =>
      self.conductor.armed(nodeId, trackId, {
        minLeadMs,
        sampleRate: rate,
        ...(unmeasured.has(trackId) ? {} : { durationFrames: rate * seconds }),
      }),
  };
  memory.onChange(() => self.conductor.proceed());
  return self;
}

/** Two nodes with both tracks. */
async function playing(): Promise<Stage> {
  const self = stage();
  for (const nodeId of ['x', 'y']) self.join(nodeId);
  for (const trackId of ['a', 'b']) self.add(trackId);
  for (const nodeId of ['x', 'y']) for (const trackId of ['a', 'b']) self.got(nodeId, trackId);
  await self.conductor.play();
  await self.settle();
  return self;
}

describe('the conductor', () => {
  test('begins when every node has the track, far enough ahead for the slowest of them', async () => {
    const self = stage();
    for (const nodeId of ['x', 'y']) self.join(nodeId);
    self.add('a');
    self.got('x', 'a');
    void self.conductor.play();
    await self.settle();
    expect(self.lines).toEqual([]);
    self.slow.add('y');
    self.got('y', 'a');
    await self.settle();
    expect(self.lines).toEqual([]);
    self.answer('y', 'a', 150);
    await self.settle();
    expect(self.lines).toEqual([
      { epoch: 1, trackId: 'a', hash: hashOf('a'), frame0: 0, t0Us: 1_150_000, rateNum: rate, rateDen: 1, state: 'playing' },
    ]);
    // It needs as long for a pause.
    self.conductor.pause();
    expect(self.lines.at(-1)).toMatchObject({ state: 'paused', t0Us: self.nowUs + 150_000 });
  });

  test('a track that would be played is opened beforehand, once', async () => {
    const self = stage();
    self.join('x');
    self.add('a');
    self.got('x', 'a');
    await self.settle();
    self.memory.apply({ type: 'disconnected', nodeId: 'nobody' });
    await self.settle();
    expect(self.sent.filter(({ message }) => message.type === 'prepare')).toHaveLength(1);
    expect(self.lines).toHaveLength(0);
  });

  test('a node that takes too long is not waited for', async () => {
    const self = stage();
    for (const nodeId of ['x', 'y']) self.join(nodeId);
    self.slow.add('y');
    self.add('a');
    for (const nodeId of ['x', 'y']) self.got(nodeId, 'a');
    void self.conductor.play();
    await self.advance(1499);
    expect(self.lines).toHaveLength(0);
    await self.advance(2);
    expect(self.lines).toHaveLength(1);
  });

  test('a track that no node is ready for in time is told once, asked for again, and begins with the first that is', async () => {
    const self = stage();
    for (const nodeId of ['x', 'y']) {
      self.join(nodeId);
      self.slow.add(nodeId);
    }
    self.add('a');
    for (const nodeId of ['x', 'y']) self.got(nodeId, 'a');
    await self.settle();
    self.sent.length = 0;
    const command = self.conductor.play();
    await self.advance(1499);
    expect(self.unanswered).toEqual([]);
    await self.advance(1);
    await command;
    expect(self.unanswered).toEqual(['a']);
    await self.advance(3000);
    expect(self.unanswered).toEqual(['a']);
    expect(self.sent.filter(({ message, nodeId }) => message.type === 'prepare' && nodeId === 'x')).toHaveLength(4);
    expect(self.lines).toEqual([]);
    self.answer('y', 'a');
    await self.advance(1500);
    expect(self.lines).toMatchObject([{ trackId: 'a', state: 'playing' }]);
  });

  test('a seek that no node is ready for in time is done all the same', async () => {
    const self = await playing();
    for (const nodeId of ['x', 'y']) self.slow.add(nodeId);
    const seeking = self.conductor.seek(4);
    await self.advance(1500);
    await seeking;
    expect(self.lines.findLast(({ next }) => next === undefined)).toMatchObject({ state: 'playing', frame0: 4 * rate });
    expect(self.unanswered).toEqual([]);
  });

  test('the next track is part of the line before the boundary, and plays on from there', async () => {
    const self = await playing();
    expect(self.lines.map(({ epoch, next, trackId }) => [epoch, trackId, next?.trackId])).toEqual([
      [1, 'a', undefined],
      [2, 'a', 'b'],
    ]);
    const [, joined] = self.lines;
    expect(joined).toMatchObject({ t0Us: self.lines[0]!.t0Us, frame0: 0, next: { atFrame: rate * seconds, frame0: 0 } });
    const boundary = boundaryUs(joined!)!;
    await self.advance((boundary - self.nowUs) / 1000 + 1);
    expect(self.lines.at(-1)).toMatchObject({ epoch: 3, trackId: 'b', frame0: 0, t0Us: boundary, state: 'playing' });
    expect(self.memory.state.currentId).toBe('b');
    await self.advance(seconds * 1000);
    expect(self.lines.at(-1)).toMatchObject({ state: 'stopped' });
    expect(self.memory.state.currentId).toBeUndefined();
    await expect(self.conductor.play()).rejects.toMatchObject({ code: 'party/nothing-to-play' });
  });

  test('the successor of a track of unknown length joins the line when a node has found the end', async () => {
    const self = stage();
    self.join('x');
    self.unmeasured.add('a');
    for (const trackId of ['a', 'b']) {
      self.add(trackId);
      self.got('x', trackId);
    }
    await self.conductor.play();
    await self.advance(3_600_000);
    expect(self.lines).toHaveLength(1);
    self.conductor.pause();
    expect(self.lines.at(-1)!.frame0).toBeGreaterThan(3599 * rate);
    await self.conductor.seek(4);
    expect(self.lines.at(-1)!.frame0).toBe(4 * rate);
    await self.conductor.resume();
    self.conductor.measured('a', 7 * rate);
    await self.settle();
    expect(self.lines.at(-1)).toMatchObject({ trackId: 'a', next: { trackId: 'b', atFrame: 7 * rate } });
    expect(self.memory.state.tracks[0]!.durationSeconds).toBe(7);
    // Another node has found it a little later in the media.
    self.conductor.measured('a', 7 * rate + 5);
    expect(self.lines.at(-1)!.next?.atFrame).toBe(7 * rate + 5);
    const boundary = boundaryUs(self.lines.at(-1)!)!;
    await self.advance(3200);
    expect(self.lines.at(-1)).toMatchObject({ trackId: 'b', t0Us: boundary, state: 'playing' });
  });

  test('the party ends with a last track of unknown length, also when it was left behind its end', async () => {
    const self = stage();
    self.join('x');
    self.unmeasured.add('a');
    self.add('a');
    self.got('x', 'a');
    await self.conductor.play();
    await self.settle();
    await self.conductor.seek(1000);
    self.conductor.measured('a', 7 * rate);
    await self.advance(1);
    expect(self.lines.at(-1)).toMatchObject({ state: 'stopped' });
    expect(self.memory.state.currentId).toBeUndefined();
  });

  test('a successor that somebody lacks is taken at the last call, and then stays', async () => {
    const self = stage();
    for (const nodeId of ['x', 'y']) self.join(nodeId);
    for (const trackId of ['a', 'b']) self.add(trackId);
    for (const nodeId of ['x', 'y']) self.got(nodeId, 'a');
    self.got('x', 'b');
    await self.conductor.play();
    await self.settle();
    expect(self.lines).toHaveLength(1);
    await self.advance((seconds - 8) * 1000 + 200);
    expect(self.lines.at(-1)).toMatchObject({ trackId: 'a', next: { trackId: 'b' } });
    self.join('z');
    await self.settle();
    expect(self.lines).toHaveLength(2);
    // An edit of the queue takes it out again.
    self.memory.apply({ type: 'removed', trackId: 'b', revision: undefined });
    await self.settle();
    expect(self.lines.at(-1)!.next).toBeUndefined();
  });

  test('who has the track waits a while for who is still fetching it, then begins', async () => {
    const self = stage();
    for (const nodeId of ['x', 'y']) self.join(nodeId);
    self.add('a');
    self.got('x', 'a');
    await self.conductor.play();
    await self.advance(14_999);
    expect(self.lines).toHaveLength(0);
    await self.advance(2);
    expect(self.lines).toHaveLength(1);
    expect(self.sent.filter(({ message }) => message.type === 'prepare').map(({ nodeId }) => nodeId)).toEqual(['x']);
  });

  test('pause, resume and seek are lines of their own, a moment ahead', async () => {
    const self = await playing();
    await self.advance(2000);
    self.conductor.pause();
    const paused = self.lines.at(-1)!;
    expect(paused).toMatchObject({ state: 'paused', t0Us: self.nowUs + 60_000 });
    expect(paused.frame0).toBe(((paused.t0Us - self.lines[0]!.t0Us) * rate) / 1e6);
    await self.advance(60_000);
    expect(self.lines.at(-1)).toBe(paused);
    await self.conductor.seek(4);
    expect(self.lines.at(-1)).toMatchObject({ state: 'paused', frame0: 4 * rate });
    await self.conductor.resume();
    await self.settle();
    expect(self.lines.findLast(({ next }) => next === undefined)).toMatchObject({ state: 'playing', frame0: 4 * rate });
    expect(self.lines.at(-1)).toMatchObject({ state: 'playing', frame0: 4 * rate, next: { trackId: 'b' } });
    await self.conductor.seek(1000);
    expect(self.lines.at(-1)!.frame0).toBe(rate * seconds - 1);
    const epochs = self.lines.map(({ epoch }) => epoch);
    expect(epochs).toEqual(epochs.toSorted((a, b) => a - b));
    expect(new Set(epochs).size).toBe(epochs.length);
  });

  test('skip goes to the next track, at the end it stops; what was stopped can be begun again', async () => {
    const self = await playing();
    await self.conductor.skip();
    expect(self.lines.at(-1)).toMatchObject({ trackId: 'b', state: 'playing', frame0: 0 });
    self.conductor.stop();
    expect(self.lines.at(-1)).toMatchObject({ state: 'stopped' });
    await self.conductor.play();
    await self.settle();
    expect(self.lines.at(-1)).toMatchObject({ trackId: 'b', state: 'playing' });
    await self.conductor.skip();
    expect(self.lines.at(-1)).toMatchObject({ state: 'stopped' });
    expect(() => self.conductor.pause()).toThrow('nothing is playing');
    await expect(self.conductor.seek(1)).rejects.toThrow('nothing is playing');
  });

  test('a newer command overtakes one that still waits for nodes', async () => {
    const self = await playing();
    for (const nodeId of ['x', 'y']) self.slow.add(nodeId);
    const first = self.conductor.seek(1);
    const second = self.conductor.seek(5);
    await self.settle();
    for (const nodeId of ['x', 'y']) self.answer(nodeId, 'a');
    await Promise.all([first, second]);
    expect(self.lines.filter(({ frame0 }) => frame0 === rate)).toEqual([]);
    expect(self.lines.at(-1)).toMatchObject({ frame0: 5 * rate });
  });

  test('what was stopped while it was about to begin can be begun again', async () => {
    const self = stage();
    self.join('x');
    self.slow.add('x');
    self.add('a');
    self.got('x', 'a');
    void self.conductor.play();
    await self.settle();
    self.conductor.stop();
    await self.advance(2000);
    expect(self.lines).toEqual([]);
    self.slow.delete('x');
    await self.conductor.play();
    expect(self.lines).toMatchObject([{ trackId: 'a', state: 'playing' }]);
  });

  test('a track that nobody can play is passed over', async () => {
    const self = stage();
    self.join('x');
    self.slow.add('x');
    for (const trackId of ['a', 'b']) self.add(trackId);
    for (const trackId of ['a', 'b']) self.got('x', trackId);
    void self.conductor.play();
    await self.settle();
    self.slow.delete('x');
    self.conductor.failed('x', 'a', 'no audio');
    await self.settle();
    expect(self.memory.state.tracks[0]?.failure).toBe('no audio');
    expect(self.lines.at(-1)).toMatchObject({ trackId: 'b', state: 'playing' });
  });

  test('a track that breaks off on every node is left at once, not at its end; on one node, that node is silent', async () => {
    const self = await playing();
    await self.advance(1000);
    self.conductor.failed('x', 'a', 'broken');
    await self.settle();
    expect(self.memory.state.currentId).toBe('a');
    self.conductor.failed('y', 'a', 'broken');
    await self.advance(1);
    expect(self.lines.at(-1)).toMatchObject({ trackId: 'b', state: 'playing', frame0: 0, t0Us: 2_060_000 });
    expect(self.memory.state.tracks[0]).toMatchObject({ failure: 'broken' });
    self.conductor.failed('x', 'b', 'broken');
    self.conductor.failed('y', 'b', 'broken');
    await self.advance(1);
    expect(self.lines.at(-1)).toMatchObject({ state: 'stopped' });
  });

  test('a track whose bytes no node could play before is passed over at once', async () => {
    const self = await playing();
    self.memory.apply(
      { type: 'got', nodeId: 'x', hash: hashOf('b'), isOk: false },
      { type: 'got', nodeId: 'y', hash: hashOf('b'), isOk: false },
    );
    expect(self.memory.state.tracks[1]?.failure).toBe('no node can play it');
    await self.advance(seconds * 1000 + 200);
    expect(self.lines.at(-1)).toMatchObject({ state: 'stopped' });
  });

  test('between two tracks, while nobody has the next one, there is nothing to seek in or to pause', async () => {
    const self = stage();
    self.join('x');
    for (const trackId of ['a', 'b']) self.add(trackId);
    self.got('x', 'a');
    await self.conductor.play();
    await self.advance(seconds * 1000 + 200);
    expect(self.memory.state.currentId).toBeUndefined();
    await expect(self.conductor.seek(1)).rejects.toThrow('nothing is playing');
    expect(() => self.conductor.pause()).toThrow('nothing is playing');
    self.got('x', 'b');
    await self.settle();
    expect(self.lines.at(-1)).toMatchObject({ trackId: 'b', state: 'playing' });
  });

  test('a node that is lost while it is waited for holds nobody up', async () => {
    const self = stage();
    for (const nodeId of ['x', 'y']) self.join(nodeId);
    self.slow.add('y');
    self.add('a');
    for (const nodeId of ['x', 'y']) self.got(nodeId, 'a');
    void self.conductor.play();
    await self.settle();
    self.memory.apply({ type: 'disconnected', nodeId: 'y' });
    self.conductor.left('y');
    await self.settle();
    expect(self.lines).toHaveLength(1);
  });
});

describe('the distributor', () => {
  test('gives each node one track at a time, the playing one first, then what follows', () => {
    const memory = new PartyMemory({ sessionId: 's', name: 'party', maxNodes: 9 });
    const asked: string[] = [];
    const distributor = new Distributor({
      memory,
      seats: {
        send: (nodeId, message) => asked.push(`${nodeId} ${message.type === 'fetch' ? message.trackId : ''}`),
        broadcast() {},
      },
    });
    const got = (nodeId: string, trackId: string, isOk: boolean): void => {
      distributor.answered(nodeId, hashOf(trackId));
      memory.apply({ type: 'got', nodeId, hash: hashOf(trackId), isOk });
      distributor.proceed();
    };
    memory.apply({ type: 'joined', nodeId: 'x', nodeNumber: 1, name: 'x', volumeDb: 0 });
    for (const trackId of ['a', 'b', 'c']) {
      memory.apply({ type: 'added', trackId, label: trackId, addedBy: 'me' }, { type: 'resolved', trackId, hash: hashOf(trackId) });
    }
    memory.apply({ type: 'advanced', trackId: 'a' });
    distributor.proceed();
    distributor.proceed();
    expect(asked).toEqual(['x a']);
    got('x', 'a', true);
    expect(asked).toEqual(['x a', 'x b']);
    // What it cannot get it is not told again; what comes after the next waits for its turn.
    got('x', 'b', false);
    expect(asked).toEqual(['x a', 'x b']);
    memory.apply({ type: 'advanced', trackId: 'b' });
    distributor.proceed();
    expect(asked).toEqual(['x a', 'x b', 'x c']);
    // A new connection has forgotten.
    distributor.forget('x');
    distributor.proceed();
    expect(asked.at(-1)).toBe('x c');
    expect(asked).toHaveLength(4);
  });
});
