import { completeProbe, type Probe } from '../../src/clock/probe.ts';
import type { LocalUs, SessionUs } from '@tutti/sync';
import { SendspinEstimator } from './sendspin-estimator.ts';
import { VirtualClock } from './virtual-clock.ts';
import { VirtualLink, type LinkProfile } from './virtual-link.ts';
import { VirtualNode } from './virtual-node.ts';
import { VirtualWorld } from './virtual-world.ts';

const wanderPpm = 0.01;
const settledUs = 30_000_000;
const ppms = [15, -40, 80, -15, 40, -80];

/** A host and a node with crystals of ±15, ±40 or ±80 ppm that wander, and a path between them. */
export function pair(seed: number, profile: LinkProfile): { host: VirtualClock; clock: VirtualClock; link: VirtualLink } {
  const ppm = (index: number): number => ppms[index % ppms.length]!;
  return {
    host: new VirtualClock({ seed: 3 * seed, offsetUs: 5_000_000_000, ppm: ppm(seed), wanderPpm }),
    clock: new VirtualClock({
      seed: 3 * seed + 1,
      offsetUs: 1_000_000_000,
      ppm: ppm(5 * seed + 1 + Math.floor(seed / 6)),
      wanderPpm,
    }),
    link: new VirtualLink(profile, 3 * seed + 2),
  };
}

export interface SurveyOptions {
  readonly profile: LinkProfile;
  readonly seeds: number;
  readonly seconds: number;
  /** How often the truth is compared. */
  readonly everyUs: number;
}

export interface Survey {
  /** Errors once settled, in microseconds, all nodes together. */
  readonly errorsUs: readonly number[];
  /** Error of each node half a second after it began. */
  readonly earlyErrorsUs: readonly number[];
  /** By how much the settled bound exceeds half of the least delay measured. */
  readonly doubtsUs: readonly number[];
  /** How many comparisons were made from the first map on, and how many found an error beyond the bound. */
  readonly comparisons: number;
  readonly violations: number;
}

/** Lets real clock clients run in virtual time and compares what they say with the truth. */
export function surveyClients({ profile, seeds, seconds, everyUs }: SurveyOptions): Survey {
  const survey = {
    errorsUs: [] as number[],
    earlyErrorsUs: [] as number[],
    doubtsUs: [] as number[],
    comparisons: 0,
    violations: 0,
  };
  for (let seed = 1; seed <= seeds; seed += 1) {
    const world = new VirtualWorld();
    const node = new VirtualNode({ world, ...pair(seed, profile) });
    world.runUntil(500_000);
    if (node.error !== undefined) survey.earlyErrorsUs.push(Math.abs(node.error.us));
    for (let atUs = 500_000; atUs <= seconds * 1e6; atUs += everyUs) {
      world.runUntil(atUs);
      const { error } = node;
      if (error === undefined) continue;
      survey.comparisons += 1;
      if (Math.abs(error.us) > error.boundUs) survey.violations += 1;
      if (atUs < settledUs) continue;
      survey.errorsUs.push(Math.abs(error.us));
      survey.doubtsUs.push(error.boundUs - node.client.leastDelayUs! / 2);
    }
    node.client.close();
  }
  return survey;
}

/** The settled errors of Sendspin's estimator over the same paths, in microseconds. */
export function surveySendspin({ profile, seeds, seconds, everyUs }: SurveyOptions): readonly number[] {
  const errorsUs: number[] = [];
  for (let seed = 1; seed <= seeds; seed += 1) {
    const { host, clock, link } = pair(seed, profile);
    const estimator = new SendspinEstimator();
    let sampleUs = settledUs;
    for (let startUs = 0; startUs < seconds * 1e6; startUs += 10_000_000) {
      const { probes, endUs } = exchange({ host, clock, link, startUs, count: 8 });
      for (; sampleUs < endUs; sampleUs += everyUs) {
        const trueOffsetUs = host.exactAt(sampleUs) - clock.exactAt(sampleUs);
        errorsUs.push(Math.abs(estimator.offsetAt(clock.exactAt(sampleUs)) - trueOffsetUs));
      }
      estimator.add(probes);
    }
  }
  return errorsUs;
}

interface Exchange {
  readonly host: VirtualClock;
  readonly clock: VirtualClock;
  readonly link: VirtualLink;
  readonly startUs: number;
  readonly count: number;
}

/** Probes sent one after the other's answer, without an event queue. */
function exchange({ host, clock, link, startUs, count }: Exchange): { readonly probes: readonly Probe[]; readonly endUs: number } {
  const probes: Probe[] = [];
  let sendUs = startUs;
  for (let sequence = 0; sequence < count; sequence += 1) {
    const t1Us = clock.at(sendUs) as LocalUs;
    const upUs = link.arrival('up', sendUs);
    const downUs = link.arrival('down', upUs + 20);
    const reply = { sequence, t1Us, t2Us: host.at(upUs) as SessionUs, t3Us: host.at(upUs + 20) as SessionUs };
    const probe = completeProbe(reply, clock.at(downUs) as LocalUs);
    if (probe !== undefined) probes.push(probe);
    sendUs = downUs + 50;
  }
  return { probes, endUs: sendUs };
}

/** The value below which `part` of the values lie. */
export function percentile(values: readonly number[], part: number): number {
  const sorted = Float64Array.from(values).sort();
  return sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))]!;
}
