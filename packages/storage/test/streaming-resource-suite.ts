import * as fc from 'fast-check';
import { afterEach, describe, expect, test } from 'vitest';
import { openResourceReader, type StreamingResource } from '../src/index.ts';
import { pattern, sha256 } from './test-bytes.ts';

const origin = { validator: '"v1"', totalLength: 1000, contentType: 'audio/mpeg', transformId: undefined };

/** The contract of `StreamingResource`, for every implementation. `open` gives a fresh, empty, active one. */
export function streamingResourceSuite(name: string, open: () => Promise<StreamingResource>): void {
  const opened: StreamingResource[] = [];
  const fresh = async (): Promise<StreamingResource> => {
    const resource = await open();
    opened.push(resource);
    return resource;
  };
  afterEach(async () => {
    await Promise.all(opened.splice(0).map((resource) => resource.close()));
  });

  describe(`${name}, as every streaming resource,`, () => {
    test('begins active and empty', async () => {
      const resource = await fresh();
      expect(resource).toMatchObject({ state: 'active', length: undefined, announcedLength: undefined, presentBytes: 0 });
      expect(resource.ranges()).toEqual([]);
    });

    test('reads back what was written, in any order, and knows what is missing', async () => {
      const operation = fc.tuple(fc.nat(300), fc.integer({ min: 1, max: 120 }));
      await fc.assert(
        fc.asyncProperty(fc.array(operation, { minLength: 1, maxLength: 12 }), fc.boolean(), async (writes, isConcurrent) => {
          const resource = await fresh();
          const isPresent = Array.from({ length: 500 }, () => false);
          const pending: Promise<void>[] = [];
          for (const [at, size] of writes) {
            const writing = resource.writeAt(at, pattern(at, size));
            if (isConcurrent) pending.push(writing);
            else await writing;
            isPresent.fill(true, at, at + size);
          }
          await Promise.all(pending);
          expect(resource.presentBytes).toBe(isPresent.filter(Boolean).length);
          for (let at = 0; at < 500; at += 7) {
            const into = new Uint8Array(16);
            if (isPresent[at] !== true) {
              await expect(resource.readAt(at, into)).rejects.toMatchObject({ code: 'storage/not-present' });
              continue;
            }
            const count = await resource.readAt(at, into);
            expect(count).toBeGreaterThan(0);
            expect(isPresent.slice(at, at + count).every(Boolean)).toBe(true);
            expect(into.subarray(0, count)).toEqual(pattern(at, count));
          }
          await resource.close();
        }),
        { numRuns: 25 },
      );
    });

    test('keeps bytes that are present when other bytes are written over them', async () => {
      const resource = await fresh();
      await resource.writeAt(10, pattern(10, 10));
      await resource.writeAt(0, new Uint8Array(30).fill(1));
      const into = new Uint8Array(30);
      expect(await resource.readAt(0, into)).toBe(30);
      expect(into.subarray(10, 20)).toEqual(pattern(10, 10));
      expect(into.subarray(0, 10)).toEqual(new Uint8Array(10).fill(1));
      expect((await resource.commit(30)).sha256).toBe(sha256(into));
    });

    test('commits with length and hash, in order or not, and then ends where it ends', async () => {
      const bytes = pattern(0, 700_000);
      for (const order of [
        [0, 1, 2],
        [2, 0, 1],
        [1, 2, 0],
      ]) {
        const resource = await fresh();
        for (const part of order) {
          const start = part * 250_000;
          await resource.writeAt(start, bytes.subarray(start, start + 250_000));
        }
        expect(await resource.commit(700_000)).toEqual({ length: 700_000, sha256: sha256(bytes) });
        expect(resource).toMatchObject({ state: 'committed', length: 700_000 });
        expect(await resource.readAt(700_000, new Uint8Array(8))).toBe(0);
        expect(await resource.readAt(699_999, new Uint8Array(8))).toBe(1);
      }
    });

    test('commits nothing as a resource of 0 bytes', async () => {
      const resource = await fresh();
      expect(await resource.commit(0)).toEqual({ length: 0, sha256: sha256(new Uint8Array()) });
      expect(await resource.readAt(0, new Uint8Array(1))).toBe(0);
      expect(await resource.waitRange({ start: 0, end: 10 })).toBe('end');
    });

    test('cuts bytes beyond the committed length', async () => {
      const resource = await fresh();
      await resource.writeAt(0, pattern(0, 160));
      expect((await resource.commit(150)).sha256).toBe(sha256(pattern(0, 150)));
      expect(resource.ranges()).toEqual([{ start: 0, end: 150 }]);
      expect(await resource.readAt(140, new Uint8Array(100))).toBe(10);
    });

    test('refuses to commit with a hole, and goes on', async () => {
      const resource = await fresh();
      await resource.writeAt(0, pattern(0, 10));
      await expect(resource.commit(20)).rejects.toMatchObject({ code: 'storage/not-present' });
      await resource.writeAt(10, pattern(10, 10));
      expect((await resource.commit(20)).length).toBe(20);
      await expect(resource.writeAt(0, pattern(0, 1))).rejects.toMatchObject({ code: 'storage/not-active' });
      await expect(resource.commit(20)).rejects.toMatchObject({ code: 'storage/not-active' });
    });

    test('keeps what the origin announced', async () => {
      const resource = await fresh();
      resource.announce(origin, 992);
      expect(resource).toMatchObject({ origin, announcedLength: 992, length: undefined });
      expect(openResourceReader(resource.attachReader().handle).announcedLength).toBe(992);
    });

    test('waits until all of a range is there', async () => {
      const resource = await fresh();
      const outcomes: string[] = [];
      const waiting = resource.waitRange({ start: 5, end: 15 }).then((outcome) => outcomes.push(outcome));
      await resource.writeAt(0, pattern(0, 14));
      expect(outcomes).toEqual([]);
      await resource.writeAt(14, pattern(14, 1));
      await waiting;
      expect(outcomes).toEqual(['ready']);
      expect(await resource.waitRange({ start: 0, end: 3 })).toBe('ready');
    });

    test('tells a wait that the resource ended inside or before its range', async () => {
      const resource = await fresh();
      await resource.writeAt(0, pattern(0, 10));
      const inside = resource.waitRange({ start: 5, end: 15 });
      const before = resource.waitRange({ start: 10, end: 15 });
      await resource.commit(10);
      expect(await Promise.all([inside, before])).toEqual(['partial', 'end']);
    });

    test('gives a failure to everybody who waits, now and later, and keeps what is there readable', async () => {
      const resource = await fresh();
      await resource.writeAt(0, pattern(0, 10));
      const failure = Object.assign(new Error('the line is dead'), { code: 'net/reset', isRecoverable: true });
      const reader = openResourceReader(resource.attachReader().handle);
      const waiting = expect(resource.waitRange({ start: 10, end: 11 })).rejects.toBe(failure);
      await resource.fail(failure);
      await waiting;
      expect(resource).toMatchObject({ state: 'failed', failure });
      await expect(resource.waitRange({ start: 10, end: 11 })).rejects.toBe(failure);
      await expect(resource.writeAt(10, pattern(10, 1))).rejects.toMatchObject({ code: 'storage/not-active' });
      expect(reader.read(4, new Uint8Array(100))).toBe(6);
      expect(() => reader.read(10, new Uint8Array(1))).toThrow(
        expect.objectContaining({
          code: 'storage/failed',
          message: expect.stringContaining('the line is dead'),
          cause: expect.objectContaining({ code: 'net/reset', name: 'Error', isRecoverable: true }),
        }),
      );
    });

    test('tells abandoned from failed', async () => {
      const resource = await fresh();
      const reader = openResourceReader(resource.attachReader().handle);
      const waiting = expect(resource.waitRange({ start: 0, end: 1 })).rejects.toMatchObject({ code: 'storage/cancelled' });
      await resource.abandon();
      await waiting;
      expect(resource).toMatchObject({ state: 'cancelled', failure: undefined });
      expect(() => reader.read(0, new Uint8Array(1))).toThrow(expect.objectContaining({ code: 'storage/cancelled' }));
      await resource.fail(new Error('too late'));
      expect(resource.state).toBe('cancelled');
    });

    test('wants what its waits and readers want, in their order, and says when that changes', async () => {
      const resource = await fresh();
      let changeCount = 0;
      using _ = resource.onDemand(() => (changeCount += 1));
      const reader = resource.attachReader();
      expect(changeCount).toBe(1);
      reader.want({ start: 100, end: 200 });
      reader.want({ start: 100, end: 200 });
      expect(changeCount).toBe(2);
      const abort = new AbortController();
      const waiting = resource.waitRange({ start: 0, end: 150 }, { signal: abort.signal });
      expect(resource.wants()).toEqual([
        { start: 100, end: 200 },
        { start: 0, end: 100 },
      ]);
      abort.abort(new Error('enough'));
      await expect(waiting).rejects.toThrow('enough');
      expect(resource.wants()).toEqual([{ start: 100, end: 200 }]);
      reader.want(undefined);
      expect(resource.wants()).toEqual([]);
      reader.release();
      reader.release();
      expect(changeCount).toBe(6);
    });

    test('rings a reader at once for bytes that it wants, and when it wants what is there already', async () => {
      const resource = await fresh();
      const doorbell = new SharedArrayBuffer(4);
      const word = new Int32Array(doorbell);
      const reader = resource.attachReader({ doorbell });
      reader.want({ start: 50, end: 60 });
      // A ring may come on its own, too, for bytes published a while ago: so each step asks for one more at least.
      const rungBy = async (step: () => Promise<void> | void): Promise<void> => {
        const before = Atomics.load(word, 0);
        await step();
        expect(Atomics.load(word, 0)).toBeGreaterThan(before);
      };
      await rungBy(() => resource.writeAt(55, pattern(55, 1)));
      await rungBy(() => reader.want({ start: 55, end: 60 }));
      await rungBy(() => resource.writeAt(56, pattern(56, 1)));
      await rungBy(() => resource.fail(new Error('over')));
      await rungBy(() => reader.want({ start: 90, end: 91 }));
    });

    test('rings readers that want nothing, too, before long', async () => {
      const resource = await fresh();
      const doorbell = new SharedArrayBuffer(4);
      const word = new Int32Array(doorbell);
      resource.attachReader({ doorbell });
      const rung = Atomics.waitAsync(word, 0, 0);
      await resource.writeAt(0, pattern(0, 1));
      expect(rung.async ? await rung.value : rung.value).toBe('ok');
    });

    test('calls its listeners after bytes and after each change of state', async () => {
      const resource = await fresh();
      const seen: (readonly [number, string])[] = [];
      using _ = resource.onChange(() => seen.push([resource.presentBytes, resource.state]));
      await resource.writeAt(0, pattern(0, 3));
      await resource.commit(3);
      expect(seen).toEqual([
        [3, 'active'],
        [3, 'committed'],
      ]);
    });

    test('lets a reader by position see bytes, absence and the proven end apart', async () => {
      const resource = await fresh();
      const attached = resource.attachReader();
      const reader = openResourceReader(attached.handle);
      const into = new Uint8Array(8);
      expect(reader.read(0, into)).toBe('absent');
      await resource.writeAt(0, pattern(0, 3));
      expect(reader.read(0, into)).toBe(3);
      expect(into.subarray(0, 3)).toEqual(pattern(0, 3));
      expect(reader.read(3, into)).toBe('absent');
      expect(reader).toMatchObject({ state: 'active', length: undefined });
      await resource.commit(3);
      expect(reader.read(3, into)).toBe('end');
      expect(reader.read(1, into)).toBe(2);
      expect(reader).toMatchObject({ state: 'committed', length: 3 });
      await resource.close();
      expect(reader.read(0, into)).toBe(3);
      attached.release();
    });

    test('refuses an abort that has happened before anything is done', async () => {
      const resource = await fresh();
      const signal = AbortSignal.abort(new Error('before'));
      await expect(resource.waitRange({ start: 0, end: 1 }, { signal })).rejects.toThrow('before');
      expect(resource.wants()).toEqual([]);
    });
  });
}
