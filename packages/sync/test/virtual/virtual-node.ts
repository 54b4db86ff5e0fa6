import {
  answerProbe,
  ClockClient,
  type ClockClientEvent,
  type LocalUs,
  type ProbeReply,
  type ProbeRequest,
  type SessionUs,
} from '@tutti/sync';
import type { VirtualClock } from './virtual-clock.ts';
import type { VirtualLink } from './virtual-link.ts';
import type { VirtualWorld } from './virtual-world.ts';

export interface VirtualNodeOptions {
  readonly world: VirtualWorld;
  /** Its own monotonic clock. */
  readonly clock: VirtualClock;
  /** The host's monotonic clock. */
  readonly host: VirtualClock;
  readonly link: VirtualLink;
  /** Its wall clock at a true time, if it has one. */
  readonly wallUs?: (trueUs: number) => number;
  readonly onEvent?: (event: ClockClientEvent) => void;
}

const answeringUs = 20;

/** A node whose clock client lives in the virtual world: real code, virtual time. */
export class VirtualNode {
  readonly #options: VirtualNodeOptions;
  /** Stopped like a process under SIGSTOP: its clock runs on, what happens to it waits until then. */
  #frozenUntilUs = 0;
  #client: ClockClient;

  constructor(options: VirtualNodeOptions) {
    this.#options = options;
    this.#client = this.#join();
  }

  get client(): ClockClient {
    return this.#client;
  }

  get nowUs(): LocalUs {
    return this.#options.clock.at(this.#options.world.nowUs) as LocalUs;
  }

  /** Session minus local time as it truly is now. */
  get trueOffsetUs(): number {
    const { world, host, clock } = this.#options;
    return host.exactAt(world.nowUs) - clock.exactAt(world.nowUs);
  }

  /** How far the node's map is off now, and how far it claims it may be; `undefined` while it has none. */
  get error(): { readonly us: number; readonly boundUs: number } | undefined {
    const { map } = this.#client;
    if (map === undefined) return undefined;
    const { world, clock } = this.#options;
    const sinceUs = clock.exactAt(world.nowUs) - map.referenceUs;
    const us = map.offsetUs + sinceUs * map.skewPpm * 1e-6 - this.trueOffsetUs;
    return { us, boundUs: map.boundUs + Math.abs(sinceUs) * map.boundGrowthPpm * 1e-6 };
  }

  freeze(durationUs: number): void {
    this.#frozenUntilUs = this.#options.world.nowUs + durationUs;
  }

  /** Killed, and started again as a new process. */
  restart(): void {
    this.#client.close();
    this.#client = this.#join();
  }

  #join(): ClockClient {
    const { world, wallUs, onEvent } = this.#options;
    return new ClockClient({
      now: () => this.nowUs,
      after: (us, run) => this.#after(us, run),
      send: (request) => {
        this.#send(request);
      },
      onEvent: (event) => onEvent?.(event),
      ...(wallUs === undefined ? {} : { wallUs: () => wallUs(world.nowUs) }),
    });
  }

  #after(us: number, run: () => void): Disposable {
    const { world, clock } = this.#options;
    let planned: Disposable;
    const wake = (): void => {
      const readyUs = Math.max(clock.awakeFrom(world.nowUs), this.#frozenUntilUs);
      if (readyUs <= world.nowUs) run();
      else planned = world.at(readyUs, wake);
    };
    planned = world.at(world.nowUs + clock.trueDuration(us), wake);
    return {
      [Symbol.dispose]: () => {
        planned[Symbol.dispose]();
      },
    };
  }

  #send(request: ProbeRequest): void {
    const { world, host, link } = this.#options;
    for (const arrivalUs of link.arrivals('up', world.nowUs)) {
      const leavingUs = arrivalUs + answeringUs;
      const reply = answerProbe(request, {
        receivedUs: host.at(arrivalUs) as SessionUs,
        sentUs: host.at(leavingUs) as SessionUs,
      });
      for (const backUs of link.arrivals('down', leavingUs))
        world.at(backUs, () => {
          this.#deliver(reply);
        });
    }
  }

  #deliver(reply: ProbeReply): void {
    const { world, clock } = this.#options;
    // A machine asleep hears nothing; a stopped process finds it in its socket later.
    if (clock.awakeFrom(world.nowUs) > world.nowUs) return;
    if (this.#frozenUntilUs > world.nowUs)
      world.at(this.#frozenUntilUs, () => {
        this.#deliver(reply);
      });
    else this.#client.receive(reply, this.nowUs);
  }
}
