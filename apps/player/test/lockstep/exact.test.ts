import { provenanceRuns } from '@tutti/fixtures';
import { expect, test, vi } from 'vitest';
import { openVirtualNode, playing } from './party.ts';
import { provenanceTrack } from './signal-track.ts';

const second = 1_000_000;

test('the first frame sounds at its time to the sample, and every frame follows once', async () => {
  await using node = await openVirtualNode({ tracks: { a: () => provenanceTrack(1, 480_000) } });
  const { time, output, player, events } = node;
  const t0Us = time.nowUs + second;
  player.follow(playing({ t0Us }));
  await time.advance(5 * second);
  const first = node.frameHeardAt(t0Us);
  expect(output.firstPlacedFrame).toBe(first);
  const runs = provenanceRuns(output.samples(first, 4 * 48_000));
  expect(runs).toEqual([{ at: 0, variant: 1, frame: 0, frameCount: 4 * 48_000 }]);
  expect(events).toEqual([{ type: 'started', trackId: 'a' }]);
  expect(player.status()).toMatchObject({ alignP50Us: 0, alignP95Us: 0, underruns: 0, snaps: 0, latencySource: 'reported' });
  expect(output.mistakes).toBe(0);
});

test('what sounds at once is placed in short blocks, before the long ones that follow', async () => {
  await using node = await openVirtualNode({ tracks: { a: () => provenanceTrack(1, 480_000) } });
  const { time, output, player } = node;
  const place = vi.spyOn(output, 'place');
  player.follow(playing({ t0Us: time.nowUs + 150_000 }));
  await time.advance(second);
  const seconds = place.mock.calls.map(([, samples]) => samples.length / 2 / 48_000);
  expect(seconds[0]).toBeLessThanOrEqual(0.05);
  expect(Math.max(...seconds)).toBe(0.2);
});

test('a pause, a seek and a skip act at their own time although two seconds are queued, without a frame lost or repeated', async () => {
  await using node = await openVirtualNode({
    tracks: { a: () => provenanceTrack(1, 960_000), b: () => provenanceTrack(2, 960_000) },
  });
  const { time, output, player } = node;
  const t0Us = time.nowUs + second;
  const at = (seconds: number): number => t0Us + seconds * second;
  const fade = 240;
  player.follow(playing({ t0Us }));
  await time.advance(3 * second);
  player.follow(playing({ epoch: 2, t0Us: at(2.1), state: 'paused', frame0: 100_800 }));
  await time.advance(2 * second);
  player.follow(playing({ epoch: 3, t0Us: at(4.5), frame0: 100_800 }));
  await time.advance(2 * second);
  player.follow(playing({ epoch: 4, t0Us: at(6.2), frame0: 700_000 }));
  await time.advance(2 * second);
  player.follow(playing({ epoch: 5, t0Us: at(8.3), trackId: 'b', hash: 'b', frame0: 0 }));
  await time.advance(2 * second);
  const first = node.frameHeardAt(t0Us);
  const runs = provenanceRuns(output.samples(first, 10 * 48_000)).filter(({ frameCount }) => frameCount > 1000);
  expect(runs).toEqual([
    { at: 0, variant: 1, frame: 0, frameCount: 100_801 },
    { at: 216_000 + fade, variant: 1, frame: 100_800 + fade, frameCount: 81_600 - fade + 1 },
    { at: 297_600 + fade, variant: 1, frame: 700_000 + fade, frameCount: 100_800 - fade + 1 },
    { at: 398_400 + fade, variant: 2, frame: fade, frameCount: 81_600 - fade },
  ]);
  // Between the pause and the next line there is silence once the ramp has ended.
  const pause = output.samples(first + 100_800 + fade, 115_200 - fade);
  expect(pause.every((sample) => sample === 0)).toBe(true);
  expect(output.mistakes).toBe(0);
});

test('the next track begins on the very next frame, also when the host says so again afterwards', async () => {
  await using node = await openVirtualNode({
    tracks: { a: () => provenanceTrack(1, 144_000), b: () => provenanceTrack(2, 480_000) },
  });
  const { time, output, player, events } = node;
  const t0Us = time.nowUs + second;
  const next = { trackId: 'b', hash: 'b', atFrame: 144_000, frame0: 0, rateNum: 48_000, rateDen: 1 };
  player.follow(playing({ t0Us, next }));
  await time.advance(4.2 * second);
  player.follow(playing({ epoch: 2, t0Us: t0Us + 3 * second, trackId: 'b', hash: 'b' }));
  await time.advance(2 * second);
  const runs = provenanceRuns(output.samples(node.frameHeardAt(t0Us), 5 * 48_000));
  expect(runs).toEqual([
    { at: 0, variant: 1, frame: 0, frameCount: 144_000 },
    { at: 144_000, variant: 2, frame: 0, frameCount: 96_000 },
  ]);
  expect(events).toEqual([
    { type: 'started', trackId: 'a' },
    { type: 'ended', trackId: 'a' },
    { type: 'started', trackId: 'b' },
  ]);
});

test('who joins late plays the frame of the moment', async () => {
  await using node = await openVirtualNode({ tracks: { a: () => provenanceTrack(1, 48_000 * 600) } });
  const { time, output, player } = node;
  const t0Us = time.nowUs - 500 * second;
  player.follow(playing({ t0Us }));
  await time.advance(2 * second);
  const first = output.firstPlacedFrame;
  expect(output.heardUs(first) - (time.nowUs - 2 * second)).toBeLessThan(second);
  const [run, ...rest] = provenanceRuns(output.samples(first + 240, 48_000));
  expect(rest).toEqual([]);
  expect(run!.frame).toBe(Math.round(((output.heardUs(first + 240) - t0Us) * 48_000) / 1e6));
});

test('an output delay makes everything sound so much earlier at the device', async () => {
  await using node = await openVirtualNode({
    tracks: { a: () => provenanceTrack(1, 480_000) },
    player: { outputDelayMs: 120 },
  });
  const { time, output, player } = node;
  const t0Us = time.nowUs + second;
  player.follow(playing({ t0Us }));
  await time.advance(2 * second);
  expect(output.firstPlacedFrame).toBe(node.frameHeardAt(t0Us - 120_000));
  expect(player.status().latencySource).toBe('calibrated');
});

test('the end of the last track is told when it is heard', async () => {
  await using node = await openVirtualNode({ tracks: { a: () => provenanceTrack(1, 96_000) } });
  const { time, player, events } = node;
  player.follow(playing({ t0Us: time.nowUs + second }));
  await time.advance(2.9 * second);
  expect(events.at(-1)).toEqual({ type: 'started', trackId: 'a' });
  await time.advance(0.2 * second);
  expect(events.at(-1)).toEqual({ type: 'ended', trackId: 'a' });
  await time.advance(2 * second);
  expect(events.length).toBe(2);
  expect(player.status().underruns).toBe(0);
});
