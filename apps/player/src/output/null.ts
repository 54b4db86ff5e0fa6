import { setTimeout as delay } from 'node:timers/promises';
import type { Output, PcmFormat } from './output.ts';

export interface NullOptions {
  /** Monotonic clock in milliseconds. Default `performance.now`. */
  readonly now?: () => number;
  /** Waits. Default a timer. */
  readonly sleep?: (durationMs: number, options: { readonly signal: AbortSignal }) => Promise<unknown>;
}

/** How far ahead of the pretended loudspeaker sound is taken, in seconds: as much as a device output queues. */
const queueSeconds = 2;
/** A revoke leaves this much: what a device would not give back. */
const committedSeconds = 0.05;

/** Plays in real time into nothing: paced as a sound card would, silent. */
export function createNullOutput(options: NullOptions = {}): Output {
  const now = options.now ?? (() => performance.now());
  const sleep = options.sleep ?? ((durationMs, { signal }) => delay(durationMs, undefined, { signal }));
  let format: PcmFormat = { sampleRate: 1, channelCount: 1 };
  // The moment at which everything written so far will have been played.
  let endsAtMs = now();
  let underrunCount = 0;
  let hasStarted = false;

  const queuedMs = (): number => Math.max(0, endsAtMs - now());
  const waitUntilQueued = async (atMostMs: number, signal: AbortSignal): Promise<void> => {
    signal.throwIfAborted();
    for (let excessMs = queuedMs() - atMostMs; excessMs > 0; excessMs = queuedMs() - atMostMs) {
      try {
        await sleep(excessMs, { signal });
      } catch (error) {
        signal.throwIfAborted();
        throw error;
      }
    }
  };
  return {
    kind: 'null',
    description: 'nothing (in real time)',
    get queuedFrames() {
      return Math.round((queuedMs() * format.sampleRate) / 1000);
    },
    get underrunCount() {
      return underrunCount;
    },
    async open(source) {
      format = { sampleRate: source.sampleRate, channelCount: source.channelCount };
      return format;
    },
    waitWritable: ({ signal }) => waitUntilQueued(queueSeconds * 1000, signal),
    async write(samples) {
      const at = now();
      if (endsAtMs < at) {
        if (hasStarted) underrunCount++;
        endsAtMs = at;
      }
      hasStarted = true;
      endsAtMs += (samples.length / format.channelCount / format.sampleRate) * 1000;
    },
    revoke() {
      const keptMs = Math.min(queuedMs(), committedSeconds * 1000);
      const frames = Math.floor(((queuedMs() - keptMs) * format.sampleRate) / 1000);
      endsAtMs -= (frames / format.sampleRate) * 1000;
      // What follows a revoke is a new start, however long it takes.
      hasStarted = false;
      return frames;
    },
    drain: ({ signal }) => waitUntilQueued(0, signal),
    async close() {},
    async [Symbol.asyncDispose]() {},
  };
}
