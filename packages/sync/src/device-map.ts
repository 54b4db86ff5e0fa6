import { fitFloor, quantile, type Line, type Point } from './line-fit.ts';
import type { LocalUs } from './units.ts';

/** One observation of the output: `deviceFrame` was heard, or will be, at `localUs`, as far as its poll could tell. */
export interface DeviceSample {
  readonly localUs: LocalUs;
  /** Frames since the output was opened, at its nominal rate. */
  readonly deviceFrame: number;
}

/** The device lost time: an underrun, a stall, or a jump of its clock. The map has re-anchored itself when this is told. */
export interface DeviceStep {
  /** How much later (positive) or earlier every frame sounds from now on, in microseconds. */
  readonly byUs: number;
}

export interface DeviceMapOptions {
  /** The device's nominal rate in frames per second. */
  readonly sampleRate: number;
  /**
   * A shift of at least this many frames that five observations agree on is a step at once; a smaller one after three seconds. Best is
   * the smallest block of frames that the device and its sound server lose whole: after a step by such blocks the map is as exact as before.
   */
  readonly stepFrames: number;
  /** How far back observations count, as long as the rate stays. Default 120 s. */
  readonly windowUs?: number;
  readonly onStep?: (step: DeviceStep) => void;
}

interface Bin {
  readonly index: number;
  readonly samples: Residual[];
}

/** An observation as seconds of device time since the anchor and microseconds of lateness against the nominal rate. */
interface Residual {
  readonly seconds: number;
  readonly lateUs: number;
}

/** An observation that does not lie on the line, and how much later it is. */
interface Shifted {
  readonly sample: DeviceSample;
  readonly shiftUs: number;
}

/** What the map was before a step. */
interface Former {
  readonly anchor: DeviceSample;
  readonly bins: readonly Bin[];
  readonly prior: Rate;
  readonly line: Line;
}

/** What is believed of the device's rate: ppm of lateness, and their standard deviation. */
interface Rate {
  readonly slope: number;
  readonly slopeDeviation: number;
}

const binUs = 500_000;
const maxSamplesPerBin = 128;
const readySamples = 8;
const readySpanSeconds = 0.2;
/** A shift of a quantum counts as a step once this many observations in a row agree on it. */
const stepSamples = 5;
/** Whole blocks were lost if the earliest observation since comes less than so much after them: at first, and some time later. */
const blockLateUs = { atOnce: 500, later: 200 };
const blockEarlyUs = 50;
const blockWaitUs = 3_000_000;
/** A smaller one, of at least so much, once for so long no observation was on time, and the earliest of both halves agree. */
const smallStepUs = 1000;
const smallStepSpanUs = 3_000_000;
const smallStepNoiseUs = 300;
/** The part of the observations that is believed to be on time: a poll sees a callback late, never early. */
const onTime = 0.02;
/** The line goes along the earliest observations of this many stretches of equal length. */
const stretches = 12;
/** The latest observations by themselves, along fewer stretches: where these leave the line, the clocks run differently from before. */
const recentUs = 15_000_000;
const recentStretches = 6;
/** So many of the youngest of them must lie this far beside it: many more when late, which a busy machine makes them, too. */
const changed = { late: { stretches: 5, byUs: 60 }, early: { stretches: 2, byUs: 50 } };
/** A small step so soon after another one is more likely a rate that is not the one believed in. */
const doubtUs = 20_000_000;
/** Assumed jitter of a long stretch's envelope, and of one with a single observation: the more there are, the nearer one was in time. */
const stretchNoiseUs = 20;
const sampleNoiseUs = 100;
/** How far crystals stray from their nominal rate, commonly and at most. */
const crystalPpm = 100;
const mostPpm = 300;

/**
 * Local time ⇄ device frame, fitted to noisy observations: the earliest of each of a dozen stretches, and a line along the floor of
 * those: stretches in which a busy machine saw every callback late do not lift it. Where the youngest leave the line, one of both
 * clocks has changed its pace: what was seen before is forgotten. Until enough time has been seen, the line leans towards the nominal
 * rate. Fed by an output for as long as it plays.
 */
export class DeviceMap {
  readonly #options: Required<Omit<DeviceMapOptions, 'onStep'>>;
  readonly #onStep: ((step: DeviceStep) => void) | undefined;
  #anchor: DeviceSample | undefined;
  #bins: Bin[] = [];
  /** Observations in a row that lie a step beside the line. */
  #shifted: Shifted[] = [];
  /** Observations in a row that came late by less than that. */
  #late: Shifted[] = [];
  #prior: Rate = { slope: 0, slopeDeviation: crystalPpm };
  #line: Line | undefined;
  #isStale = false;
  /** Until it is clear whether it still holds, the map before the step; and when that was, local time. */
  #former: Former | undefined;
  #steppedUs = Number.NEGATIVE_INFINITY;
  /** When a small step was seen last, local time. */
  #smallStepUs = Number.NEGATIVE_INFINITY;
  #lastFrame = Number.NEGATIVE_INFINITY;

  constructor(options: DeviceMapOptions) {
    const { onStep, ...rest } = options;
    this.#options = { windowUs: 120_000_000, ...rest };
    this.#onStep = onStep;
  }

  /** Whether the map may be asked: enough has been seen since the output opened. */
  get isReady(): boolean {
    const first = this.#bins[0]?.samples[0];
    const last = this.#bins.at(-1)?.samples.at(-1);
    if (first === undefined || last === undefined) return false;
    const count = this.#bins.reduce((sum, bin) => sum + bin.samples.length, 0);
    return this.#line !== undefined || (count >= readySamples && last.seconds - first.seconds >= readySpanSeconds);
  }

  /** How much faster than nominal the device runs, in parts per million of local time; 0 until something is known. */
  get ratePpm(): number {
    return -(this.#fit()?.slope ?? this.#prior.slope);
  }

  /** How far the envelopes of the stretches scatter around the line, in microseconds (standard deviation); `undefined` until ready. */
  get spreadUs(): number | undefined {
    return this.#fit()?.deviation;
  }

  /** Takes one observation. Frames only rise: one that was seen before says nothing but that the poll came later, and is ignored. */
  add(sample: DeviceSample): void {
    if (sample.deviceFrame <= this.#lastFrame) return;
    this.#lastFrame = sample.deviceFrame;
    this.#anchor ??= sample;
    const line = this.#fit();
    const residual = this.#residualOf(sample);
    const shiftUs = line === undefined ? 0 : residual.lateUs - line.at(residual.seconds);
    if (Math.abs(shiftUs) < this.#stepUs) {
      this.#shifted = [];
      this.#keep(residual, sample.localUs);
      if (shiftUs < smallStepUs) this.#late = [];
      else this.#late.push({ sample, shiftUs });
      if (isSmallStep(this.#late)) {
        const isDoubtful = sample.localUs - this.#smallStepUs < doubtUs;
        this.#smallStepUs = sample.localUs;
        const late = this.#late;
        this.#reanchor(late, isDoubtful);
        this.#tellStep(late);
      }
      if (this.#former !== undefined && sample.localUs - this.#steppedUs > blockWaitUs) this.#decide(this.#former);
      return;
    }
    // A device that stumbles again has not come to rest yet.
    if (Math.abs(shiftUs - (this.#shifted.at(-1)?.shiftUs ?? shiftUs)) >= this.#stepUs) this.#shifted = [];
    this.#shifted.push({ sample, shiftUs });
    if (this.#shifted.length >= stepSamples) this.#step(this.#shifted);
  }

  /** The local time at which a device frame sounds, in whole microseconds; `undefined` until ready. */
  localUsAt(deviceFrame: number): LocalUs | undefined {
    const line = this.#fit();
    if (line === undefined || this.#anchor === undefined) return undefined;
    const seconds = (deviceFrame - this.#anchor.deviceFrame) / this.#options.sampleRate;
    return Math.round(this.#anchor.localUs + seconds * 1e6 + line.at(seconds)) as LocalUs;
  }

  /** The device frame that sounds at a local time, fractions included; `undefined` until ready. */
  frameAt(localUs: LocalUs): number | undefined {
    const line = this.#fit();
    if (line === undefined || this.#anchor === undefined) return undefined;
    // local − anchor = seconds · (10⁶ + slope) + what the line says at 0
    const seconds = (localUs - this.#anchor.localUs - line.at(0)) / (1e6 + line.slope);
    return this.#anchor.deviceFrame + seconds * this.#options.sampleRate;
  }

  /** Forgets every observation but not the device's rate: after a suspend, or when the output was opened again. */
  reset(): void {
    this.#rememberRate();
    this.#anchor = undefined;
    this.#bins = [];
    this.#shifted = [];
    this.#late = [];
    this.#line = undefined;
    this.#former = undefined;
    this.#lastFrame = Number.NEGATIVE_INFINITY;
  }

  get #stepUs(): number {
    return (this.#options.stepFrames / this.#options.sampleRate) * 1e6;
  }

  /** The device lost its place: whole blocks, as far as can be told now, or what it came to. */
  #step(moved: readonly Shifted[]): void {
    const former = this.#former ?? this.#asFormer;
    this.#reanchor(moved);
    this.#steppedUs = moved.at(-1)?.sample.localUs ?? 0;
    this.#former = former;
    if (former !== undefined) this.#recall(former, blockLateUs.atOnce);
    this.#tellStep(moved);
  }

  get #asFormer(): Former | undefined {
    const [anchor, line] = [this.#anchor, this.#line];
    return anchor === undefined || line === undefined ? undefined : { anchor, line, bins: this.#bins, prior: this.#prior };
  }

  #tellStep(moved: readonly Shifted[]): void {
    const shiftsUs = moved.map(({ shiftUs }) => shiftUs);
    this.#onStep?.({ byUs: quantile(shiftsUs, onTime) });
  }

  #reanchor(moved: readonly Shifted[], isRateInDoubt = false): void {
    const lastFrame = this.#lastFrame;
    this.reset();
    if (isRateInDoubt) this.#prior = { ...this.#prior, slopeDeviation: crystalPpm };
    this.#lastFrame = lastFrame;
    this.#anchor = moved[0]?.sample;
    for (const { sample } of moved) this.#keep(this.#residualOf(sample), sample.localUs);
    this.#refit();
  }

  /** Some time after a step, what has been seen since says for good whether the map before it holds. */
  #decide(former: Former): void {
    this.#former = undefined;
    this.#rememberRate();
    // The anchor is the first observation since the step.
    this.#bins = this.#bins.filter(({ samples }) => samples.every(({ seconds }) => seconds >= 0));
    if (!this.#recall(former, blockLateUs.later)) this.#refit();
  }

  /** If the earliest observation since a step lies whole blocks beside the map before it, that one holds, so much later. */
  #recall(former: Former, mostLateUs: number): boolean {
    const anchor = this.#anchor ?? former.anchor;
    // From the former anchor to this one.
    const seconds = (anchor.deviceFrame - former.anchor.deviceFrame) / this.#options.sampleRate;
    const lateUs = anchor.localUs - former.anchor.localUs - seconds * 1e6;
    const since = this.#bins.flatMap(({ samples }) => samples);
    const shiftUs = since.reduce(
      (least, seen) => Math.min(least, seen.lateUs + lateUs - former.line.at(seen.seconds + seconds)),
      Infinity,
    );
    const blockUs = this.#stepUs * (1 + former.line.slope * 1e-6);
    const lostUs = Math.round(shiftUs / blockUs) * blockUs;
    if (shiftUs - lostUs < -blockEarlyUs || shiftUs - lostUs > mostLateUs) return false;
    const moved = former.bins.map(({ index, samples }) => ({
      index,
      samples: samples.map((seen) => ({ seconds: seen.seconds - seconds, lateUs: seen.lateUs - lateUs + lostUs })),
    }));
    this.#bins = [...moved, ...this.#bins];
    this.#prior = former.prior;
    this.#refit();
    return true;
  }

  #keep(residual: Residual, localUs: LocalUs): void {
    const index = Math.floor(localUs / binUs);
    const open = this.#bins.at(-1);
    if (open === undefined || open.index !== index) {
      this.#bins.push({ index, samples: [residual] });
      const oldest = index - Math.ceil(this.#options.windowUs / binUs);
      while ((this.#bins[0]?.index ?? index) < oldest) this.#bins.shift();
      this.#isStale = true;
    } else if (open.samples.length < maxSamplesPerBin) {
      open.samples.push(residual);
      // A young map gains from every observation, an old one from every bin.
      this.#isStale ||= this.#bins.length <= 4;
    }
  }

  #residualOf(sample: DeviceSample): Residual {
    const anchor = this.#anchor ?? sample;
    const seconds = (sample.deviceFrame - anchor.deviceFrame) / this.#options.sampleRate;
    return { seconds, lateUs: sample.localUs - anchor.localUs - seconds * 1e6 };
  }

  #fit(): Line | undefined {
    if (this.#isStale && this.isReady) this.#refit();
    return this.#line;
  }

  #refit(): void {
    this.#isStale = false;
    const slope = this.#line?.slope ?? this.#prior.slope;
    this.#line = lineAlong(floorOf(this.#bins, { slope, stretches }), this.#prior);
    const recent = this.#bins.slice(-recentUs / binUs);
    if (this.#bins.length < 2 * recent.length) return;
    const floor = floorOf(recent, { slope, stretches: recentStretches });
    if (!hasLeft(this.#line, floor)) return;
    // What was seen before is of another rate.
    this.#bins = recent;
    this.#prior = { slope, slopeDeviation: crystalPpm };
    this.#line = lineAlong(floor, this.#prior);
  }

  #rememberRate(): void {
    if (this.#line === undefined) return;
    this.#prior = { slope: this.#line.slope, slopeDeviation: Math.max(1, this.#line.slopeDeviation) };
  }
}

function isSmallStep(late: readonly Shifted[]): boolean {
  const [first, last] = [late[0], late.at(-1)];
  if (first === undefined || last === undefined || last.sample.localUs - first.sample.localUs < smallStepSpanUs) return false;
  const earliest = (part: readonly Shifted[]): number => part.reduce((least, { shiftUs }) => Math.min(least, shiftUs), Infinity);
  const half = Math.floor(late.length / 2);
  return Math.abs(earliest(late.slice(0, half)) - earliest(late.slice(half))) < smallStepNoiseUs;
}

/** The earliest observations of stretches of equal length, the youngest first. */
function floorOf(bins: readonly Bin[], { slope, stretches }: { readonly slope: number; readonly stretches: number }): Point[] {
  const size = Math.ceil(bins.length / stretches);
  return Array.from({ length: Math.ceil(bins.length / size) }, (_, index) => {
    // The youngest stretch is a whole one, too: it counts the most for what comes.
    const end = bins.length - index * size;
    const samples = bins.slice(Math.max(0, end - size), end).flatMap((bin) => bin.samples);
    const seconds = samples.reduce((sum, sample) => sum + sample.seconds, 0) / samples.length;
    // Inside a stretch the device drifts too: flattened with the rate known so far, the envelope is one of noise alone.
    const flat = samples.map((sample) => sample.lateUs - slope * (sample.seconds - seconds));
    return { x: seconds, y: quantile(flat, onTime), weight: samples.length };
  });
}

function lineAlong(floor: readonly Point[], prior: Rate): Line {
  const meanCount = floor.reduce((sum, { weight }) => sum + weight, 0) / floor.length;
  const noise = Math.max(stretchNoiseUs, sampleNoiseUs / Math.sqrt(meanCount));
  return fitFloor(floor, { ...prior, noise, slopeLimit: mostPpm });
}

/** Whether the youngest stretches all lie beside the line, on one side. */
function hasLeft(line: Line, floor: readonly Point[]): boolean {
  const lateUs = floor.map(({ x, y }) => y - line.at(x));
  const isLate = lateUs.slice(0, changed.late.stretches).every((us) => us > changed.late.byUs);
  return isLate || lateUs.slice(0, changed.early.stretches).every((us) => us < -changed.early.byUs);
}
