import { lookup } from 'node:dns/promises';
import { Worker } from 'node:worker_threads';
import type { ClockClientEvent } from '../clock/clock-client.ts';
import type { ProbeReply, ProbeRequest } from '../clock/probe.ts';
import type { LocalUs } from '../units.ts';

export interface UdpClockOptions {
  /** Where the host answers: a name or an address. */
  readonly host: string;
  readonly port: number;
  /** The number that the host gave this node, and the key of this connection. */
  readonly nodeNumber: number;
  readonly key: Uint8Array;
  readonly onEvent: (event: ClockClientEvent) => void;
  /** Carries a probe over the control channel: called while no datagram gets through. */
  readonly onProbe: (request: ProbeRequest) => void;
}

/** A node's clock map, kept up to date by probes from a thread of its own. */
export interface UdpClock {
  /** Takes the answer to a probe that went over the control channel, received at `t4Us`. */
  receive(reply: ProbeReply, t4Us: LocalUs): void;
  /** Measures closely again: after a change of network, say. */
  burst(): void;
}

/** The thread of one clock. It takes a while to start, so it is started before it is known what to measure. */
export interface ClockThread extends AsyncDisposable {
  /**
   * Begins to measure the host's clock, once in the thread's life. Rejects when the host's name cannot be resolved. Where UDP is blocked
   * the probes take the control channel, as long as no datagram comes through.
   */
  measure(options: UdpClockOptions): Promise<UdpClock>;
}

/** For the clock's thread: the first that it is told. */
export interface UdpClockSetup {
  readonly address: string;
  readonly port: number;
  readonly nodeNumber: number;
  readonly key: Uint8Array;
}

/** To the clock's thread. */
export type UdpClockCommand =
  | { readonly type: 'burst' }
  | { readonly type: 'reply'; readonly reply: ProbeReply; readonly t4Us: LocalUs };

/** From the clock's thread. */
export type UdpClockNews = ClockClientEvent | { readonly type: 'probe'; readonly request: ProbeRequest };

/** Starts a clock's thread; disposing ends it. */
export function startClockThread(): ClockThread {
  const worker = new Worker(new URL('./udp-clock-client-worker.ts', import.meta.url));
  const post = (command: UdpClockCommand): void => worker.postMessage(command);
  return {
    async measure({ host, key, nodeNumber, onEvent, onProbe, port }) {
      const { address } = await lookup(host);
      worker.on('message', (news: UdpClockNews) => {
        if (news.type === 'probe') onProbe(news.request);
        else onEvent(news);
      });
      worker.postMessage({ address, port, nodeNumber, key } satisfies UdpClockSetup);
      return {
        receive: (reply, t4Us) => post({ type: 'reply', reply, t4Us }),
        burst: () => post({ type: 'burst' }),
      };
    },
    [Symbol.asyncDispose]: async () => void (await worker.terminate()),
  };
}
