import { setImmediate } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { SingleFlight } from '../src/single-flight.ts';

/** Work that the test ends, or that ends by being aborted. */
function drivenWork() {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  let runCount = 0;
  let signal: AbortSignal | undefined;
  const run = (given: AbortSignal): Promise<string> => {
    runCount += 1;
    signal = given;
    given.addEventListener('abort', () => reject(given.reason));
    return promise;
  };
  return { run, resolve, runs: () => runCount, isAborted: () => signal?.aborted };
}

describe('a single flight', () => {
  test('gives the same result to all who joined, and runs anew after it', async () => {
    const flight = new SingleFlight<string>();
    const work = drivenWork();
    const both = Promise.all([flight.run('k', work.run, undefined), flight.run('k', work.run, undefined)]);
    work.resolve('done');
    expect(await both).toEqual(['done', 'done']);
    expect(work.runs()).toBe(1);
    expect(await flight.run('k', async () => 'again', undefined)).toBe('again');
  });

  test('goes on when one of two leaves, and is aborted when the second does', async () => {
    const flight = new SingleFlight<string>();
    const work = drivenWork();
    const [a, b] = [new AbortController(), new AbortController()];
    const first = flight.run('k', work.run, a.signal);
    const second = flight.run('k', work.run, b.signal);
    a.abort(new Error('first gone'));
    await expect(first).rejects.toThrow('first gone');
    expect(work.isAborted()).toBe(false);
    b.abort(new Error('second gone'));
    await expect(second).rejects.toThrow('second gone');
    expect(work.isAborted()).toBe(true);
  });

  test('keeps keys apart', async () => {
    const flight = new SingleFlight<string>();
    expect(await Promise.all([flight.run('a', async () => 'a', undefined), flight.run('b', async () => 'b', undefined)])).toEqual([
      'a',
      'b',
    ]);
  });

  test('waits for work that everybody has left when it is stopped', async () => {
    const flight = new SingleFlight<string>();
    const { promise, resolve } = Promise.withResolvers<string>();
    const caller = new AbortController();
    const left = flight.run('k', () => promise, caller.signal);
    caller.abort(new Error('gone'));
    await expect(left).rejects.toThrow('gone');
    let hasStopped = false;
    const stopping = flight.stop(new Error('closed')).then(() => (hasStopped = true));
    await setImmediate();
    expect(hasStopped).toBe(false);
    resolve('stored');
    await stopping;
  });

  test('is stopped for everybody at once', async () => {
    const flight = new SingleFlight<string>();
    const asked = flight.run('k', drivenWork().run, undefined);
    const refused = expect(asked).rejects.toThrow('closed');
    await flight.stop(new Error('closed'));
    await refused;
  });
});
