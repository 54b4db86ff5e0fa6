import { setImmediate, setTimeout } from 'node:timers/promises';
import { localUs, type DeviceSample, type LocalUs } from '@tutti/sync';
import { monotonicUs } from '@tutti/sync/monotonic';

export interface DeviceClockOptions {
  readonly sampleRate: number;
  /** The first frame that the device has not taken yet; moves by one callback at a time. */
  readonly readFrame: () => number;
  /** From a callback to the sound of its first frame, in seconds, as of the last callback. */
  readonly readLatencySeconds: () => number;
}

/** How long before an expected callback polling begins; a timer may be late by a millisecond. */
const pollAheadUs = 2000;
/** A change that was not seen within this time of the poll before it came at an unknown moment … */
const longestPollGapUs = 500;
/** … and is told all the same when nothing better came for so long: to be late by a callback at most is better than to know nothing. */
const patienceUs = 500_000;
/** Until a callback's last frame has been rendered, and its latency told. */
const settleMs = 2;
/** While the device is young, and after anything irregular, every callback is observed … */
const denseCallbacks = 200;
/** … and later one of these: the line that is fitted through them moves slowly. */
const sparseStride = 4;
/** A device that shows no callback for this long stalls; polling it hot would not help it. */
const stallUs = 40_000;
/** Callbacks from which the quantum is learned, and those that must be seen before the first sample is told. */
const learningCallbacks = 32;
const leastCallbacks = 6;
/** Assumed until then. */
const usualQuantumFrames = 1024;

/**
 * Observes a device that tells only how many frames it has taken: polls densely around each expected callback, notes the moment at which
 * the count moves, and adds the latency that the callback reported. A poll can see a callback late, never early.
 */
export class DeviceClock {
  readonly #options: DeviceClockOptions;
  readonly #listeners = new Set<(sample: DeviceSample) => void>();
  #running: AbortController | undefined;
  /** How often each step of the count was seen. */
  readonly #steps = new Map<number, number>();
  #stepCount = 0;
  #quantumFrames = usualQuantumFrames;

  constructor(options: DeviceClockOptions) {
    this.#options = options;
  }

  /** Frames per callback; 1024 until the first callbacks were seen. */
  get quantumFrames(): number {
    return this.#quantumFrames;
  }

  /** Calls `listener` with every observation until disposed; polls only while somebody listens. */
  watch(listener: (sample: DeviceSample) => void): Disposable {
    this.#listeners.add(listener);
    if (this.#running === undefined) {
      this.#running = new AbortController();
      // Ends only by abort.
      this.#poll(this.#running.signal).catch(() => {});
    }
    return {
      [Symbol.dispose]: () => {
        this.#listeners.delete(listener);
        if (this.#listeners.size > 0) return;
        this.#running?.abort();
        this.#running = undefined;
      },
    };
  }

  async #poll(signal: AbortSignal): Promise<void> {
    const { readFrame, readLatencySeconds } = this.#options;
    let settledFrame = readFrame();
    let denseLeft = denseCallbacks;
    let last: DeviceSample | undefined;
    let toldUs = monotonicUs();
    for (;;) {
      const longestGapUs = monotonicUs() - toldUs > patienceUs ? this.#quantumUs : longestPollGapUs;
      const seen = await this.#nextChange(settledFrame, longestGapUs, signal);
      await setTimeout(settleMs, undefined, { signal, ref: false });
      const frame = readFrame();
      const advanced = frame - settledFrame;
      settledFrame = frame;
      if (seen === undefined) {
        denseLeft = denseCallbacks;
        continue;
      }
      this.#learn(advanced);
      const sample = { localUs: localUs(seen + Math.round(readLatencySeconds() * 1e6)), deviceFrame: frame - advanced };
      // A step of another size is a callback that was caught half-way, or two of them.
      if (this.#stepCount >= leastCallbacks && advanced === this.#quantumFrames) {
        toldUs = seen;
        this.#tell(sample);
      }
      denseLeft = last !== undefined && this.#isStep(last, sample) ? denseCallbacks : Math.max(0, denseLeft - 1);
      last = sample;
      const callbacksAhead = denseLeft > 0 ? 1 : sparseStride;
      const waitUs = callbacksAhead * this.#quantumUs - pollAheadUs - (monotonicUs() - seen);
      if (waitUs > 0) await setTimeout(waitUs / 1000, undefined, { signal, ref: false });
      // What moved while nobody looked moved at an unknown moment; what moves from here on is seen.
      settledFrame = readFrame();
    }
  }

  /** The moment at which the count was seen to move away from `frame`; `undefined` when that moment is not known well. */
  async #nextChange(frame: number, longestGapUs: number, signal: AbortSignal): Promise<LocalUs | undefined> {
    const since = monotonicUs();
    for (let before = since; ;) {
      signal.throwIfAborted();
      const current = this.#options.readFrame();
      // Read in this order, a thread that is put to sleep between the two makes the moment late, not early.
      const now = monotonicUs();
      if (current !== frame) return now - before <= longestGapUs ? now : undefined;
      before = now;
      if (now - since < stallUs) await setImmediate(undefined, { signal });
      else await setTimeout(settleMs, undefined, { signal, ref: false });
    }
  }

  get #quantumUs(): number {
    return (this.#quantumFrames / this.#options.sampleRate) * 1e6;
  }

  #isStep(before: DeviceSample, after: DeviceSample): boolean {
    const expectedUs = ((after.deviceFrame - before.deviceFrame) / this.#options.sampleRate) * 1e6;
    return Math.abs(after.localUs - before.localUs - expectedUs) > this.#quantumUs / 2;
  }

  /** The commonest step is the quantum. */
  #learn(frames: number): void {
    if (this.#stepCount >= learningCallbacks) return;
    this.#stepCount += 1;
    const count = (this.#steps.get(frames) ?? 0) + 1;
    this.#steps.set(frames, count);
    if (count >= (this.#steps.get(this.#quantumFrames) ?? 0)) this.#quantumFrames = frames;
  }

  #tell(sample: DeviceSample): void {
    for (const listener of this.#listeners) listener(sample);
  }
}
