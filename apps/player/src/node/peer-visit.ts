import { boundUsAt, positionAt, sessionUs, toSession, SyncError, type ClockClientEvent, type Timeline } from '@tutti/sync';
import type { HostMessage, NodeReport, Nonces, PartyKeys, PeerMessage, SessionView } from '@tutti/sync/protocol';
import { monotonicUs } from '@tutti/sync/monotonic';
import { received, unexpected, type ClockThread, type Link, type UdpClock } from '@tutti/sync/transport';
import type { PartyPlayer } from './party-player.ts';
import type { PeerTracks } from './peer-tracks.ts';

export type HostLink = Link<HostMessage, PeerMessage>;
export type Welcome = Extract<HostMessage, { type: 'welcome' }>;

export interface NodeDescription {
  readonly nodeId: string;
  readonly name: string;
  /** For people: what is played on. */
  readonly output: string;
  /** False where the node plays into nothing. */
  readonly hasDevice: boolean;
  readonly volumeDb: number;
}

export interface PeerVisitOptions {
  readonly link: HostLink;
  /** Where the host answers clock probes. */
  readonly host: string;
  readonly thread: ClockThread;
  readonly keys: PartyKeys;
  readonly nonces: Nonces;
  readonly node: NodeDescription;
  readonly player: PartyPlayer;
  readonly tracks: PeerTracks;
  readonly onSession: (session: SessionView) => void;
  readonly onClock: (event: ClockClientEvent) => void;
  readonly onTrackFailed: (trackId: string, error: unknown) => void;
}

/** Between two reports of what this node measures, in milliseconds. */
const REPORT_MS = 1000;

/** Asks for a place. Rejects with `SyncError` `sync/session-full` or `sync/expired`, or with the link's error. */
export async function takePlace(link: HostLink, node: NodeDescription, resumeToken: string | undefined): Promise<Welcome> {
  link.send({ type: 'hello', role: 'node', ...node, ...(resumeToken === undefined ? {} : { resumeToken }) });
  const answer = await received(link);
  if (answer.type !== 'welcome') throw unexpected(link, answer);
  return answer;
}

/** One connection of a node that has its place: does what the host says until the connection ends. */
export class PeerVisit {
  readonly #options: PeerVisitOptions;
  #clock: UdpClock | undefined;
  #isClockReady = false;
  /** Whether the line's track has to be entered in the middle. */
  #isLate = false;
  #volumeDb: number;

  constructor(options: PeerVisitOptions) {
    this.#options = options;
    this.#volumeDb = options.node.volumeDb;
  }

  /** Resolves with the host's farewell, or `undefined` when the connection closed without one. Rejects with the link's error. */
  async run(welcome: Welcome): Promise<string | undefined> {
    const { host, keys, link, nonces, onSession, player, thread } = this.#options;
    using _telling = player.on((event) => {
      if (event.type === 'measured') link.send(event);
      else if (event.type === 'failed') this.#tellFailure(event.trackId, event.error);
    });
    onSession(welcome.session);
    // The track is opened while the clock is being measured.
    if (welcome.line !== undefined) this.#follow(welcome.line);
    this.#clock = await thread.measure({
      host,
      port: welcome.clockPort,
      nodeNumber: welcome.nodeNumber,
      key: keys.clockKey(nonces),
      onEvent: (event) => this.#measured(event),
      onProbe: ({ sequence, t1Us }) => link.send({ type: 'probe', sequence, t1Us }),
    });
    const reporting = setInterval(() => this.#report(), REPORT_MS);
    try {
      for (let message = await link.receive(); message !== undefined; message = await link.receive()) {
        if (message.type === 'end') return message.reason;
        this.#obey(message);
      }
      return undefined;
    } finally {
      clearInterval(reporting);
    }
  }

  #obey(message: Exclude<HostMessage, { type: 'end' }>): void {
    const { link, onSession, player } = this.#options;
    switch (message.type) {
      case 'session':
        onSession(message.session);
        return;
      case 'fetch':
        void this.#fetch(message.trackId, message.hash);
        return;
      case 'prepare':
        void this.#prepare(message.trackId, message.hash, () => message.frame);
        return;
      case 'line':
        this.#follow(message.line);
        return;
      case 'automation':
        player.automate(message.points);
        return;
      case 'volume':
        this.#volumeDb = message.volumeDb;
        player.setVolumeDb(message.volumeDb);
        return;
      case 'time': {
        const t4Us = monotonicUs();
        const { sequence, t1Us, t2Us, t3Us } = message;
        const reply = { sequence, t1Us: t1Us as typeof t4Us, t2Us: sessionUs(t2Us), t3Us: sessionUs(t3Us) };
        this.#clock?.receive(reply, t4Us);
        return;
      }
      case 'challenge':
      case 'accepted':
      case 'welcome':
      case 'reject':
      case 'outcome':
        throw new SyncError('sync/bad-message', `${link.remoteAddress} said ${message.type} out of turn`);
    }
  }

  #measured(event: ClockClientEvent): void {
    if (event.type === 'map') {
      const isFirst = !this.#isClockReady && event.isReady;
      this.#isClockReady = event.isReady;
      this.#options.tracks.setClock(event.map);
      this.#enter();
      if (isFirst) this.#report();
    } else if (event.type === 'lost') this.#isClockReady = false;
    this.#options.onClock(event);
  }

  async #fetch(trackId: string, hash: string): Promise<void> {
    const { link, tracks } = this.#options;
    try {
      await tracks.fetch(hash, ({ doneBytes, totalBytes }) => link.send({ type: 'progress', trackId, doneBytes, totalBytes }));
      link.send({ type: 'got', trackId, hash, isOk: true });
    } catch (error) {
      if (tracks.hasEnded) return;
      link.send({ type: 'got', trackId, hash, isOk: false, message: sentenceOf(error) });
      this.#options.onTrackFailed(trackId, error);
    }
  }

  async #prepare(trackId: string, hash: string, frameNow: () => number): Promise<void> {
    const { link, onTrackFailed, tracks } = this.#options;
    try {
      const { durationFrames, minLeadMs, sampleRate } = await tracks.prepare(trackId, hash, frameNow);
      link.send({
        type: 'armed',
        trackId,
        hash,
        minLeadMs,
        sampleRate,
        ...(durationFrames === undefined ? {} : { durationFrames }),
      });
    } catch (error) {
      if (tracks.hasEnded) return;
      this.#tellFailure(trackId, error);
      onTrackFailed(trackId, error);
    }
  }

  #tellFailure(trackId: string, error: unknown): void {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'party/failed';
    this.#options.link.send({ type: 'failed', trackId, code, message: sentenceOf(error) });
  }

  /** Gets a track and opens it, wherever it is going to be entered. What fails here fails again then, and is told. */
  async #open(trackId: string, hash: string): Promise<void> {
    await this.#fetch(trackId, hash);
    await this.#options.tracks.prepare(trackId, hash, () => undefined).catch(() => undefined);
  }

  #follow(line: Timeline): void {
    if (!this.#options.tracks.follow(line)) return;
    this.#isLate = true;
    this.#enter();
  }

  /** A track that plays elsewhere already is entered where it is, as soon as this node knows what time it is. */
  #enter(): void {
    const { clock, line } = this.#options.tracks;
    if (!this.#isLate || line === undefined) return;
    if (clock === undefined) {
      void this.#open(line.trackId, line.hash);
      return;
    }
    this.#isLate = false;
    const now = (): ReturnType<typeof positionAt> => {
      const map = this.#options.tracks.clock ?? clock;
      return positionAt(line, toSession(map, monotonicUs()));
    };
    const { hash, trackId } = now();
    void this.#prepare(trackId, hash, () => Math.max(0, now().trackId === trackId ? now().frame : 0));
  }

  #report(): void {
    const { link, node, player, tracks } = this.#options;
    const status = player.status();
    const report: NodeReport = {
      ...status,
      isClockReady: this.#isClockReady,
      hasDevice: node.hasDevice,
      volumeDb: this.#volumeDb,
      ...(tracks.clock === undefined ? {} : { boundUs: boundUsAt(tracks.clock, monotonicUs()), skewPpm: tracks.clock.skewPpm }),
    };
    link.send({ type: 'report', report });
  }
}

function sentenceOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).slice(0, 1000);
}
