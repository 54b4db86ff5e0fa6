import { setTimeout as delay } from 'node:timers/promises';
import type { LocalUs } from '@tutti/sync';
import { monotonicUs } from '@tutti/sync/monotonic';
import type { Output, PcmFormat } from './output.ts';
import type { TimedOutput } from './timed-output.ts';

export interface NullOptions {
  /** Monotonic clock in whole microseconds. Default: this machine's. */
  readonly nowUs?: () => LocalUs;
  /** Waits. Default a timer. */
  readonly sleep?: (durationMs: number, options: { readonly signal: AbortSignal }) => Promise<unknown>;
}

/** How far ahead of the pretended loudspeaker sound is taken, in seconds: as much as a device output queues. */
const queueSeconds = 2;
/** A revoke leaves this much: what a device would not give back. */
const committedSeconds = 0.05;
/** How often the pretended device tells its clock: at first nearly as often as a device calls back, so that its map is soon there. */
const youngObserveMs = 30;
const youngCount = 10;
const observeMs = 100;

/**
 * Plays in real time into nothing: paced as a sound card would, silent. Its frames are heard at once, at exactly the nominal rate of this
 * machine's monotonic clock.
 */
export function createNullOutput(options: NullOptions = {}): Output & TimedOutput {
  const nowUs = options.nowUs ?? monotonicUs;
  const sleep = options.sleep ?? ((durationMs, { signal }) => delay(durationMs, undefined, { signal }));
  const openedUs = nowUs();
  let format: PcmFormat = { sampleRate: 1, channelCount: 1 };
  // The frame at which everything written so far will have been played.
  let nextFrame = 0;
  let underrunCount = 0;
  let hasStarted = false;

  const currentFrame = (): number => Math.floor(((nowUs() - openedUs) * format.sampleRate) / 1e6);
  const committedFrames = (): number => Math.round(committedSeconds * format.sampleRate);
  const queuedFrames = (): number => Math.max(0, nextFrame - currentFrame());
  const waitUntilQueued = async (atMostSeconds: number, signal: AbortSignal): Promise<void> => {
    signal.throwIfAborted();
    const excessMs = (): number => (queuedFrames() / format.sampleRate - atMostSeconds) * 1000;
    for (let waitMs = excessMs(); waitMs > 0; waitMs = excessMs()) {
      try {
        await sleep(waitMs, { signal });
      } catch (error) {
        signal.throwIfAborted();
        throw error;
      }
    }
  };
  return {
    kind: 'null',
    description: 'nothing (in real time)',
    latencySource: 'none',
    quantumFrames: 1,
    get queuedFrames() {
      return queuedFrames();
    },
    get underrunCount() {
      return underrunCount;
    },
    get deviceFrame() {
      return currentFrame();
    },
    get earliestFrame() {
      return currentFrame() + committedFrames();
    },
    async open(source) {
      format = { sampleRate: source.sampleRate, channelCount: source.channelCount };
      return format;
    },
    waitWritable: ({ signal }) => waitUntilQueued(queueSeconds, signal),
    async write(samples) {
      const current = currentFrame();
      if (nextFrame < current) {
        if (hasStarted) underrunCount++;
        nextFrame = current;
      }
      hasStarted = true;
      nextFrame += samples.length / format.channelCount;
    },
    revoke() {
      const frames = Math.max(0, queuedFrames() - committedFrames());
      nextFrame -= frames;
      // What follows a revoke is a new start, however long it takes.
      hasStarted = false;
      return frames;
    },
    place() {},
    retract: (fromFrame) => Math.max(fromFrame, currentFrame() + committedFrames()),
    watchClock(listener) {
      const ended = new AbortController();
      const observe = async (): Promise<void> => {
        for (let count = 0; ; count++) {
          const deviceFrame = currentFrame();
          listener({ localUs: (openedUs + Math.round((deviceFrame / format.sampleRate) * 1e6)) as LocalUs, deviceFrame });
          await sleep(count < youngCount ? youngObserveMs : observeMs, { signal: ended.signal });
        }
      };
      // Ends only by abort.
      observe().catch(() => {});
      return { [Symbol.dispose]: () => ended.abort() };
    },
    drain: ({ signal }) => waitUntilQueued(0, signal),
    async close() {},
    async [Symbol.asyncDispose]() {},
  };
}
