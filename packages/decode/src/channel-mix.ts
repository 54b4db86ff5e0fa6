import { frameCountOf } from './pcm-planes.ts';

type Speaker = 'L' | 'R' | 'C' | 'LFE' | 'Ls' | 'Rs' | 'Cs' | 'Lb' | 'Rb';

/** What a file of so many channels holds, in the order of WAVE files, which is that of the decoder. */
const LAYOUTS: readonly (readonly Speaker[])[] = [
  ['C'],
  ['L', 'R'],
  ['L', 'R', 'C'],
  ['L', 'R', 'Ls', 'Rs'],
  ['L', 'R', 'C', 'Ls', 'Rs'],
  ['L', 'R', 'C', 'LFE', 'Ls', 'Rs'],
  ['L', 'R', 'C', 'LFE', 'Cs', 'Ls', 'Rs'],
  ['L', 'R', 'C', 'LFE', 'Lb', 'Rb', 'Ls', 'Rs'],
];

const HALF_POWER = Math.SQRT1_2;

/** What reaches a speaker that the listener has from one that is missing, by ITU-R BS.775-4, annex 4, table 2. */
const TO_STEREO: Readonly<Record<Speaker, readonly [number, number]>> = {
  L: [1, 0],
  R: [0, 1],
  C: [HALF_POWER, HALF_POWER],
  LFE: [0, 0],
  Ls: [HALF_POWER, 0],
  Rs: [0, HALF_POWER],
  Cs: [0.5, 0.5],
  Lb: [HALF_POWER, 0],
  Rb: [0, HALF_POWER],
};
const TO_MONO: Readonly<Record<Speaker, number>> = {
  L: HALF_POWER,
  R: HALF_POWER,
  C: 1,
  LFE: 0,
  Ls: 0.5,
  Rs: 0.5,
  Cs: 0.5,
  Lb: 0.5,
  Rb: 0.5,
};

export interface MixOptions {
  /** Lowers the whole mix so far that full scale in every channel cannot clip. Default false: the recommendation's levels. */
  readonly isAttenuated?: boolean;
}

/**
 * Interleaved frames for another number of speakers; the same samples for the same number.
 *
 * Down to two and one the coefficients are those of ITU-R BS.775-4, annex 4 (centre and surrounds at −3 dB; to mono the front
 * pair at −3 dB, surrounds at −6 dB; no low-frequency channel). A channel whose speaker exists stays as it is, one whose
 * speaker does not exist goes to the front pair by the same rule. Mono is no centre: it goes to both of the front pair as it is,
 * as loud as players play it. Beyond eight channels nobody knows the speakers: each channel keeps its place, surplus ones are dropped.
 */
export function mixChannels(samples: Float32Array, from: number, to: number, options: MixOptions = {}): Float32Array {
  if (from === to) return samples;
  const frameCount = frameCountOf(samples, from);
  const gains = mixingGains(from, to, options);
  const mixed = new Float32Array(frameCount * to);
  for (let frame = 0; frame < frameCount; frame += 1) {
    for (const [output, row] of gains.entries()) {
      let sum = 0;
      for (const [input, gain] of row.entries()) sum += gain * (samples[frame * from + input] ?? 0);
      mixed[frame * to + output] = sum;
    }
  }
  return mixed;
}

/** Gains by output, then by input. */
export function mixingGains(from: number, to: number, options: MixOptions = {}): readonly (readonly number[])[] {
  const [inputs, outputs] = [LAYOUTS[from - 1], LAYOUTS[to - 1]];
  if (inputs === undefined || outputs === undefined) {
    return Array.from({ length: to }, (_, output) => Array.from({ length: from }, (_, input) => (input === output ? 1 : 0)));
  }
  const gains = outputs.map((output) => inputs.map((input) => gain(input, output, inputs, outputs)));
  if (options.isAttenuated !== true) return gains;
  const loudest = Math.max(1, ...gains.map((row) => row.reduce((sum, value) => sum + value, 0)));
  return gains.map((row) => row.map((value) => value / loudest));
}

function gain(input: Speaker, output: Speaker, inputs: readonly Speaker[], outputs: readonly Speaker[]): number {
  if (outputs.length === 1) return TO_MONO[input];
  if (outputs.includes(input)) return input === output ? 1 : 0;
  if (inputs.length === 1) return output === 'L' || output === 'R' ? 1 : 0;
  if (output === 'L') return TO_STEREO[input][0];
  return output === 'R' ? TO_STEREO[input][1] : 0;
}
