import { ClockFilter } from './clock-filter.ts';
import { boundUsAt, type ClockMap } from './clock-map.ts';
import { completeProbe, type Probe, type ProbeReply, type ProbeRequest } from './probe.ts';
import type { LocalUs } from '../units.ts';

/** What a clock client tells. */
export type ClockClientEvent =
  /** The estimate moved. `isReady` once it is worth playing by. */
  | { readonly type: 'map'; readonly map: ClockMap; readonly isReady: boolean }
  /** The machine slept or the process was stopped: the last map holds no more, and a new one is being measured. */
  | { readonly type: 'lost' }
  /** Three probes in a row came back too late or not at all: another way to the host may be better. Told once per silence. */
  | { readonly type: 'silent' };

export interface ClockClientOptions {
  /** Reads the local monotonic clock. */
  readonly now: () => LocalUs;
  /** Runs something once after so many microseconds, unless disposed before. */
  readonly after: (us: number, run: () => void) => Disposable;
  /** Sends a request to the host, at once: its `t1Us` is now. */
  readonly send: (request: ProbeRequest) => void;
  readonly onEvent: (event: ClockClientEvent) => void;
  /** Reads the wall clock in microseconds. It only tells that something happened; it never measures. */
  readonly wallUs?: () => number;
  /** Pause between groups once settled. Default 2 s; 5 s saves a battery. */
  readonly steadyIntervalUs?: number;
  /** Doubt beyond the path's own that is worth a burst of probes. Default 1 ms. */
  readonly targetUs?: number;
}

const groupSize = 4;
const burstGroups = 4;
const burstIntervalUs = 100_000;
const rampIntervalUs = 500_000;
const rampUs = 10_000_000;
const readyBoundUs = 1000;
/** A probe is given up, so that the next can go, after this or twice the least delay. */
const patienceUs = 100_000;
const firstPatienceUs = 250_000;
/** An answer that took longer than this is not looked at. */
const oldestAnswerUs = 2_000_000;
const silentProbes = 3;
const silentUs = 500_000;
const watchdogUs = 250_000;
const suspendUs = 1_000_000;
const burstPauseUs = 10_000_000;

/**
 * Keeps one node's clock map: sends probes in groups of four, each probe when the answer to the last is there, and feeds the filter. Four
 * groups in quick succession at the join, two a second until ten seconds have passed, then one every two seconds; again four when
 * something looks wrong. Owns its timers; ends with {@link close}.
 */
export class ClockClient {
  readonly #options: ClockClientOptions;
  readonly #filter = new ClockFilter();
  readonly #unanswered = new Map<number, LocalUs>();
  #group: Probe[] = [];
  #sentInGroup = 0;
  #groupStartUs: LocalUs;
  #groupsDone = 0;
  #burstLeft = burstGroups;
  #lastBurstUs: LocalUs;
  #joinedUs: LocalUs;
  #sequence = 0;
  #lostInRow = 0;
  #isSilent = false;
  #lastAnswerUs: LocalUs;
  #watched: { readonly localUs: LocalUs; readonly wallUs: number | undefined };
  #probeTimer: Disposable | undefined;
  #watchdog: Disposable | undefined;
  #isClosed = false;

  /** Begins to measure at once. */
  constructor(options: ClockClientOptions) {
    this.#options = options;
    const nowUs = options.now();
    this.#groupStartUs = nowUs;
    this.#lastBurstUs = nowUs;
    this.#joinedUs = nowUs;
    this.#lastAnswerUs = nowUs;
    this.#watched = { localUs: nowUs, wallUs: options.wallUs?.() };
    this.#watch();
    this.#startGroup();
  }

  /** The newest estimate; `undefined` until the first group has been answered. */
  get map(): ClockMap | undefined {
    return this.#filter.map;
  }

  /** The least round trip of the last two minutes, in microseconds; `undefined` until the first answer. */
  get leastDelayUs(): number | undefined {
    return this.#filter.leastDelayUs;
  }

  /** Whether the estimate is worth playing by: its bound is under 1 ms, or the path allows no better after the first burst. */
  get isReady(): boolean {
    const { map } = this;
    return map !== undefined && (this.#groupsDone >= burstGroups || boundUsAt(map, this.#options.now()) < readyBoundUs);
  }

  /** Takes the host's answer, received at `t4Us`. One that nobody waits for, or that comes twice, is ignored. */
  receive(reply: ProbeReply, t4Us: LocalUs): void {
    if (this.#isClosed || this.#unanswered.get(reply.sequence) !== reply.t1Us) return;
    this.#unanswered.delete(reply.sequence);
    this.#lostInRow = 0;
    this.#isSilent = false;
    this.#lastAnswerUs = t4Us;
    const probe = completeProbe(reply, t4Us);
    if (probe !== undefined) this.#group.push(probe);
    if (reply.sequence === this.#sequence && this.#sentInGroup > 0) this.#proceed();
  }

  /** Measures closely again: after a change of network, say. What is known stays. */
  burst(): void {
    this.#planBurst();
    if (this.#sentInGroup === 0) this.#startGroup();
  }

  /** Stops measuring. Idempotent. */
  close(): void {
    this.#isClosed = true;
    this.#probeTimer?.[Symbol.dispose]();
    this.#watchdog?.[Symbol.dispose]();
  }

  #startGroup(): void {
    this.#groupStartUs = this.#options.now();
    this.#sentInGroup = 0;
    this.#sendProbe();
  }

  #sendProbe(): void {
    const t1Us = this.#options.now();
    for (const [sequence, sentUs] of this.#unanswered) {
      if (t1Us - sentUs > oldestAnswerUs) this.#unanswered.delete(sequence);
    }
    this.#sequence += 1;
    this.#sentInGroup += 1;
    this.#unanswered.set(this.#sequence, t1Us);
    const { leastDelayUs } = this.#filter;
    this.#setTimer(leastDelayUs === undefined ? firstPatienceUs : Math.max(patienceUs, 2 * leastDelayUs), () => {
      this.#giveUp();
    });
    this.#options.send({ sequence: this.#sequence, t1Us });
  }

  #giveUp(): void {
    this.#lostInRow += 1;
    if (!this.#isSilent && this.#lostInRow >= silentProbes && this.#options.now() - this.#lastAnswerUs >= silentUs) {
      this.#isSilent = true;
      this.#options.onEvent({ type: 'silent' });
    }
    this.#proceed();
  }

  #proceed(): void {
    if (this.#sentInGroup < groupSize) this.#sendProbe();
    else this.#endGroup();
  }

  #endGroup(): void {
    this.#sentInGroup = 0;
    const group = this.#group;
    this.#group = [];
    if (group.length > 0) this.#learn(group);
    const sinceUs = this.#options.now() - this.#groupStartUs;
    this.#setTimer(Math.max(0, this.#nextIntervalUs() - sinceUs), () => {
      this.#startGroup();
    });
  }

  #learn(group: readonly Probe[]): void {
    const verdict = this.#filter.add(group);
    this.#groupsDone += 1;
    if (verdict === 'jumped') this.#joinAgain();
    const { map } = this;
    if (map === undefined || verdict === 'skipped') return;
    this.#options.onEvent({ type: 'map', map, isReady: this.isReady });
    const doubtUs = map.boundUs - (this.#filter.leastDelayUs ?? 0) / 2;
    const isDoubtful = verdict === 'surprising' || doubtUs > (this.#options.targetUs ?? 1000);
    if (isDoubtful && this.#options.now() - this.#lastBurstUs >= burstPauseUs) this.#planBurst();
  }

  #nextIntervalUs(): number {
    if (this.#burstLeft > 0) this.#burstLeft -= 1;
    if (this.#burstLeft > 0) return burstIntervalUs;
    if (this.#options.now() - this.#joinedUs < rampUs) return rampIntervalUs;
    return this.#options.steadyIntervalUs ?? 2_000_000;
  }

  #planBurst(): void {
    this.#lastBurstUs = this.#options.now();
    this.#burstLeft = burstGroups;
  }

  #joinAgain(): void {
    this.#joinedUs = this.#options.now();
    this.#groupsDone = 0;
    this.#planBurst();
  }

  #watch(): void {
    this.#watchdog = this.#options.after(watchdogUs, () => {
      const before = this.#watched;
      this.#watched = { localUs: this.#options.now(), wallUs: this.#options.wallUs?.() };
      const elapsedUs = this.#watched.localUs - before.localUs;
      const wallElapsedUs = this.#watched.wallUs === undefined ? elapsedUs : this.#watched.wallUs - (before.wallUs ?? 0);
      if (elapsedUs > suspendUs) this.#lose();
      // Either the machine slept while its monotonic clock stood still, or somebody set the wall clock: the host will tell.
      else if (Math.abs(wallElapsedUs - elapsedUs) > suspendUs) this.burst();
      this.#watch();
    });
  }

  #lose(): void {
    this.#filter.reset();
    this.#unanswered.clear();
    this.#group = [];
    this.#options.onEvent({ type: 'lost' });
    this.#joinAgain();
    this.#startGroup();
  }

  #setTimer(us: number, run: () => void): void {
    this.#probeTimer?.[Symbol.dispose]();
    this.#probeTimer = this.#options.after(us, run);
  }
}
