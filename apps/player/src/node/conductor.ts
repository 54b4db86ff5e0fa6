import { boundaryUs, lineOfNext, positionAt, sessionUs, type NextTrack, type SessionUs, type Timeline } from '@tutti/sync';
import { isReady, nextTrack, type SessionTrack } from '@tutti/sync/protocol';
import { leadMs } from './command-lead.ts';
import { MeasuredTracks } from './measured-tracks.ts';
import { PartyError } from './party-error.ts';
import type { PartyMemory, Seats } from './party-memory.ts';
import type { PreparedTrack } from './party-player.ts';
import { Patience } from './patience.ts';
import { RollCalls } from './roll-call.ts';

export interface ConductorOptions {
  readonly memory: PartyMemory;
  readonly seats: Seats;
  /** Session time: this machine's monotonic clock. */
  readonly nowUs: () => SessionUs;
  /** Runs something once after so many milliseconds, unless disposed before. */
  readonly after: (ms: number, run: () => void) => Disposable;
  /** A track should begin, and of the nodes that have it none is ready in time. They are asked again; told once for each track. */
  readonly onUnanswered: (trackId: string) => void;
}

/** So long before its end a track's successor is taken as it is: whoever lacks it joins late. */
const LAST_CALL_US = 8_000_000;
/** Longest delay that a timer takes. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** Turns the wish to play into timelines: prepares, publishes, goes on to the next track at its boundary. */
export class Conductor implements Disposable {
  readonly #options: ConductorOptions;
  readonly #rolls: RollCalls;
  readonly #tracks: MeasuredTracks;
  readonly #patience: Patience;
  #wantsToPlay = false;
  /** Counts what was begun: what is overtaken by something newer is given up. */
  #operation = 0;
  /** The operation that begins a track, until it has. */
  #beginningOperation: number | undefined;
  /** The latest attempt to begin a track. */
  #beginning: Promise<void> = Promise.resolve();
  #armingId: string | undefined;
  /** What each node's output needs, as the node said last. */
  readonly #minLeadsMs = new Map<string, number>();
  #timer: Disposable | undefined;
  /** The track that nodes have opened before anybody wanted it. */
  #rehearsedId: string | undefined;
  /** The track that nobody began in time. */
  #unansweredId: string | undefined;

  constructor(options: ConductorOptions) {
    this.#options = options;
    this.#rolls = new RollCalls(options);
    this.#tracks = new MeasuredTracks(options.memory);
    this.#patience = new Patience(options.after, () => this.proceed());
  }

  /**
   * Plays from here on whatever is ready; resumes what was paused. Resolves when what can begin has begun, or was not begun in time. Throws `party/nothing-to-play`.
   */
  async play(): Promise<void> {
    const { state } = this.#options.memory;
    if (state.currentId === undefined && nextTrack(state) === undefined) {
      throw new PartyError('party/nothing-to-play', 'there is nothing to play: add something with tutti ctl add SOURCE');
    }
    this.#wantsToPlay = true;
    if (state.currentId !== undefined && state.line?.state === 'paused') await this.#move(state.line.frame0, 'playing');
    else {
      this.proceed();
      await this.#beginning;
    }
  }

  pause(): void {
    const line = this.#playingLine();
    this.#operation++;
    const atUs = this.#leadUs();
    const { frame, hash, trackId } = positionAt(line, atUs);
    const rate = trackId === line.trackId ? line : line.next;
    if (rate === undefined) return;
    const { rateDen, rateNum } = rate;
    if (trackId !== line.trackId) this.#options.memory.apply({ type: 'advanced', trackId });
    this.#publish({ trackId, hash, frame0: this.#tracks.clamp(trackId, frame), t0Us: atUs, rateNum, rateDen, state: 'paused' });
  }

  async resume(): Promise<void> {
    await this.play();
  }

  /** Goes to another place of the current track; paused stays paused. */
  async seek(seconds: number): Promise<void> {
    const { currentId, line } = this.#options.memory.state;
    if (currentId === undefined || line === undefined || line.state === 'stopped') throw nothingPlays();
    await this.#move(this.#tracks.clamp(line.trackId, Math.round((seconds * line.rateNum) / line.rateDen)), line.state);
  }

  /** Goes to the next track, or stops where there is none. */
  async skip(): Promise<void> {
    const { state } = this.#options.memory;
    const next = nextTrack(state);
    if (next === undefined) this.stop();
    else if (next.hash === undefined || !this.#hasSomebody(next.hash)) {
      throw new PartyError('party/incomplete', `${next.label} is still being fetched: try again in a moment`);
    } else {
      this.#wantsToPlay = true;
      await this.#begin(next);
    }
  }

  /** Silence; the current track may be begun again. */
  stop(): void {
    const { memory } = this.#options;
    const { line } = memory.state;
    this.#operation++;
    this.#wantsToPlay = false;
    if (line !== undefined && line.state !== 'stopped') {
      const { hash, rateDen, rateNum, trackId } = line;
      this.#publish({ trackId, hash, frame0: 0, t0Us: this.#leadUs(), rateNum, rateDen, state: 'stopped' });
    }
    memory.apply({ type: 'stopped' });
  }

  /** A node can begin this track. */
  armed(nodeId: string, trackId: string, prepared: PreparedTrack): void {
    this.#minLeadsMs.set(nodeId, prepared.minLeadMs);
    if (this.#tracks.opened(trackId, prepared)) this.#placeEnd(trackId);
    this.#rolls.answer(nodeId, trackId, prepared);
  }

  /** A node has found the end of a track whose length was unknown: now its successor can follow, and without one the party can end. */
  measured(trackId: string, durationFrames: number): void {
    if (this.#tracks.measured(trackId, durationFrames)) this.#placeEnd(trackId);
  }

  /** A node cannot play this track; when nobody can, it is passed over. */
  failed(nodeId: string, trackId: string, message: string): void {
    const { memory } = this.#options;
    const track = memory.state.tracks.find((each) => each.trackId === trackId);
    if (track?.hash === undefined) return;
    memory.apply({ type: 'got', nodeId, hash: track.hash, isOk: false });
    if (!this.#hasSomebody(track.hash)) memory.apply({ type: 'failed', trackId, message });
    this.#rolls.answer(nodeId, trackId, undefined);
    if (track.failure === undefined && memory.state.currentId === trackId && !this.#hasSomebody(track.hash)) this.#goOn();
  }

  left(nodeId: string): void {
    this.#minLeadsMs.delete(nodeId);
    this.#rolls.left(nodeId);
  }

  /** The state has changed: begins what can begin, and gets ready what follows. */
  proceed(): void {
    const { memory } = this.#options;
    const { currentId, line } = memory.state;
    const next = nextTrack(memory.state);
    if (next !== undefined && this.#isHopeless(next)) {
      memory.apply({ type: 'failed', trackId: next.trackId, message: 'no node can play it' });
      this.proceed();
      return;
    }
    if (currentId === undefined) {
      if (next === undefined || this.#beginningOperation === this.#operation || !this.#hasOne(next)) return;
      if (this.#wantsToPlay) this.#beginSoon(next);
      else if (isReady(memory.state, next.trackId)) this.#rehearse(next);
    } else if (line?.state === 'playing' && line.trackId === currentId) this.#follow(line, next);
  }

  [Symbol.dispose](): void {
    this.#operation++;
    this.#timer?.[Symbol.dispose]();
    this.#patience[Symbol.dispose]();
    this.#rolls[Symbol.dispose]();
  }

  /** Begins when everybody has the track, or when those who have it have waited long enough. */
  #beginSoon(track: SessionTrack): void {
    const isReadyNow = isReady(this.#options.memory.state, track.trackId);
    if (isReadyNow || this.#patience.hasEnded(track.trackId)) this.#beginning = this.#begin(track);
  }

  /** Has every node open the track that a command to play would begin, so that the command finds it open. */
  #rehearse({ hash, trackId }: SessionTrack): void {
    if (hash === undefined || this.#rehearsedId === trackId) return;
    this.#rehearsedId = trackId;
    void this.#rolls.call(trackId, hash, 0);
  }

  async #begin(track: SessionTrack): Promise<void> {
    const { memory } = this.#options;
    const { hash, trackId } = track;
    if (hash === undefined) return;
    const operation = ++this.#operation;
    this.#beginningOperation = operation;
    try {
      const prepared = await this.#rolls.call(trackId, hash, 0);
      if (operation !== this.#operation) return;
      if (prepared === undefined) this.#tellUnanswered(track);
      else {
        this.#unansweredId = undefined;
        memory.apply({ type: 'advanced', trackId });
        const rate = { rateNum: prepared.sampleRate, rateDen: 1 };
        this.#publish({ trackId, hash, frame0: 0, t0Us: this.#leadUs(), ...rate, state: 'playing' });
      }
    } finally {
      if (operation === this.#beginningOperation) this.#beginningOperation = undefined;
    }
    this.proceed();
  }

  #tellUnanswered({ hash, trackId }: SessionTrack): void {
    // Where nobody has the track any more, something else was told.
    if (hash === undefined || !this.#hasSomebody(hash) || this.#unansweredId === trackId) return;
    this.#unansweredId = trackId;
    this.#options.onUnanswered(trackId);
  }

  /** Goes on with the current track elsewhere. */
  async #move(frame: number, state: 'playing' | 'paused'): Promise<void> {
    const { line } = this.#options.memory.state;
    if (line === undefined) throw nothingPlays();
    const operation = ++this.#operation;
    const { hash, rateDen, rateNum, trackId } = line;
    await this.#rolls.call(trackId, hash, frame);
    if (operation !== this.#operation) return;
    this.#publish({ trackId, hash, frame0: frame, t0Us: this.#leadUs(), rateNum, rateDen, state });
    this.proceed();
  }

  /** Makes the successor part of the playing line, so that the boundary is computed and not commanded. */
  #follow(line: Timeline, next: SessionTrack | undefined): void {
    const isOther = line.next !== undefined && line.next.trackId !== next?.trackId;
    if (isOther) this.#publish({ ...line, next: undefined });
    if (next === undefined || next.trackId === this.#armingId || (line.next !== undefined && !isOther)) return;
    if (this.#tracks.durationFrames(line.trackId) === undefined) return;
    // Once it is part of the line it stays so: who joins meanwhile catches up.
    if (this.#hasOne(next) && (isReady(this.#options.memory.state, next.trackId) || this.#isLastCall(line))) void this.#arm(next);
  }

  async #arm({ hash, trackId }: SessionTrack): Promise<void> {
    const { memory } = this.#options;
    if (hash === undefined) return;
    this.#armingId = trackId;
    try {
      const prepared = await this.#rolls.call(trackId, hash, 0);
      const { line } = memory.state;
      const durationFrames = line === undefined ? undefined : this.#tracks.durationFrames(line.trackId);
      const isStillNext = nextTrack(memory.state)?.trackId === trackId && line?.state === 'playing';
      if (prepared === undefined || durationFrames === undefined || line === undefined || !isStillNext) return;
      const rate = { rateNum: prepared.sampleRate, rateDen: 1 };
      const next: NextTrack = { trackId, hash, atFrame: durationFrames, frame0: 0, ...rate };
      this.#publish({ ...line, next });
    } finally {
      this.#armingId = undefined;
    }
  }

  /** The end of a track is known, or known better: its successor begins there. */
  #placeEnd(trackId: string): void {
    const { line } = this.#options.memory.state;
    if (line?.trackId !== trackId || line.state !== 'playing') return;
    const durationFrames = this.#tracks.durationFrames(trackId);
    if (line.next === undefined || durationFrames === undefined) this.#schedule();
    else this.#publish({ ...line, next: { ...line.next, atFrame: durationFrames } });
  }

  #publish(line: Omit<Timeline, 'epoch'>): void {
    const { memory, seats } = this.#options;
    const { next, ...rest } = line;
    const published = { ...rest, epoch: (memory.state.line?.epoch ?? 0) + 1, ...(next === undefined ? {} : { next }) };
    memory.apply({ type: 'lined', line: published });
    seats.broadcast({ type: 'line', line: published });
    this.#schedule();
  }

  /** Wakes up at the last call for a successor, and at the end of the track. */
  #schedule(): void {
    this.#timer?.[Symbol.dispose]();
    const { line } = this.#options.memory.state;
    const endUs = line === undefined ? undefined : this.#tracks.endUs(line);
    if (endUs === undefined) return;
    const leftUs = endUs - this.#options.nowUs();
    const waitUs = leftUs > LAST_CALL_US ? leftUs - LAST_CALL_US : leftUs;
    this.#timer = this.#options.after(Math.min(MAX_TIMER_MS, Math.max(0, Math.ceil(waitUs / 1000))), () => this.#wake());
  }

  #wake(): void {
    const { memory, nowUs } = this.#options;
    const { line } = memory.state;
    const endUs = line === undefined ? undefined : this.#tracks.endUs(line);
    if (endUs !== undefined && endUs <= nowUs()) this.#advance();
    else this.#schedule();
    this.proceed();
  }

  /** The current track is over: the next one plays already where it was part of the line, else it begins when it can. */
  #advance(): void {
    const { memory } = this.#options;
    const { line } = memory.state;
    if (line === undefined) return;
    const following = lineOfNext(line, { epoch: line.epoch + 1 });
    if (following !== undefined && boundaryUs(line) !== undefined) {
      memory.apply({ type: 'advanced', trackId: following.trackId });
      this.#publish(following);
      return;
    }
    this.#goOn();
  }

  /** Leaves the current track as it is: the next one begins when somebody can, and without one it is silent. */
  #goOn(): void {
    const { memory } = this.#options;
    const { line } = memory.state;
    const next = nextTrack(memory.state);
    if (line === undefined) return;
    const { hash, rateDen, rateNum, trackId } = line;
    this.#operation++;
    if (next === undefined) {
      this.#wantsToPlay = false;
      memory.apply({ type: 'advanced', trackId: undefined });
      this.#publish({ trackId, hash, frame0: 0, t0Us: this.#leadUs(), rateNum, rateDen, state: 'stopped' });
    } else {
      memory.apply({ type: 'advanced', trackId: next.trackId }, { type: 'stopped' });
      this.proceed();
    }
  }

  #isLastCall(line: Timeline): boolean {
    const endUs = this.#tracks.endUs(line);
    return endUs !== undefined && endUs - this.#options.nowUs() <= LAST_CALL_US;
  }

  /** The session time at which a command given now can be obeyed by everybody. */
  #leadUs(): SessionUs {
    const { memory, nowUs } = this.#options;
    return sessionUs(nowUs() + Math.ceil(leadMs(memory.state.members, Math.max(0, ...this.#minLeadsMs.values())) * 1000));
  }

  #playingLine(): Timeline {
    const { currentId, line } = this.#options.memory.state;
    if (currentId === undefined || line?.state !== 'playing') throw nothingPlays();
    return line;
  }

  /** Every node that is here has tried already: the same bytes came before, under another entry of the queue. */
  #isHopeless({ hash, trackId }: SessionTrack): boolean {
    const { state } = this.#options.memory;
    const isAnybodyHere = state.members.some(({ isConnected }) => isConnected);
    return hash !== undefined && isAnybodyHere && isReady(state, trackId) && !this.#hasSomebody(hash);
  }

  #hasOne({ hash }: SessionTrack): boolean {
    return hash !== undefined && this.#hasSomebody(hash);
  }

  #hasSomebody(hash: string): boolean {
    return this.#options.memory.state.members.some(({ has, isConnected }) => isConnected && has.has(hash));
  }
}

function nothingPlays(): PartyError {
  return new PartyError('party/nothing-to-play', 'nothing is playing: begin with tutti ctl play');
}
