import { seededRandom } from '@tutti/fixtures';
import { localUs, type DeviceSample } from '@tutti/sync';
import { timedFormat, type TimedOutput } from '../../src/output/timed-output.ts';
import type { VirtualTime } from './virtual-time.ts';

export interface VirtualOutputOptions {
  /** How much faster than nominal the device's crystal runs. */
  readonly ppm?: number;
  readonly quantumFrames?: number;
  /** From a callback to the sound of its first frame, in frames. */
  readonly latencyFrames?: number;
  /** Standard deviation of how late an observation sees a callback, in microseconds. */
  readonly noiseUs?: number;
  /** Only every n-th callback is observed. */
  readonly observeEvery?: number;
  readonly seed?: number;
}

/** A device in virtual time. It keeps what was placed, and knows when each of its frames is really heard. */
export class VirtualOutput implements TimedOutput {
  readonly kind = 'device';
  readonly description = 'virtual device';
  readonly latencySource = 'reported';
  readonly quantumFrames: number;
  /** Placed frames, interleaved, and whether there is one at a device frame. */
  #samples = new Float32Array(0);
  #isPlaced = new Uint8Array(0);
  readonly #time: VirtualTime;
  readonly #options: Required<VirtualOutputOptions>;
  readonly #stalls: { readonly frame: number; readonly us: number }[] = [];
  readonly #openedUs: number;
  readonly #random: () => number;
  /** Frames that were placed where the device had passed already, or over others. */
  mistakes = 0;

  constructor(time: VirtualTime, options: VirtualOutputOptions = {}) {
    this.#time = time;
    this.#options = { ppm: 0, quantumFrames: 960, latencyFrames: 1920, noiseUs: 0, observeEvery: 1, seed: 1, ...options };
    this.quantumFrames = this.#options.quantumFrames;
    this.#openedUs = time.nowUs;
    this.#random = seededRandom(this.#options.seed);
  }

  /** When the device takes a frame, in local microseconds. */
  #takenUs(frame: number): number {
    const stalledUs = this.#stalls.reduce((sum, stall) => (frame >= stall.frame ? sum + stall.us : sum), 0);
    return this.#openedUs + (frame * 1e6) / (timedFormat.sampleRate * (1 + this.#options.ppm * 1e-6)) + stalledUs;
  }

  /** When a frame is really heard, in local microseconds, fractions included. */
  heardUs(frame: number): number {
    return this.#takenUs(frame) + (this.#options.latencyFrames * 1e6) / timedFormat.sampleRate;
  }

  get deviceFrame(): number {
    let quanta = Math.floor(((this.#time.nowUs - this.#openedUs) * timedFormat.sampleRate * 1.001) / 1e6 / this.quantumFrames) + 1;
    while (quanta > 0 && this.#takenUs(quanta * this.quantumFrames - this.quantumFrames) > this.#time.nowUs) quanta -= 1;
    return quanta * this.quantumFrames;
  }

  get earliestFrame(): number {
    return this.deviceFrame + 2 * this.quantumFrames;
  }

  /** The device loses its place: everything that it has not taken yet is heard later by `us`. */
  stall(us: number): void {
    this.#stalls.push({ frame: this.deviceFrame, us });
  }

  async open() {
    return timedFormat;
  }

  place(startFrame: number, samples: Float32Array): void {
    const { deviceFrame } = this;
    this.#grow(startFrame + samples.length / 2);
    this.#samples.set(samples, 2 * startFrame);
    for (let index = 0; index < samples.length / 2; index += 1) {
      const frame = startFrame + index;
      if (frame < deviceFrame || this.#isPlaced[frame] === 1) this.mistakes += 1;
      this.#isPlaced[frame] = 1;
    }
  }

  retract(fromFrame: number): number {
    const cut = Math.max(fromFrame, this.earliestFrame);
    this.#isPlaced.fill(0, cut);
    this.#samples.fill(0, 2 * cut);
    return cut;
  }

  watchClock(listener: (sample: DeviceSample) => void): Disposable {
    const { observeEvery, latencyFrames, noiseUs } = this.#options;
    let isWatching = true;
    const observe = (callback: number): void => {
      if (!isWatching) return;
      const deviceFrame = callback * this.quantumFrames;
      this.#time.at(this.#takenUs(deviceFrame), () => {
        const latencyUs = (latencyFrames * 1e6) / timedFormat.sampleRate;
        const lateUs = noiseUs * Math.abs(this.#gaussian());
        if (isWatching) listener({ localUs: localUs(Math.round(this.#takenUs(deviceFrame) + latencyUs + lateUs)), deviceFrame });
        observe(callback + observeEvery);
      });
    };
    observe(this.deviceFrame / this.quantumFrames + 1);
    return { [Symbol.dispose]: () => (isWatching = false) };
  }

  /** What was placed at frames from `fromFrame` on, interleaved, silence between. */
  samples(fromFrame: number, frameCount: number): Float32Array {
    this.#grow(fromFrame + frameCount);
    return this.#samples.slice(2 * fromFrame, 2 * (fromFrame + frameCount));
  }

  /** The first frame at which anything was placed. */
  get firstPlacedFrame(): number {
    return this.#isPlaced.indexOf(1);
  }

  async close() {}
  async [Symbol.asyncDispose]() {}

  #grow(frameCount: number): void {
    if (frameCount <= this.#isPlaced.length) return;
    const capacity = 2 * frameCount;
    const [samples, isPlaced] = [this.#samples, this.#isPlaced];
    this.#samples = new Float32Array(2 * capacity);
    this.#samples.set(samples);
    this.#isPlaced = new Uint8Array(capacity);
    this.#isPlaced.set(isPlaced);
  }

  #gaussian(): number {
    return Math.sqrt(-2 * Math.log(1 - this.#random())) * Math.cos(2 * Math.PI * this.#random());
  }
}
