import type { Timeline, TimelinePlan } from '@tutti/sync';
import { framesPerSecond, placeAt, wantedUs, type LinePlace } from './line-place.ts';
import type { NodeClock } from './node-clock.ts';
import type { TrackFeed } from './track-feed.ts';
import type { VoiceMixer } from './voice-mixer.ts';
import { fadingOut, mainOf, positionOf, silentFrom, type Splice, type Voice } from './voice.ts';

/** A track begins or ends to be heard. */
export type Cue = { readonly type: 'started'; readonly trackId: string } | { readonly type: 'ended'; readonly trackId: string };

export interface VoiceLeaderOptions {
  readonly clock: NodeClock;
  readonly mixer: VoiceMixer;
  /** The device's frames per second. */
  readonly deviceRate: number;
  /** Device frames over which sound is cut or begun in the middle. */
  readonly rampFrames: number;
  readonly findFeed: (trackId: string) => TrackFeed | undefined;
  /** Something will be heard at a device frame. */
  readonly onCue: (frame: number, cue: Cue) => void;
  /** A voice begins that does not continue another. */
  readonly onBegin: () => void;
}

/** What sounds from a device frame on. */
export interface Arrangement {
  readonly voices: readonly Voice[];
  /** The voices stay as they are up to this frame; `undefined` while decoding has not come far enough to go on. */
  readonly until: number | undefined;
}

interface ArrangeRequest {
  readonly voices: readonly Voice[];
  /** The line in force from `head` to `until`. */
  readonly line: Timeline | undefined;
  readonly head: number;
  readonly until: number;
  readonly correctionPpm: number;
  /** Whether the device is about to take `head`: then what sounded before ends, even if what follows is not there yet. */
  readonly isUrgent: boolean;
}

/** A line that takes over goes on with what sounds when that is this near to what it wants: the rest is steered out. */
const keepUs = 5000;
/** Decoded ahead of the head, and of the beginning of a track that comes next. */
const aheadSeconds = 1.5;
/** A voice begins, and goes on, when at least so much of it is decoded. */
const leastSeconds = 0.05;
/** The next track is made ready this long before the boundary. */
const prepareSeconds = 5;
/** Rounding of positions and times stays far below this part of a frame. */
const tinyFrames = 1e-6;

/** Decides which voices sound from a frame on: begins, continues, joins and ends them as the line wants. */
export class VoiceLeader {
  readonly #options: VoiceLeaderOptions;

  constructor(options: VoiceLeaderOptions) {
    this.#options = options;
  }

  /** The line in force at a device frame. */
  lineFor(plan: TimelinePlan, frame: number): Timeline | undefined {
    return plan.findLast((line) => this.#firstFrame(line) <= frame);
  }

  /** The device frame at which the next line takes over; infinite when none is planned. */
  nextLineFrame(plan: TimelinePlan, frame: number): number {
    return Math.min(Number.POSITIVE_INFINITY, ...plan.map((line) => this.#firstFrame(line)).filter((first) => first > frame));
  }

  arrange(request: ArrangeRequest): Arrangement {
    const { line, head, until } = request;
    const main = mainOf(request.voices);
    if (line?.state !== 'playing') return this.#fadeOut(request.voices, head, until);
    const kept = main === undefined ? undefined : this.#adopt(line, main, head);
    if (kept !== undefined && this.#isFed(kept, head, until))
      return this.#continue({ ...request, line, voices: replace(request.voices, main, kept) }, kept);
    const voices = fadingOut(request.voices, head, this.#options.rampFrames);
    const begun = this.#begin({ ...request, line, voices });
    if (begun !== 'silent' && begun !== 'waiting') return this.#continue({ ...request, line, voices: [begun, ...voices] }, begun);
    if (begun === 'silent' || (request.isUrgent && voices.length > 0)) return this.#fadeOut(voices, head, until);
    return { voices: request.voices, until: undefined };
  }

  #fadeOut(voices: readonly Voice[], head: number, until: number): Arrangement {
    const fading = fadingOut(voices, head, this.#options.rampFrames);
    return { voices: fading, until: Math.min(until, ...fading.map(silentFrom)) };
  }

  /** The voice as one of `line`, if it may go on under it. */
  #adopt(line: Timeline, main: Voice, head: number): Voice | undefined {
    if (main.epoch === line.epoch) return main;
    const parts = (['track', 'next'] as const).filter(
      (part) => main.trackId === (part === 'track' ? line.trackId : line.next?.trackId),
    );
    const heardUs = this.#options.clock.sessionUsAt(head);
    const position = positionOf(main, head);
    const part = parts.find(
      (each) => heardUs !== undefined && Math.abs(heardUs - wantedUs(line, { part: each, position })) <= keepUs,
    );
    return part === undefined ? undefined : { ...main, epoch: line.epoch, part, after: undefined };
  }

  #continue(request: ArrangeRequest & { readonly line: Timeline }, main: Voice): Arrangement {
    const { line, head } = request;
    const { mixer, findFeed, deviceRate } = this.#options;
    const feed = findFeed(main.trackId);
    const endPosition = main.part === 'track' ? (line.next?.atFrame ?? feed?.endFrame) : feed?.endFrame;
    const edge = endPosition === undefined ? Number.POSITIVE_INFINITY : main.fromFrame + (endPosition - main.position) / main.ratio;
    if (edge <= head + tinyFrames) return this.#pass(request, main, edge);
    const voice = edge - head < prepareSeconds * deviceRate ? this.#readyForNext(line, main) : main;
    const voices = replace(request.voices, main, voice);
    const position = positionOf(voice, head);
    const lookAhead = mixer.lookAheadFrames(voice.sampleRate);
    let until = Math.min(request.until, Math.ceil(edge - tinyFrames), ...voices.map(silentFrom));
    const needed = positionOf(voice, until) + lookAhead;
    if (feed?.window === voice.window) {
      feed.want(position - mixer.leadFrames(voice.sampleRate), needed + aheadSeconds * voice.sampleRate);
      if (feed.endFrame !== undefined) return { voices, until };
    }
    const decodedFrames = this.#decodedFrames(voice, head);
    if (head + decodedFrames >= until) return { voices, until };
    until = head + decodedFrames;
    return { voices, until: decodedFrames >= leastSeconds * deviceRate ? until : undefined };
  }

  /** Device frames that a voice can sound from `head` on with what its window holds. */
  #decodedFrames(voice: Voice, head: number): number {
    const lookAhead = this.#options.mixer.lookAheadFrames(voice.sampleRate);
    return Math.floor((voice.window.endFrame - lookAhead - positionOf(voice, head)) / voice.ratio);
  }

  /** Whether a voice can go on: its window is still being filled, or has enough. */
  #isFed(voice: Voice, head: number, until: number): boolean {
    return this.#options.findFeed(voice.trackId)?.window === voice.window || head + this.#decodedFrames(voice, head) >= until;
  }

  /** The main voice has come to its end: the next track follows on the very next frame, or there is silence. */
  #pass(request: ArrangeRequest & { readonly line: Timeline }, main: Voice, edge: number): Arrangement {
    const { line, head, correctionPpm } = request;
    const { onCue, deviceRate } = this.#options;
    const voices = request.voices.filter((voice) => voice !== main);
    onCue(head, { type: 'ended', trackId: main.trackId });
    const feed = main.part === 'track' && line.next !== undefined ? this.#nextFeed(line) : undefined;
    if (feed === undefined || line.next === undefined) return this.arrange({ ...request, voices });
    const { frame0, atFrame } = line.next;
    const ratio = (framesPerSecond(line.next) / deviceRate) * (1 + correctionPpm * 1e-6);
    const before =
      main.sampleRate === feed.sampleRate ? { window: main.window, edgeFrame: frame0, otherFrame: atFrame } : undefined;
    const voice: Voice = {
      part: 'next',
      trackId: feed.trackId,
      epoch: line.epoch,
      window: feed.window,
      sampleRate: feed.sampleRate,
      fromFrame: head,
      position: frame0 + Math.max(0, head - edge) * ratio,
      ratio,
      before,
    };
    onCue(head, { type: 'started', trackId: feed.trackId });
    return this.#continue({ ...request, voices: [voice, ...voices] }, voice);
  }

  #begin({ line, head, voices, correctionPpm }: ArrangeRequest & { readonly line: Timeline }): Voice | 'silent' | 'waiting' {
    const { clock, mixer, findFeed, deviceRate, rampFrames, onCue, onBegin } = this.#options;
    const place = this.#placeFor(line, head);
    const feed = place === undefined ? undefined : findFeed(place.trackId);
    if (place === undefined || feed === undefined || !clock.isReady) return 'waiting';
    if (feed.error !== undefined) return 'silent';
    const { position } = place;
    const endPosition = place.part === 'track' ? (line.next?.atFrame ?? feed.durationFrames) : feed.durationFrames;
    // What is left is not worth beginning; at a boundary the next track is near.
    if (endPosition !== undefined && position >= endPosition - leastSeconds * feed.sampleRate)
      return line.next !== undefined && place.part === 'track' ? 'waiting' : 'silent';
    const from = position - mixer.leadFrames(feed.sampleRate);
    const to = position + mixer.lookAheadFrames(feed.sampleRate);
    feed.want(from, to + aheadSeconds * feed.sampleRate);
    if (!feed.holds(Math.floor(from), Math.ceil(to + leastSeconds * feed.sampleRate))) return 'waiting';
    const rate = framesPerSecond(place.part === 'next' && line.next !== undefined ? line.next : line);
    const previous = voices.find((voice) => voice.fadeOut?.startFrame === head);
    const isBeginning = position < 1 && previous === undefined;
    if (previous?.trackId !== place.trackId) onCue(head, { type: 'started', trackId: place.trackId });
    onBegin();
    return {
      part: place.part,
      trackId: place.trackId,
      epoch: line.epoch,
      window: feed.window,
      sampleRate: feed.sampleRate,
      fromFrame: head,
      position,
      ratio: (rate / deviceRate) * (1 + correctionPpm * 1e-6),
      fadeIn: isBeginning ? undefined : { startFrame: head, frameCount: previous?.fadeOut?.frameCount ?? rampFrames },
    };
  }

  /** Where the line is when a device frame is heard. At the line's first frame it does not go through whole microseconds. */
  #placeFor(line: Timeline, head: number): LinePlace | undefined {
    const { clock, deviceRate } = this.#options;
    const exact = clock.frameAt(line.t0Us);
    const sessionUs = clock.sessionUsAt(head);
    if (exact === undefined || sessionUs === undefined) return undefined;
    const sinceFrames = head - exact;
    return sinceFrames < 1 ? placeAt(line, line.t0Us + (Math.max(0, sinceFrames) * 1e6) / deviceRate) : placeAt(line, sessionUs);
  }

  /** The voice with the next track's first frames behind its own last ones, once those are decoded. */
  #readyForNext(line: Timeline, main: Voice): Voice {
    if (main.part !== 'track' || line.next === undefined) return main;
    const feed = this.#nextFeed(line);
    if (feed?.sampleRate !== main.sampleRate || main.after !== undefined) return main;
    const after: Splice = { window: feed.window, edgeFrame: line.next.atFrame, otherFrame: line.next.frame0 };
    return { ...main, after };
  }

  /** The next track, when its beginning is decoded; asks for it otherwise. */
  #nextFeed(line: Timeline): TrackFeed | undefined {
    const { next } = line;
    const feed = next === undefined ? undefined : this.#options.findFeed(next.trackId);
    if (feed === undefined || next === undefined) return undefined;
    // From where the voice will read: to ask for less now would be to seek again then.
    const from = next.frame0 - this.#options.mixer.leadFrames(feed.sampleRate);
    feed.want(from, next.frame0 + aheadSeconds * feed.sampleRate);
    return feed.holds(next.frame0, next.frame0 + Math.ceil(leastSeconds * feed.sampleRate)) ? feed : undefined;
  }

  /** The first device frame that is heard at a line's `t0Us` or later. */
  #firstFrame(line: Timeline): number {
    const exact = this.#options.clock.frameAt(line.t0Us);
    return exact === undefined ? Number.POSITIVE_INFINITY : Math.ceil(exact - tinyFrames);
  }
}

function replace(voices: readonly Voice[], old: Voice | undefined, by: Voice): readonly Voice[] {
  return old === by ? voices : voices.map((voice) => (voice === old ? by : voice));
}
