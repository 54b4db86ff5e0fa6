import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { positionAt, sessionUs, SyncError, type AutomationPoint, type SessionUs } from '@tutti/sync';
import type { MusicalLine } from '@tutti/sync/musical';
import { AttemptLimit, createNonce, PartyKeys, viewOf, type PartyCommand, type SessionView } from '@tutti/sync/protocol';
import { monotonicUs } from '@tutti/sync/monotonic';
import { acceptLinks, startClockResponder, type LinkAcceptor, type LinkTiming } from '@tutti/sync/transport';
import { isHttpUrl } from '../media/expand-sources.ts';
import { Conductor } from './conductor.ts';
import { Distributor } from './distributor.ts';
import { HostAutomation } from './host-automation.ts';
import { HostMembers } from './host-member.ts';
import { receiveVisit, type Controller, type NodeNews } from './host-visit.ts';
import { createMediaHandler } from './media-server.ts';
import { PartyError } from './party-error.ts';
import { PartyMemory } from './party-memory.ts';
import { TrackIntake, type IntakeEvent } from './track-intake.ts';
import type { TrackLibrary } from './track-library.ts';

export interface HostOptions {
  /** Name of the session. */
  readonly name: string;
  readonly secret: Uint8Array;
  /** TCP port of control and media; 0 takes any. */
  readonly port: number;
  /** UDP port of time; 0 takes any. */
  readonly clockPort: number;
  readonly maxNodes: number;
  /** What nodes do when the host is gone: be silent at once, or play to the end of what they have. */
  readonly onHostGone: 'stop' | 'finish';
  readonly library: TrackLibrary;
  readonly onEvent: (event: HostEvent) => void;
  /** How the control channel notices that a node is gone. */
  readonly timing?: LinkTiming;
}

export type HostEvent =
  /** `measuring`: it should play and does not know the time yet. */
  | { readonly type: 'joined' | 'disconnected' | 'measuring'; readonly nodeId: string; readonly name: string }
  | IntakeEvent
  /** A track should begin, and no node was ready for it in time. */
  | { readonly type: 'unanswered'; readonly label: string }
  | { readonly type: 'node-failed'; readonly name: string; readonly label: string; readonly message: string };

/** A party that is going on. */
export interface Host extends AsyncDisposable {
  readonly sessionId: string;
  readonly port: number;
  readonly clockPort: number;
  readonly view: SessionView;
  /** Puts sources at the end of the queue; they are fetched one after the other. Rejects when they name nothing. */
  add(sources: readonly string[], addedBy: string): Promise<void>;
  /** Does what the owner asks. Rejects with the sentence why not. */
  command(command: PartyCommand): Promise<void>;
  /** Changes volume or mute of the whole party at instants of session time, or at ticks of the music that `line` places. */
  automate(points: readonly AutomationPoint[], line: MusicalLine): void;
  /** Called after every change of the session. */
  onChange(listener: () => void): Disposable;
  /** Tells every node that the session has ended, and ends it. Idempotent. */
  close(): Promise<void>;
}

/** Changes of a moment are told together. */
const COALESCE_MS = 100;

/** Opens a party. Rejects with `SyncError` `sync/port-in-use` when another program has one of the ports. */
export async function startHost(options: HostOptions): Promise<Host> {
  const responder = await startClockResponder({ port: options.clockPort });
  try {
    const keys = new PartyKeys(options.secret);
    const server = createServer(createMediaHandler({ library: options.library, token: keys.mediaToken }));
    await listen(server, options.port);
    return new RunningHost({ ...options, keys, responder, server });
  } catch (error) {
    await responder.close();
    throw error;
  }
}

interface HostParts extends HostOptions {
  readonly keys: PartyKeys;
  readonly responder: Awaited<ReturnType<typeof startClockResponder>>;
  readonly server: Server;
}

class RunningHost implements Host {
  readonly sessionId = createNonce();
  readonly port: number;
  readonly clockPort: number;
  readonly #parts: HostParts;
  readonly #memory: PartyMemory;
  readonly #members: HostMembers;
  readonly #conductor: Conductor;
  readonly #distributor: Distributor;
  readonly #automation = new HostAutomation(nowUs);
  readonly #intake: TrackIntake;
  readonly #links: LinkAcceptor;
  #telling: Disposable | undefined;
  #closing: Promise<void> | undefined;

  constructor(parts: HostParts) {
    const { keys, library, maxNodes, name, onEvent, onHostGone, responder, server, timing } = parts;
    this.#parts = parts;
    this.port = (server.address() as AddressInfo).port;
    this.clockPort = responder.port;
    const { sessionId } = this;
    const memory = new PartyMemory({ sessionId, name, maxNodes });
    const told = (type: 'joined' | 'disconnected', nodeId: string): void => {
      const member = memory.state.members.find((each) => each.nodeId === nodeId);
      onEvent({ type, nodeId, name: member?.name ?? nodeId });
    };
    const members = new HostMembers({
      memory,
      responder,
      keys,
      onHostGone,
      after,
      onJoined: (nodeId) => {
        this.#distributor.forget(nodeId);
        for (const message of this.#automation.messages) members.send(nodeId, message);
        told('joined', nodeId);
        this.#proceed();
      },
      onDisconnected: (nodeId) => {
        told('disconnected', nodeId);
        this.#conductor.left(nodeId);
        this.#proceed();
      },
    });
    this.#memory = memory;
    this.#members = members;
    this.#conductor = new Conductor({
      memory,
      seats: members,
      nowUs,
      after,
      onUnanswered: (trackId) => onEvent({ type: 'unanswered', label: this.#labelOf(trackId) }),
    });
    this.#distributor = new Distributor({ memory, seats: members });
    this.#intake = new TrackIntake({ memory, library, onEvent, onSettled: () => this.#proceed() });
    const attempts = new AttemptLimit(() => performance.now());
    this.#links = acceptLinks({
      server,
      ...timing,
      onLink: (link) =>
        void receiveVisit(link, {
          keys,
          sessionId,
          name,
          attempts,
          members,
          after,
          onNews: (nodeId, news) => this.#hear(nodeId, news),
          onCommand: (command, controller) => this.#obey(command, controller),
        }),
    });
  }

  get view(): SessionView {
    const { line } = this.#memory.state;
    const view = viewOf(this.#memory.state);
    if (line === undefined || view.state === 'stopped') return view;
    // What was commanded a moment ago begins in a moment, where it was told to.
    const { frame, trackId } = positionAt(line, sessionUs(Math.max(nowUs(), line.t0Us)));
    const rate = trackId === line.trackId ? line : (line.next ?? line);
    return { ...view, positionSeconds: Math.max(0, (frame * rate.rateDen) / rate.rateNum) };
  }

  async add(sources: readonly string[], addedBy: string): Promise<void> {
    await this.#intake.add(sources, addedBy);
    this.#proceed();
  }

  command(command: PartyCommand): Promise<void> {
    return this.#obey(command, { name: this.#parts.name, isLocal: true, send: () => undefined });
  }

  automate(points: readonly AutomationPoint[], line: MusicalLine): void {
    for (const message of this.#automation.add(points, line)) this.#members.broadcast(message);
  }

  onChange(listener: () => void): Disposable {
    return this.#memory.onChange(listener);
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    const { responder, server } = this.#parts;
    const emptied = this.#intake.close();
    this.#conductor[Symbol.dispose]();
    this.#telling?.[Symbol.dispose]();
    this.#members.broadcast({ type: 'end', reason: 'Session ended.' });
    this.#members[Symbol.dispose]();
    const closed = once(server, 'close');
    server.close();
    await this.#links.close();
    server.closeAllConnections();
    await Promise.all([closed, responder.close(), emptied]);
  }

  #hear(nodeId: string, news: NodeNews): void {
    switch (news.type) {
      case 'got':
        this.#distributor.answered(nodeId, news.hash);
        this.#memory.apply({ type: 'got', nodeId, hash: news.hash, isOk: news.isOk });
        if (!news.isOk) this.#tellFailure(nodeId, news.trackId, news.message ?? 'it could not be fetched');
        break;
      case 'armed':
        this.#conductor.armed(nodeId, news.trackId, news);
        break;
      case 'measured':
        this.#conductor.measured(news.trackId, news.durationFrames);
        break;
      case 'failed':
        this.#conductor.failed(nodeId, news.trackId, news.message);
        this.#tellFailure(nodeId, news.trackId, news.message);
        break;
      case 'report':
        // Not worth telling every node.
        this.#memory.apply({ type: 'reported', nodeId, report: news.report });
        return;
      case 'progress':
        return;
    }
    this.#proceed();
  }

  #tellFailure(nodeId: string, trackId: string, message: string): void {
    const name = this.#memory.state.members.find((member) => member.nodeId === nodeId)?.name ?? nodeId;
    this.#parts.onEvent({ type: 'node-failed', name, label: this.#labelOf(trackId), message });
  }

  #tellMeasuring(): void {
    for (const { isConnected, name, nodeId, report } of this.#memory.state.members) {
      if (isConnected && report?.isClockReady !== true) this.#parts.onEvent({ type: 'measuring', nodeId, name });
    }
  }

  #labelOf(trackId: string): string {
    return this.#memory.state.tracks.find((track) => track.trackId === trackId)?.label ?? trackId;
  }

  async #obey(command: PartyCommand, controller: Controller): Promise<void> {
    const conductor = this.#conductor;
    switch (command.kind) {
      case 'status':
        controller.send({ type: 'session', session: this.view });
        return;
      case 'add':
        checkSources(command.sources, controller);
        return this.add(command.sources, controller.name);
      case 'remove':
        this.#memory.apply({ type: 'removed', trackId: command.trackId, revision: command.revision });
        break;
      case 'move':
        this.#memory.apply({ type: 'moved', trackId: command.trackId, index: command.index, revision: command.revision });
        break;
      case 'play':
        this.#tellMeasuring();
        return conductor.play();
      case 'pause':
        conductor.pause();
        break;
      case 'resume':
        this.#tellMeasuring();
        return conductor.resume();
      case 'seek':
        return conductor.seek(command.seconds);
      case 'skip':
        return conductor.skip();
      case 'stop':
        conductor.stop();
        break;
      case 'volume':
        this.#setVolume(command.volumeDb, command.nodeId);
    }
    this.#proceed();
  }

  #setVolume(volumeDb: number, nodeId: string | undefined): void {
    const { members } = this.#memory.state;
    const meant = nodeId === undefined ? members : members.filter((member) => member.nodeId === nodeId || member.name === nodeId);
    if (nodeId !== undefined && meant.length === 0) throw new SyncError('sync/expired', `there is no node ${nodeId}`);
    for (const member of meant) {
      this.#memory.apply({ type: 'volume', nodeId: member.nodeId, volumeDb });
      this.#members.send(member.nodeId, { type: 'volume', volumeDb });
    }
  }

  #proceed(): void {
    if (this.#closing !== undefined) return;
    this.#distributor.proceed();
    this.#conductor.proceed();
    this.#telling ??= after(COALESCE_MS, () => {
      this.#telling = undefined;
      // What nodes measure is for controllers, who ask.
      this.#members.broadcast({ type: 'session', session: viewOf(this.#memory.state, { withReports: false }) });
    });
  }
}

/** Files of the host's computer are named on it. */
function checkSources(sources: readonly string[], { isLocal }: Controller): void {
  const local = sources.find((source) => !isHttpUrl(source));
  if (local === undefined || isLocal) return;
  throw new PartyError('party/local-source', 'only an http or https URL can be added from another computer');
}

async function listen(server: Server, port: number): Promise<void> {
  try {
    server.listen(port);
    await once(server, 'listening');
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
    throw code === 'EADDRINUSE'
      ? new SyncError('sync/port-in-use', `Port ${port} is in use. Please close the other application or change the port.`, {
          cause,
        })
      : new SyncError('sync/no-socket', `port ${port} cannot be opened (${String(code)}): choose another with --port`, { cause });
  }
}

function nowUs(): SessionUs {
  return sessionUs(monotonicUs());
}

function after(ms: number, run: () => void): Disposable {
  const timer = setTimeout(run, ms);
  return { [Symbol.dispose]: () => clearTimeout(timer) };
}
