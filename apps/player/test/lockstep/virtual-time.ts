import { setImmediate } from 'node:timers/promises';
import { localUs, type LocalUs } from '@tutti/sync';

/** Time that moves only when told: from event to event, with everything that follows from one done before the next. */
export class VirtualTime {
  nowUs: LocalUs;
  #events: { readonly atUs: number; readonly run: () => void }[] = [];

  constructor(startUs = 1_000_000_000) {
    this.nowUs = localUs(startUs);
  }

  at(atUs: number, run: () => void): void {
    this.#events.push({ atUs, run });
  }

  readonly sleep = async (durationMs: number, { signal }: { readonly signal: AbortSignal }): Promise<void> => {
    signal.throwIfAborted();
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
    this.at(this.nowUs + durationMs * 1000, resolve);
    await promise;
  };

  /** Lets whatever is ready run. */
  async settle(): Promise<void> {
    for (let turn = 0; turn < 6; turn += 1) await setImmediate();
  }

  async advance(durationUs: number): Promise<void> {
    const untilUs = this.nowUs + durationUs;
    await this.settle();
    for (;;) {
      const next = this.#events.reduce<number>((least, event) => Math.min(least, event.atUs), Number.POSITIVE_INFINITY);
      if (next > untilUs) break;
      this.nowUs = localUs(Math.max(this.nowUs, Math.ceil(next)));
      const due = this.#events.filter((event) => event.atUs <= this.nowUs);
      this.#events = this.#events.filter((event) => event.atUs > this.nowUs);
      for (const event of due) event.run();
      await this.settle();
    }
    this.nowUs = localUs(untilUs);
    await this.settle();
  }
}
