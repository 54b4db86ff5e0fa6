import { setImmediate, setTimeout } from 'node:timers/promises';
import { localUs, type DeviceSample, type LocalUs } from '@tutti/sync';
import { monotonicUs } from '@tutti/sync/monotonic';

export interface DeviceClockOptions {
  readonly sampleRate: number;
  /** The first frame that the device has not taken yet; moves by one callback at a time. */
  readonly readFrame: () => number;
  /** From a callback to the sound of its first frame, in seconds, as of the last callback. */
  readonly readLatencySeconds: () => number;
  /** Told before this thread waits for a callback, which it must not see late, and when that is over. */
  readonly onWatching?: (isWatching: boolean) => void;
}

/** How long before an expected callback polling begins; a timer may be late by a millisecond. */
const pollAheadUs = 2000;
/** How long before it this thread is told to hurry: its timer must be on time, too. */
const watchAheadUs = 8000;
/** Between two polls. Polling without a pause would keep the processor from the very thread that is observed. */
const napMs = 0.15;
/** From so long before a callback is expected to so long after it, polls follow each other closely. Seen later it says nothing. */
const closeAheadUs = 200;
const patienceUs = 600;
const closeNapMs = 0.02;
/** A callback that was seen later than expected was most likely seen late: the expectation follows it no faster than this. */
const latestShiftUs = 100;
/** So much of a quantum after it was expected, a callback that was not seen has come; else the device lost its place. */
const lostAfterQuanta = 0.4;
/** As many expected callbacks in a row that were not seen: the expectation is wrong. */
const mostMisses = 12;
/** While a device is new to the clock every callback counts; later one of so many on average: less work, and as good a map. */
const youngSamples = 100;
const meanSkip = 2;
/** A device that shows no callback for so many of its quanta stalls: it is looked at now and then only. */
const stallQuanta = 2;
const stallMs = 2;
/** Callbacks from which the quantum is learned, and those that must be seen before the first sample is told. */
const learningCallbacks = 32;
const leastCallbacks = 6;
/** Until the quantum is known: shorter than any. */
const firstSettleUs = 2000;
/** Assumed until then. */
const usualQuantumFrames = 2048;

/**
 * Observes a device that tells only how many frames it has taken: polls around each expected callback, notes the moment at which the count
 * has moved, and adds the latency that the callback reported. A poll sees a callback late, never early: what is told is an upper bound.
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

  /** Frames per callback; 2048 until the first callbacks were seen. */
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
    for (;;) {
      // What moved while nobody looked moved at an unknown moment; what moves from here on is seen.
      const settledFrame = this.#options.readFrame();
      const seenUs = await this.#nextChange(settledFrame, signal);
      await this.#settle(settledFrame, seenUs, signal);
      await this.#track(seenUs, signal);
    }
  }

  /** Observes callbacks at the pace of the one that was seen, until they are not where they are expected. */
  async #track(seenUs: LocalUs, signal: AbortSignal): Promise<void> {
    let dueUs: number = seenUs;
    for (let [samples, misses] = [0, 0]; misses < mostMisses;) {
      const skipped = samples < youngSamples ? 0 : Math.floor(Math.random() * (2 * meanSkip - 1));
      dueUs += (1 + skipped) * this.#quantumUs;
      while (dueUs - pollAheadUs < monotonicUs()) dueUs += this.#quantumUs;
      await sleepUs(dueUs - watchAheadUs - monotonicUs(), signal);
      const { settledFrame, changedUs } = await this.#lookAt(dueUs, signal);
      if (changedUs !== undefined) {
        [samples, misses] = [samples + 1, 0];
        dueUs = Math.min(changedUs, dueUs + latestShiftUs);
        await this.#settle(settledFrame, changedUs, signal);
        continue;
      }
      misses += 1;
      await sleepUs(dueUs + lostAfterQuanta * this.#quantumUs - monotonicUs(), signal);
      if (this.#options.readFrame() === settledFrame) return;
    }
  }

  /** The count before an expected callback, and when it moved, if it was seen to. */
  async #lookAt(dueUs: number, signal: AbortSignal): Promise<{ settledFrame: number; changedUs: LocalUs | undefined }> {
    const { onWatching, readFrame } = this.#options;
    onWatching?.(true);
    try {
      await sleepUs(dueUs - pollAheadUs - monotonicUs(), signal);
      const settledFrame = readFrame();
      return { settledFrame, changedUs: await this.#changeNear(dueUs, settledFrame, signal) };
    } finally {
      onWatching?.(false);
    }
  }

  /** Tells of a callback that was seen at a moment, once it is over. */
  async #settle(settledFrame: number, seenUs: LocalUs, signal: AbortSignal): Promise<void> {
    const { readFrame, readLatencySeconds } = this.#options;
    // A callback counts its frames while it renders them, and tells its latency when it is done: by half a quantum later it is.
    const settleUs = this.#stepCount < leastCallbacks ? firstSettleUs : this.#quantumUs / 2;
    await sleepUs(settleUs - (monotonicUs() - seenUs), signal);
    const advanced = readFrame() - settledFrame;
    this.#learn(advanced);
    // A step of another size is a callback that was caught half-way, or two of them.
    if (this.#stepCount >= leastCallbacks && advanced === this.#quantumFrames)
      this.#tell({ localUs: localUs(seenUs + Math.round(readLatencySeconds() * 1e6)), deviceFrame: settledFrame });
  }

  /** As `#nextChange`, around the moment at which a callback is expected; `undefined` when none was seen by then. */
  async #changeNear(dueUs: number, frame: number, signal: AbortSignal): Promise<LocalUs | undefined> {
    for (;;) {
      signal.throwIfAborted();
      const current = this.#options.readFrame();
      const nowUs = monotonicUs();
      if (current !== frame) return nowUs;
      if (nowUs > dueUs + patienceUs) return undefined;
      const isClose = nowUs > dueUs - closeAheadUs;
      Atomics.wait(nap, 0, 0, isClose ? closeNapMs : napMs);
      if (!isClose) await setImmediate(undefined, { signal });
    }
  }

  /** The moment at which the count was first seen to have moved away from `frame`. */
  async #nextChange(frame: number, signal: AbortSignal): Promise<LocalUs> {
    const sinceUs = monotonicUs();
    for (;;) {
      signal.throwIfAborted();
      const current = this.#options.readFrame();
      // Read in this order, a thread that is put to sleep between the two makes the moment late, not early.
      const nowUs = monotonicUs();
      if (current !== frame) return nowUs;
      if (nowUs - sinceUs < stallQuanta * this.#quantumUs) {
        Atomics.wait(nap, 0, 0, napMs);
        await setImmediate(undefined, { signal });
      } else await setTimeout(stallMs, undefined, { signal, ref: false });
    }
  }

  get #quantumUs(): number {
    return (this.#quantumFrames / this.#options.sampleRate) * 1e6;
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

/** Nobody wakes who waits here: timers are no finer than a millisecond. */
const nap = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));

async function sleepUs(durationUs: number, signal: AbortSignal): Promise<void> {
  if (durationUs > 0) await setTimeout(durationUs / 1000, undefined, { signal, ref: false });
}
