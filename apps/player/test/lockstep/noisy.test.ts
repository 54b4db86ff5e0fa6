import { sessionUs, toSession, type ClockMap } from '@tutti/sync';
import { describe, expect, test } from 'vitest';
import { wantedUs } from '../../src/engine/lockstep/line-place.ts';
import { openVirtualNode, playing, type VirtualNode } from './party.ts';
import { phasePosition, phaseTrack } from './signal-track.ts';

const second = 1_000_000;
const sampleRate = 44_100;
const line = { rateNum: sampleRate, frame0: 0 };

/** How late, in microseconds, what is heard between two times really is, ten times a second; `undefined` in silence. */
function errorsUs(node: VirtualNode, t0Us: number, { from, to }: { readonly from: number; readonly to: number }) {
  const errors: (number | undefined)[] = [];
  for (let atUs = t0Us + from * second; atUs < t0Us + to * second; atUs += second / 10) {
    const frame = node.frameHeardAt(atUs);
    const heardUs = node.output.heardUs(frame);
    const [left, right] = node.output.samples(frame, 1);
    const position = phasePosition(left!, right!, ((heardUs - t0Us) * sampleRate) / 1e6);
    errors.push(position === undefined ? undefined : heardUs - wantedUs(playing({ ...line, t0Us }), { part: 'track', position }));
  }
  return errors;
}

function quantileUs(errors: readonly (number | undefined)[], share: number): number {
  const sorted = errors.map((error) => Math.abs(error ?? Number.POSITIVE_INFINITY)).sort((a, b) => a - b);
  return sorted[Math.ceil(share * sorted.length) - 1]!;
}

/** What the library and a sound server show of a native device. */
const nativeDevice = { noiseUs: 40, observeEvery: 4, quantumFrames: 1024, latencyFrames: 2043 };
const tracks = { a: () => phaseTrack(sampleRate, sampleRate * 600) };

describe.each([80, -80])('a device that runs %i ppm fast', (ppm) => {
  test('starts within a frame without noise', async () => {
    await using node = await openVirtualNode({ tracks, ppm });
    const t0Us = node.time.nowUs + second;
    node.player.follow(playing({ ...line, t0Us }));
    await node.time.advance(2 * second);
    expect(quantileUs(errorsUs(node, t0Us, { from: 0.01, to: 0.2 }), 1)).toBeLessThan(1e6 / 48_000);
  });

  test('is held within 40 µs at p95 under the noise of a native device, without one jump', async () => {
    await using node = await openVirtualNode({ tracks, ppm, ...nativeDevice });
    const t0Us = node.time.nowUs + second;
    node.player.follow(playing({ ...line, t0Us }));
    await node.time.advance(51 * second);
    const errors = errorsUs(node, t0Us, { from: 5, to: 48 });
    expect(quantileUs(errors, 0.95)).toBeLessThan(40);
    expect(node.player.status()).toMatchObject({ underruns: 0, snaps: 0 });
    expect(node.output.mistakes).toBe(0);
  });
});

test('after a stall of the device it counts an underrun and is in step again within a second', async () => {
  await using node = await openVirtualNode({ tracks, ...nativeDevice });
  const t0Us = node.time.nowUs + second;
  node.player.follow(playing({ ...line, t0Us }));
  await node.time.advance(10 * second);
  node.output.stall(64_000);
  await node.time.advance(10 * second);
  expect(node.events).toContainEqual({ type: 'underrun' });
  expect(node.player.status()).toMatchObject({ underruns: 1, snaps: 0 });
  expect(quantileUs(errorsUs(node, t0Us, { from: 10.2, to: 18 }), 0.95)).toBeLessThan(100);
});

test('a session clock that turns out to be off by 20 ms is jumped to once, a small correction is steered out', async () => {
  await using node = await openVirtualNode({ tracks, ...nativeDevice });
  const t0Us = node.time.nowUs + second;
  node.player.follow(playing({ ...line, t0Us }));
  await node.time.advance(10 * second);
  const map: ClockMap = {
    referenceUs: node.time.nowUs,
    offsetUs: 20_000,
    skewPpm: 0,
    boundUs: 100,
    boundGrowthPpm: 1,
    validFromUs: node.time.nowUs,
  };
  node.player.setClock(map);
  await node.time.advance(10 * second);
  expect(node.events.filter(({ type }) => type === 'snapped')).toHaveLength(1);
  const movedUs = t0Us - (toSession(map, node.time.nowUs) - sessionUs(node.time.nowUs));
  expect(quantileUs(errorsUs(node, movedUs, { from: 15, to: 18 }), 0.95)).toBeLessThan(100);
  node.player.setClock({ ...map, offsetUs: 20_400 });
  await node.time.advance(40 * second);
  expect(node.player.status()).toMatchObject({ underruns: 0, snaps: 1 });
  expect(quantileUs(errorsUs(node, movedUs - 400, { from: 52, to: 57 }), 0.95)).toBeLessThan(80);
});
