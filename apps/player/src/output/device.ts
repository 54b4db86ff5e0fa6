import type { AudioContext } from 'node-web-audio-api';
import type * as AudioLibrary from 'node-web-audio-api';
import os from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { DeviceClock } from './device-clock.ts';
import type { Output } from './output.ts';
import { OutputError } from './output-error.ts';
import { PlacedBlocks } from './placed-blocks.ts';
import { mayHaveSound } from './sound-system.ts';
import { timedFormat, type TimedOutput } from './timed-output.ts';

export interface DeviceOptions {
  /** Part of a device's name or its id, as `tutti doctor` lists them. Default: the system's default device. */
  readonly deviceName?: string;
  /** Play on the library's timer-driven silent sink: for tests on machines without a sound card. */
  readonly isSilent?: boolean;
}

const { PRIORITY_HIGH, PRIORITY_HIGHEST } = os.constants.priority;

/** Sound is scheduled this far ahead of the device. */
const queueSeconds = 2;
/**
 * The library rounds this up to 2048 frames. With 1024, the quantum of PipeWire, its thread spins for most of the time on PipeWire's ALSA
 * plugin of 2023 (Debian 12): three nodes on two cores then starve each other.
 */
const callbackSeconds = 0.04;
/** Sound can be placed, or taken back, this many device callbacks ahead of the device: it may ask for the next one at any moment. */
const guardQuanta = 1;
/** Time for the audio thread to learn of what was placed. */
const guardSeconds = 0.025;
/** Where the first block after a start or a stall is put: the device needs this long to pick it up. */
const leadSeconds = 0.15;
/** A block that would start sooner than this is late: the device clock moves in bursts of a callback. */
const minimumLeadSeconds = 0.02;

/**
 * The sound card, through node-web-audio-api, at 48 kHz stereo; the engine converts. Blocks are scheduled on whole device frames, two
 * seconds ahead; what is scheduled and not yet due can be taken back. `write` puts them back to back; who uses `place` does not use
 * `write`. The library and the device are opened here, never before.
 */
export async function createDeviceOutput(options: DeviceOptions = {}): Promise<Output & TimedOutput> {
  const context = await openContext(options);
  const { sampleRate, channelCount } = timedFormat;
  const currentFrame = (): number => Math.round(context.currentTime * sampleRate);
  // Only on Linux is priority a matter of threads.
  let mayHurry = options.isSilent !== true && process.platform === 'linux';
  const clock = new DeviceClock({
    sampleRate,
    readFrame: currentFrame,
    readLatencySeconds: () => context.outputLatency,
    onWatching: (isWatching) => (mayHurry &&= setPriority(isWatching ? PRIORITY_HIGHEST : PRIORITY_HIGH)),
  });
  const blocks = new PlacedBlocks(context, timedFormat);
  let nextFrame = 0;
  let underrunCount = 0;
  let hasStarted = false;
  let isClosed = false;

  const earliestFrame = (): number => currentFrame() + guardQuanta * clock.quantumFrames + Math.round(guardSeconds * sampleRate);
  const retract = (fromFrame: number): number => {
    const cut = Math.max(fromFrame, earliestFrame());
    blocks.cut(cut);
    return cut;
  };
  /** Puts the next block behind the last one, or a lead ahead of the device when that place is past or about to be. */
  const anchor = (): void => {
    const isInTime = nextFrame > currentFrame() + Math.round(minimumLeadSeconds * sampleRate);
    if (!isInTime) {
      if (hasStarted) underrunCount++;
      nextFrame = currentFrame() + Math.round(leadSeconds * sampleRate);
    }
    hasStarted = true;
  };
  const waitUntilQueued = async (atMostFrames: number, signal: AbortSignal): Promise<void> => {
    signal.throwIfAborted();
    for (let excess = nextFrame - currentFrame() - atMostFrames; excess > 0; excess = nextFrame - currentFrame() - atMostFrames) {
      // The device clock moves in bursts: look again at least five times a second.
      const waitMs = Math.min(200, Math.max(5, (excess * 1000) / sampleRate));
      await delay(waitMs, undefined, { signal }).catch((error: unknown) => {
        signal.throwIfAborted();
        throw error;
      });
    }
  };
  const close = async (): Promise<void> => {
    if (isClosed) return;
    isClosed = true;
    await context.close();
  };
  return {
    kind: 'device',
    description: options.isSilent === true ? 'silent device' : (options.deviceName ?? 'default sound device'),
    latencySource: 'reported',
    get queuedFrames() {
      return Math.max(0, nextFrame - currentFrame());
    },
    get underrunCount() {
      return underrunCount;
    },
    get quantumFrames() {
      return clock.quantumFrames;
    },
    get deviceFrame() {
      return currentFrame();
    },
    get earliestFrame() {
      return earliestFrame();
    },
    async open() {
      return timedFormat;
    },
    waitWritable: ({ signal }) => waitUntilQueued(queueSeconds * sampleRate, signal),
    async write(samples) {
      anchor();
      blocks.place(nextFrame, samples);
      nextFrame += samples.length / channelCount;
    },
    revoke() {
      const cut = retract(blocks.firstFrame ?? 0);
      if (!hasStarted || nextFrame <= cut) return 0;
      const frames = nextFrame - cut;
      nextFrame = cut;
      // What follows a revoke is a new start, however long it takes.
      hasStarted = false;
      return frames;
    },
    place: (startFrame, samples) => blocks.place(startFrame, samples),
    retract,
    watchClock: (listener) => clock.watch(listener),
    drain: ({ signal }) => waitUntilQueued(0, signal),
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** One line per output device, as the audio library sees them. Throws `OutputError` without library or sound system. */
export async function listDevices(): Promise<readonly string[]> {
  if (!mayHaveSound()) return [];
  const { mediaDevices } = await loadLibrary();
  const devices = await mediaDevices.enumerateDevices();
  return devices.filter((device) => device.kind === 'audiooutput').map((device) => device.label || device.deviceId);
}

const noDevice = 'no sound device can be opened: connect one, or use --output FILE.wav, stdout or null';

/** Where the system does not permit it (Linux: without `nice` limits), a busy machine may make the sound, or what is known of it, late. */
function setPriority(priority: number): boolean {
  try {
    os.setPriority(priority);
    return true;
  } catch {
    return false;
  }
}

async function openContext(options: DeviceOptions): Promise<AudioContext> {
  if (options.isSilent !== true && !mayHaveSound()) throw new OutputError('output/no-device', noDevice);
  const library = await loadLibrary();
  const sinkId = await findSink(options);
  // Sound does not wait. The library's threads inherit this.
  if (options.isSilent !== true) setPriority(PRIORITY_HIGH);
  try {
    const context = new library.AudioContext({
      sampleRate: timedFormat.sampleRate,
      latencyHint: callbackSeconds,
      ...(sinkId === undefined ? {} : { sinkId }),
    });
    await context.resume();
    return context;
  } catch (cause) {
    throw new OutputError(
      'output/no-device',
      'no sound device can be opened: connect one, or use --output FILE.wav, stdout or null',
      {
        cause,
      },
    );
  }
}

async function findSink(options: DeviceOptions): Promise<string | { readonly type: 'none' } | undefined> {
  if (options.isSilent === true) return { type: 'none' };
  const wanted = options.deviceName;
  if (wanted === undefined) return undefined;
  const { mediaDevices } = await loadLibrary();
  const outputs = (await mediaDevices.enumerateDevices()).filter((device) => device.kind === 'audiooutput');
  const found = outputs.find((device) => device.deviceId === wanted || device.label.toLowerCase().includes(wanted.toLowerCase()));
  if (found !== undefined) return found.deviceId;
  const names = outputs.map((device) => device.label).join(', ') || 'none';
  throw new OutputError('output/no-device', `no sound device is called "${wanted}": there are ${names}`);
}

async function loadLibrary(): Promise<typeof AudioLibrary> {
  try {
    return await import('node-web-audio-api');
  } catch (cause) {
    const advice =
      process.platform === 'linux' ? 'install ALSA (Debian: apt install libasound2)' : 'run npm ci again on this machine';
    throw new OutputError(
      'output/no-audio-library',
      `the audio library cannot be loaded: ${advice}, or use --output FILE.wav, stdout or null`,
      {
        cause,
      },
    );
  }
}
