import type { AudioBufferSourceNode, AudioContext } from 'node-web-audio-api';
import type * as AudioLibrary from 'node-web-audio-api';
import { setTimeout as delay } from 'node:timers/promises';
import type { Output, PcmFormat } from './output.ts';
import { OutputError } from './output-error.ts';
import { mayHaveSound } from './sound-system.ts';

export interface DeviceOptions {
  /** Part of a device's name or its id, as `tutti doctor` lists them. Default: the system's default device. */
  readonly deviceName?: string;
  /** Play on the library's timer-driven silent sink: for tests on machines without a sound card. */
  readonly isSilent?: boolean;
}

/** Every device is opened at this rate and width; the engine converts. */
const deviceFormat: PcmFormat = { sampleRate: 48_000, channelCount: 2 };
/** Sound is scheduled this far ahead of the device. */
const queueSeconds = 2;
/** How near to its start a block may still be taken back: more than one device callback. */
const revokeGuardSeconds = 0.08;
/** Where the first block after a start or a stall is put: the device needs this long to pick it up. */
const leadSeconds = 0.15;
/** A block that would start sooner than this is late: the device clock moves in bursts of a callback. */
const minimumLeadSeconds = 0.02;

interface ScheduledBlock {
  readonly node: AudioBufferSourceNode;
  readonly startFrame: number;
  readonly endFrame: number;
}

/**
 * The sound card, through node-web-audio-api. Blocks are scheduled back to back on whole device frames, two seconds ahead; what is
 * scheduled and not yet due can be revoked. The library and the device are opened by `open`, never before.
 */
export async function createDeviceOutput(options: DeviceOptions = {}): Promise<Output> {
  const context = await openContext(options);
  const scheduled: ScheduledBlock[] = [];
  let nextFrame = 0;
  let underrunCount = 0;
  let hasStarted = false;
  let isClosed = false;

  const currentFrame = (): number => Math.round(context.currentTime * deviceFormat.sampleRate);
  /** Puts the next block behind the last one, or a lead ahead of the device when that place is past or about to be. */
  const anchor = (): void => {
    const isInTime = nextFrame > currentFrame() + Math.round(minimumLeadSeconds * deviceFormat.sampleRate);
    if (!isInTime) {
      if (hasStarted) underrunCount++;
      nextFrame = currentFrame() + Math.round(leadSeconds * deviceFormat.sampleRate);
    }
    hasStarted = true;
  };
  const waitUntilQueued = async (atMostFrames: number, signal: AbortSignal): Promise<void> => {
    signal.throwIfAborted();
    for (let excess = nextFrame - currentFrame() - atMostFrames; excess > 0; excess = nextFrame - currentFrame() - atMostFrames) {
      // The device clock moves in bursts: look again at least five times a second.
      const waitMs = Math.min(200, Math.max(5, (excess * 1000) / deviceFormat.sampleRate));
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
    get queuedFrames() {
      return Math.max(0, nextFrame - currentFrame());
    },
    get underrunCount() {
      return underrunCount;
    },
    async open() {
      return deviceFormat;
    },
    waitWritable: ({ signal }) => waitUntilQueued(queueSeconds * deviceFormat.sampleRate, signal),
    async write(samples) {
      anchor();
      const { channelCount, sampleRate } = deviceFormat;
      const frameCount = samples.length / channelCount;
      const buffer = context.createBuffer(channelCount, frameCount, sampleRate);
      for (let channel = 0; channel < channelCount; channel++) {
        buffer.copyToChannel(deinterleave(samples, channel, channelCount), channel);
      }
      const node = context.createBufferSource();
      node.buffer = buffer;
      node.connect(context.destination);
      const block: ScheduledBlock = { node, startFrame: nextFrame, endFrame: nextFrame + frameCount };
      node.addEventListener('ended', () => {
        node.disconnect();
        const index = scheduled.indexOf(block);
        if (index >= 0) scheduled.splice(index, 1);
      });
      node.start(block.startFrame / sampleRate);
      scheduled.push(block);
      nextFrame = block.endFrame;
    },
    revoke() {
      const cut = Math.max(
        currentFrame() + Math.round(revokeGuardSeconds * deviceFormat.sampleRate),
        scheduled[0]?.startFrame ?? 0,
      );
      if (!hasStarted || nextFrame <= cut) return 0;
      for (const block of scheduled) {
        if (block.endFrame > cut) block.node.stop(Math.max(block.startFrame, cut) / deviceFormat.sampleRate);
      }
      const frames = nextFrame - cut;
      nextFrame = cut;
      // What follows a revoke is a new start, however long it takes.
      hasStarted = false;
      return frames;
    },
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

async function openContext(options: DeviceOptions): Promise<AudioContext> {
  if (options.isSilent !== true && !mayHaveSound()) throw new OutputError('output/no-device', noDevice);
  const library = await loadLibrary();
  const sinkId = await findSink(options);
  try {
    const context = new library.AudioContext({
      sampleRate: deviceFormat.sampleRate,
      latencyHint: 'playback',
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

function deinterleave(samples: Float32Array, channel: number, channelCount: number): Float32Array<ArrayBuffer> {
  const plane = new Float32Array(samples.length / channelCount);
  for (let frame = 0; frame < plane.length; frame++) plane[frame] = samples[frame * channelCount + channel] ?? 0;
  return plane;
}
