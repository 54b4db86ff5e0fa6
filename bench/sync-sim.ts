/**
 * Clocks and playback in the simulated world of `packages/sync/test/virtual`: the same on every machine. Errors are |p50 / p95 / p99.9| in
 * microseconds, settled after 30 s of 300.
 *
 * @module
 */
import { linkProfiles } from '../packages/sync/test/virtual/link-profiles.ts';
import { pair, percentile, surveyClients, surveySendspin } from '../packages/sync/test/virtual/survey.ts';
import { VirtualDac } from '../packages/sync/test/virtual/virtual-dac.ts';
import { VirtualNode } from '../packages/sync/test/virtual/virtual-node.ts';
import { VirtualPlayer } from '../packages/sync/test/virtual/virtual-player.ts';
import { VirtualWorld } from '../packages/sync/test/virtual/virtual-world.ts';

const seeds = 24;
const seconds = 300;
const settledUs = 30_000_000;
const paths = ['lan', 'wifi', 'busyWifi', 'wan', 'relay'] as const;

/** Prints the table of clock estimates, and that of playback. */
export async function run(): Promise<void> {
  console.log(`clock estimate, ${seeds} nodes per path, ${seconds} s`);
  for (const path of paths) {
    const options = { profile: linkProfiles[path], seeds, seconds, everyUs: 25_000 };
    const { errorsUs, earlyErrorsUs, doubtsUs, comparisons, violations } = surveyClients(options);
    // Its bursts know no lost probes.
    const sendspin = path === 'relay' ? '–' : spread(surveySendspin(options));
    const bound = `bound − half round trip p95 ${percentile(doubtsUs, 0.95).toFixed(0)}, exceeded ${violations} of ${comparisons}`;
    const early = `${percentile(earlyErrorsUs, 0.5).toFixed(0)} after 0.5 s`;
    console.log(`  ${path.padEnd(8)}  tutti ${spread(errorsUs)} (${early})  sendspin ${sendspin}  ${bound}`);
  }
  console.log('playback, devices of ±80 ppm, polled 40 µs late on average, 2 s queued');
  for (const path of ['lan', 'wifi'] as const) console.log(`  ${path.padEnd(8)}  ${spread(playbackErrorsUs(path))}`);
}

function playbackErrorsUs(path: keyof typeof linkProfiles): number[] {
  return Array.from({ length: seeds }, (_, seed) => {
    const world = new VirtualWorld();
    const parts = pair(seed + 1, linkProfiles[path]);
    const node = new VirtualNode({ world, ...parts });
    const ppm = seed % 2 === 0 ? 80 : -80;
    const dac = new VirtualDac({ seed, clock: parts.clock, ppm, wanderPpm: 0.01, latencyUs: 21_333, latenessUs: 40, noiseUs: 5 });
    const player = new VirtualPlayer({ world, ...parts, dac, map: () => node.client.map, leadUs: 2_000_000 });
    world.runUntil(seconds * 1e6);
    return player.heard.filter(({ atUs }) => atUs > settledUs).map(({ errorUs }) => Math.abs(errorUs));
  }).flat();
}

function spread(errorsUs: readonly number[]): string {
  return [0.5, 0.95, 0.999].map((part) => percentile(errorsUs, part).toFixed(0)).join(' / ');
}
