import { sessionUs } from '@tutti/sync';
import { expect, test } from 'vitest';
import { placeAt, wantedUs } from '../../src/engine/lockstep/line-place.ts';
import { OutputError } from '../../src/output/output-error.ts';
import { openVirtualNode, playing } from './party.ts';
import { provenanceTrack, signalTrack } from './signal-track.ts';

const second = 1_000_000;

/** Full scale in both channels. */
const ones = () => signalTrack({ sampleRate: 48_000, frameCount: 480_000, frame: () => [1, 1] });

test('automation acts at its sample, with a ramp of 5 ms, also inside what is queued', async () => {
  await using node = await openVirtualNode({ tracks: { a: ones } });
  const { time, output, player } = node;
  const t0Us = time.nowUs + second;
  player.follow(playing({ t0Us }));
  await time.advance(3 * second);
  const atUs = sessionUs(t0Us + 2.5 * second);
  player.automate([
    { atUs, volumeDb: -20 },
    { atUs: sessionUs(atUs + second), muted: true },
  ]);
  await time.advance(3 * second);
  const at = node.frameHeardAt(atUs);
  const left = (from: number, count: number) => output.samples(from, count).filter((_, index) => index % 2 === 0);
  expect(left(at - 4800, 4801).every((sample) => sample === 1)).toBe(true);
  const ramp = left(at, 241);
  for (let frame = 1; frame <= 240; frame += 1) expect(ramp[frame]).toBeCloseTo(1 - (0.9 * frame) / 240, 5);
  expect(left(at + 240, 47_760).every((sample) => Math.abs(sample - 0.1) < 1e-6)).toBe(true);
  expect(left(at + 48_240, 4800).every((sample) => sample === 0)).toBe(true);
});

test('the volume of the node acts on what is queued, without a click', async () => {
  await using node = await openVirtualNode({ tracks: { a: ones } });
  const { time, output, player } = node;
  const t0Us = time.nowUs + second;
  player.follow(playing({ t0Us }));
  await time.advance(3 * second);
  const asked = output.deviceFrame;
  player.setVolumeDb(-20);
  await time.advance(second);
  const samples = output.samples(asked, 24_000).filter((_, index) => index % 2 === 0);
  const changed = samples.findIndex((sample) => sample < 1);
  expect(changed).toBeLessThan(4800);
  const steps = samples.subarray(1).map((sample, index) => Math.abs(sample - samples[index]!));
  expect(Math.max(...steps)).toBeLessThan(0.9 / 240 + 1e-6);
  expect(samples.at(-1)).toBeCloseTo(0.1, 6);
});

test('decoding that falls behind is heard as one underrun, and the node is at its place again afterwards', async () => {
  let isStuck = false;
  const released: (() => void)[] = [];
  const track = provenanceTrack(1, 960_000);
  const slow = {
    ...track,
    read: (into: Float32Array) => (isStuck ? ({ kind: 'empty' } as const) : track.read(into)),
    waitReadable: async () => new Promise<void>((resolve) => released.push(resolve)),
  };
  await using node = await openVirtualNode({ tracks: { a: () => slow } });
  const { time, output, player, events } = node;
  const t0Us = time.nowUs + second;
  player.follow(playing({ t0Us }));
  await time.advance(2 * second);
  isStuck = true;
  await time.advance(6 * second);
  expect(events.filter(({ type }) => type === 'underrun')).toHaveLength(1);
  isStuck = false;
  for (const release of released) release();
  await time.advance(3 * second);
  const frame = node.frameHeardAt(t0Us + 9 * second);
  const [left] = output.samples(frame, 1);
  expect(left! * 32_768).toBe((9 * 48_000) & 0x7fff);
  expect(player.status()).toMatchObject({ underruns: 1, alignP50Us: 0 });
  expect(events.filter(({ type }) => type === 'started')).toHaveLength(1);
});

test('a track whose last frames come too late ends all the same, when the line has passed its end', async () => {
  let isStuck = true;
  const released: (() => void)[] = [];
  const track = provenanceTrack(1, 480_000);
  let position = 0;
  const slow = {
    ...track,
    read: (into: Float32Array) => {
      if (isStuck && position > 400_000) return { kind: 'empty' } as const;
      const read = track.read(into);
      if (read.kind === 'pcm') position = read.positionFrames;
      return read;
    },
    waitReadable: async () => new Promise<void>((resolve) => released.push(resolve)),
  };
  await using node = await openVirtualNode({ tracks: { a: () => slow } });
  const { time, player, events } = node;
  player.follow(playing({ t0Us: time.nowUs + second }));
  await time.advance(12 * second);
  isStuck = false;
  for (const release of released) release();
  await time.advance(2 * second);
  expect(events.filter(({ type }) => type === 'ended')).toEqual([{ type: 'ended', trackId: 'a' }]);
});

test('a track that cannot be decoded any further is told by its error, and the next line plays', async () => {
  const failure = new Error('damaged');
  const broken = provenanceTrack(1, 480_000);
  let reads = 0;
  const track = {
    ...broken,
    read: (into: Float32Array) => {
      if (++reads > 15) throw failure;
      return broken.read(into);
    },
  };
  await using node = await openVirtualNode({ tracks: { a: () => track, b: () => provenanceTrack(2, 480_000) } });
  const { time, player, events } = node;
  player.follow(playing({ t0Us: time.nowUs + second }));
  await time.advance(3 * second);
  expect(events).toContainEqual({ type: 'failed', trackId: 'a', error: failure });
  player.follow(playing({ epoch: 2, t0Us: time.nowUs + second / 2, trackId: 'b', hash: 'b' }));
  await time.advance(2 * second);
  expect(events.at(-1)).toEqual({ type: 'started', trackId: 'b' });
});

test('without a device it says so and takes part in silence, in step', async () => {
  const error = new OutputError('output/no-device', 'no sound device can be opened');
  await using node = await openVirtualNode({
    tracks: { a: () => provenanceTrack(1, 480_000) },
    player: {
      openOutput: async () => {
        await Promise.resolve();
        throw error;
      },
    },
  });
  const { time, player, events } = node;
  expect(events).toEqual([{ type: 'no-device', error }]);
  player.follow(playing({ t0Us: time.nowUs + second }));
  await time.advance(3 * second);
  expect(events.at(-1)).toEqual({ type: 'started', trackId: 'a' });
  expect(player.status()).toMatchObject({ latencySource: 'none', underruns: 0, snaps: 0 });
  expect(player.status().alignP95Us).toBeLessThan(1e6 / 48_000);
});

test('a day after its beginning a line is where it should be to a millionth of a frame', () => {
  for (const rateNum of [44_100, 48_000, 96_000]) {
    const line = playing({ t0Us: 1_700_000_000_000_123, rateNum });
    for (let hour = 1; hour <= 24; hour += 1) {
      const atUs = line.t0Us + hour * 3600 * second;
      const { position } = placeAt(line, atUs);
      expect(Math.abs(position - hour * 3600 * rateNum)).toBeLessThan(1e-6);
      expect(Math.abs(wantedUs(line, { part: 'track', position }) - atUs)).toBeLessThan(0.5);
    }
  }
});
