import { DeviceMap, DriftLoop, toSession, type ClockMap, type DeviceStep } from '@tutti/sync';
import type { VirtualClock } from './virtual-clock.ts';
import type { VirtualDac } from './virtual-dac.ts';
import type { VirtualWorld } from './virtual-world.ts';

export interface VirtualPlayerOptions {
  readonly world: VirtualWorld;
  readonly clock: VirtualClock;
  readonly host: VirtualClock;
  readonly dac: VirtualDac;
  readonly map: () => ClockMap | undefined;
  /** How far ahead of what is heard it renders: what is queued cannot be steered any more. */
  readonly leadUs: number;
  /** True time from which it plays; before, it only gets to know the clocks. Default 0. */
  readonly playFromUs?: number;
}

const pollUs = 20_000;
const chunkFrames = 960;

/**
 * The least player: session time is media time, and every chunk goes into the queue where device map, clock map and drift loop want it.
 * It keeps score with true time, which only the test can see.
 */
export class VirtualPlayer {
  readonly loop = new DriftLoop();
  readonly device: DeviceMap;
  readonly steps: DeviceStep[] = [];
  /** Error of what is heard, in microseconds (late is positive), with the true time at which it was heard. */
  readonly heard: { readonly atUs: number; readonly errorUs: number }[] = [];
  snaps = 0;
  readonly #options: VirtualPlayerOptions;
  #nextFrame: number | undefined;
  #mediaUs = 0;
  #correctionPpm = 0;

  constructor(options: VirtualPlayerOptions) {
    this.#options = options;
    this.device = new DeviceMap({
      sampleRate: options.dac.sampleRate,
      stepFrames: options.dac.quantumFrames,
      onStep: (step) => {
        this.steps.push(step);
        this.loop.restart();
      },
    });
    this.#tick();
  }

  #tick(): void {
    const { world, dac } = this.#options;
    this.device.add(dac.poll(world.nowUs));
    this.#render();
    world.at(world.nowUs + pollUs, () => {
      this.#tick();
    });
  }

  #render(): void {
    const { world, clock, dac, leadUs } = this.#options;
    const map = this.#options.map();
    if (map === undefined || !this.device.isReady || world.nowUs < (this.#options.playFromUs ?? 0)) return;
    const endFrame = dac.frameAt(world.nowUs + leadUs);
    if (this.#nextFrame === undefined) {
      this.#nextFrame = Math.ceil(endFrame);
      this.#mediaUs = toSession(map, this.device.localUsAt(this.#nextFrame)!);
    }
    for (; this.#nextFrame < endFrame; this.#nextFrame += chunkFrames) {
      const errorUs = toSession(map, this.device.localUsAt(this.#nextFrame)!) - this.#mediaUs;
      const atUs = Math.floor(clock.exactAt(world.nowUs)) as never;
      const { correctionPpm, snap } = this.loop.update({ errorUs, atUs, knownPpm: map.skewPpm - this.device.ratePpm });
      if (snap !== undefined) {
        this.snaps += 1;
        this.#mediaUs += snap.byUs;
      }
      this.#correctionPpm = correctionPpm;
      this.#score(this.#nextFrame);
      this.#mediaUs += (chunkFrames / dac.sampleRate) * (1e6 + this.#correctionPpm);
    }
  }

  #score(frame: number): void {
    const { host, dac } = this.#options;
    const atUs = dac.heardAt(frame);
    this.heard.push({ atUs, errorUs: host.exactAt(atUs) - this.#mediaUs });
  }
}
