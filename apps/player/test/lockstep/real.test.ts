import { fixturePath, PIECE_FRAMES } from '@tutti/fixtures';
import { openLocalFileSource } from '@tutti/stream';
import { identityClockMap, type DeviceSample } from '@tutti/sync';
import { expect, test } from 'vitest';
import { createPartyPlayer } from '../../src/node/create-party-player.ts';
import type { PartyPlayer, PartyPlayerEvent } from '../../src/node/party-player.ts';
import { DeviceClock } from '../../src/output/device-clock.ts';
import { monotonicUs } from '@tutti/sync/monotonic';
import { createNullOutput } from '../../src/output/null.ts';
import { playing } from './party.ts';

/** The tracks that started and ended, up to the end of one of them. */
async function eventsUntilEnd(player: PartyPlayer, trackId: string): Promise<readonly PartyPlayerEvent[]> {
  const events: PartyPlayerEvent[] = [];
  const { promise, resolve } = Promise.withResolvers<void>();
  using _listener = player.on((event) => {
    if (event.type === 'started' || event.type === 'ended') events.push(event);
    if (event.type === 'ended' && event.trackId === trackId) resolve();
  });
  await promise;
  return events;
}

test('files decoded in their worker threads play in real time, one after the other, and end', async () => {
  const player = createPartyPlayer({ openOutput: async () => createNullOutput() });
  try {
    player.setClock(identityClockMap(monotonicUs()));
    const file = (name: string) => async (signal: AbortSignal) => {
      signal.throwIfAborted();
      return openLocalFileSource(fixturePath(name));
    };
    const first = await player.prepare({ trackId: 'a', hash: 'a', open: file('part-1.flac') }, { frame: 0 });
    const second = await player.prepare({ trackId: 'b', hash: 'b', open: file('part-2.flac') }, { frame: 0 });
    const nearEnd = first.durationFrames! - first.sampleRate;
    const events = eventsUntilEnd(player, 'b');
    player.follow(
      playing({
        t0Us: monotonicUs() + 300_000,
        rateNum: first.sampleRate,
        frame0: nearEnd,
        next: {
          trackId: 'b',
          hash: 'b',
          atFrame: first.durationFrames!,
          frame0: second.durationFrames! - second.sampleRate,
          rateNum: second.sampleRate,
          rateDen: 1,
        },
      }),
    );
    expect(await events).toEqual([
      { type: 'started', trackId: 'a' },
      { type: 'ended', trackId: 'a' },
      { type: 'started', trackId: 'b' },
      { type: 'ended', trackId: 'b' },
    ]);
    expect(player.status()).toMatchObject({ snaps: 0, latencySource: 'none' });
    expect(player.status().alignP95Us).toBeLessThan(1e6 / 48_000);
  } finally {
    await player.close();
  }
});

test('a track of unknown length that is followed beyond its end can be prepared elsewhere, and tells its length', async () => {
  const player = createPartyPlayer({ openOutput: async () => createNullOutput() });
  try {
    player.setClock(identityClockMap(monotonicUs()));
    const track = {
      trackId: 'a',
      hash: 'a',
      open: async (signal: AbortSignal) => openLocalFileSource(fixturePath('piece.aac'), { signal }),
    };
    const { durationFrames, sampleRate } = await player.prepare(track, { frame: 0 });
    expect(durationFrames).toBeUndefined();
    const { promise: measured, resolve } = Promise.withResolvers<number>();
    using _listener = player.on((event) => event.type === 'measured' && resolve(event.durationFrames));
    const far = playing({ t0Us: monotonicUs(), rateNum: sampleRate, frame0: 100 * sampleRate });
    player.follow(far);
    // Past every end: all that is known from there is that the track is no longer.
    expect(await measured).toBeLessThanOrEqual(101 * sampleRate);
    const again = await player.prepare(track, { frame: 19 * sampleRate });
    expect(again.minLeadMs).toBeGreaterThan(0);
    player.follow({ ...far, epoch: 2, frame0: 19 * sampleRate });
    await eventsUntilEnd(player, 'a');
    // The encoder's delay of one frame, and the last frame filled up: nothing in this file says what to leave out.
    const aacFrame = 1024;
    const durationFramesOfAll = Math.ceil((PIECE_FRAMES + aacFrame) / aacFrame) * aacFrame;
    expect((await player.prepare(track, { frame: 0 })).durationFrames).toBe(durationFramesOfAll);
  } finally {
    await player.close();
  }
});

test('a device that only counts is observed callback by callback, late perhaps, never early', async () => {
  const quantumFrames = 480;
  const openedUs = monotonicUs();
  const clock = new DeviceClock({
    sampleRate: 48_000,
    readFrame: () => (Math.floor((monotonicUs() - openedUs) / 10_000) + 1) * quantumFrames,
    readLatencySeconds: () => 0.02,
  });
  const samples: DeviceSample[] = [];
  const { promise, resolve } = Promise.withResolvers<void>();
  using _watch = clock.watch((sample) => {
    samples.push(sample);
    if (samples.length === 8) resolve();
  });
  await promise;
  expect(clock.quantumFrames).toBe(quantumFrames);
  for (const { localUs, deviceFrame } of samples) {
    expect(deviceFrame % quantumFrames).toBe(0);
    const lateUs = localUs - (openedUs + (deviceFrame / quantumFrames) * 10_000 + 20_000);
    expect(lateUs).toBeGreaterThanOrEqual(0);
    expect(lateUs).toBeLessThan(10_000);
  }
});

test('a device that stops for a while is found again where it goes on, and nobody hurries when it is let go', async () => {
  const [quantumFrames, stoppedUs, stopUs] = [480, 500_000, 405_000];
  const openedUs = monotonicUs();
  const watching: boolean[] = [];
  const clock = new DeviceClock({
    sampleRate: 48_000,
    readFrame: () => {
      const atUs = monotonicUs() - openedUs;
      const runUs = atUs < stoppedUs ? atUs : Math.max(stoppedUs, atUs - stopUs);
      return (Math.floor(runUs / 10_000) + 1) * quantumFrames;
    },
    readLatencySeconds: () => 0,
    onWatching: (isWatching) => watching.push(isWatching),
  });
  const latesUs: number[] = [];
  const { promise, resolve } = Promise.withResolvers<void>();
  {
    using _watch = clock.watch(({ localUs, deviceFrame }) => {
      if (localUs < openedUs + stoppedUs + stopUs) return;
      latesUs.push(localUs - (openedUs + stopUs + (deviceFrame / quantumFrames) * 10_000));
      if (latesUs.length === 20) resolve();
    });
    await promise;
  }
  for (const lateUs of latesUs) {
    expect(lateUs).toBeGreaterThanOrEqual(0);
    expect(lateUs).toBeLessThan(10_000);
  }
  await expect.poll(() => watching.at(-1)).toBe(false);
});
