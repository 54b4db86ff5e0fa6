import type { SessionView } from '@tutti/sync/protocol';
import type { HostEvent } from '../node/host.ts';
import type { PeerEvent } from '../node/peer.ts';
import { codeOf, describeError } from './describe-error.ts';
import { markOf } from './outcome-line.ts';
import type { Reporter } from './reporter.ts';
import { formatTime } from './time-text.ts';

/** Says what happens to a node. */
export class NodeTeller {
  readonly #reporter: Reporter;
  #session: SessionView | undefined;
  #isClockReady = false;

  constructor(reporter: Reporter) {
    this.#reporter = reporter;
  }

  readonly tell = (event: PeerEvent): void => {
    const reporter = this.#reporter;
    switch (event.type) {
      case 'joined':
        reporter.line(event.isAgain ? `back in ${event.session}` : `joined ${event.session}`);
        reporter.event('joined', { session: event.session, isAgain: event.isAgain });
        return;
      case 'reconnecting':
        reporter.line(`${describeError(event.error)}; looking for the host`);
        reporter.event('reconnecting', { code: codeOf(event.error) });
        return;
      case 'session':
        this.#session = event.session;
        return;
      case 'clock':
        this.#tellClock(event.event);
        return;
      case 'track-failed':
        reporter.error(event.error);
        reporter.event('track-failed', { source: this.#labelOf(event.trackId), code: codeOf(event.error) });
        return;
      case 'player':
        this.#tellPlayer(event.event);
    }
  };

  #tellClock(event: Extract<PeerEvent, { type: 'clock' }>['event']): void {
    if (event.type === 'lost') {
      this.#isClockReady = false;
      this.#reporter.event('clock-lost');
    } else if (event.type === 'map' && event.isReady !== this.#isClockReady) {
      this.#isClockReady = event.isReady;
      const boundUs = Math.round(event.map.boundUs);
      this.#reporter.event('clock', { boundUs, isReady: event.isReady });
      if (event.isReady) this.#reporter.line(`clock within ±${boundUs} µs of the host`);
    }
  }

  #tellPlayer(event: Extract<PeerEvent, { type: 'player' }>['event']): void {
    const reporter = this.#reporter;
    switch (event.type) {
      case 'started':
        reporter.line(`▶ ${this.#labelOf(event.trackId)}`);
        reporter.event('playing', { source: this.#labelOf(event.trackId), trackId: event.trackId });
        return;
      case 'ended':
        reporter.event('track-end', { source: this.#labelOf(event.trackId), trackId: event.trackId });
        return;
      case 'measured':
        // What the host makes of it is told.
        return;
      case 'underrun':
        reporter.event('underrun');
        return;
      case 'snapped':
        reporter.event('snapped', { byUs: event.byUs });
        return;
      case 'failed':
        reporter.error(event.error);
        reporter.event('track-failed', { source: this.#labelOf(event.trackId), code: codeOf(event.error) });
        return;
      case 'no-device':
        reporter.line('No audio output detected.');
        reporter.event('output-fallback', { code: codeOf(event.error), output: 'null' });
    }
  }

  #labelOf(trackId: string): string {
    return this.#session?.queue.find((item) => item.trackId === trackId)?.label ?? trackId;
  }
}

/** Says what happens to a party, to its host. */
export function tellHost(event: HostEvent, reporter: Reporter): void {
  switch (event.type) {
    case 'joined':
    case 'disconnected':
      reporter.line(event.type === 'joined' ? `+ ${event.name}` : `− ${event.name}`);
      reporter.event(`node-${event.type}`, { nodeId: event.nodeId, name: event.name });
      return;
    case 'measuring':
      reporter.line(`${event.name} is still measuring its clock: it plays as soon as it knows the time`);
      reporter.event('node-measuring', { nodeId: event.nodeId, name: event.name });
      return;
    case 'fetching':
      reporter.status(`fetching ${event.label}`);
      reporter.event('fetching', { source: event.label });
      return;
    case 'fetched':
      reporter.event('fetched', { source: event.label });
      return;
    case 'unanswered':
      reporter.line(`no node is ready to play ${event.label} yet: it begins as soon as one is`);
      reporter.event('unanswered', { source: event.label });
      return;
    case 'failed':
      reporter.error(event.error);
      reporter.event('track-failed', { source: event.label, code: codeOf(event.error) });
      return;
    case 'node-failed':
      reporter.line(`${event.name} cannot play ${event.label}: ${event.message}`);
      reporter.event('node-failed', { name: event.name, source: event.label, message: event.message });
  }
}

/** One line: what plays, where, and to how many. */
export function statusLine(view: SessionView): string {
  const current = view.queue.find(({ status }) => status === 'playing');
  const nodes = view.members.filter(({ isConnected }) => isConnected).length;
  const where = `${nodes} node${nodes === 1 ? '' : 's'}`;
  if (current === undefined) return `■ ${where}, ${view.queue.length} in the queue`;
  return `${markOf(view)} ${current.label}  ${formatTime(view.positionSeconds)} / ${formatTime(current.durationSeconds)}  ${where}`;
}
