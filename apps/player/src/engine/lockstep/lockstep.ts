import { AutomationLane, DriftLoop, GainCurve, planFrom, planWith } from '@tutti/sync';
import type { ClockMap, DeviceSample, LocalUs, PlacedAutomation, SessionUs, Timeline, TimelinePlan } from '@tutti/sync';
import type { PcmFormat } from '../../output/output.ts';
import type { TimedOutput } from '../../output/timed-output.ts';
import { AlignmentLog } from './alignment-log.ts';
import { framesPerSecond, placeAt, wantedUs } from './line-place.ts';
import { NodeClock } from './node-clock.ts';
import { PlacedLog } from './placed-voices.ts';
import type { TrackFeed } from './track-feed.ts';
import { VoiceLeader, type Cue } from './voice-leader.ts';
import { VoiceMixer } from './voice-mixer.ts';
import { fadingOut, mainOf, positionOf, silentFrom, withRatio, type Voice } from './voice.ts';

/** What happened, told when it is heard. */
export type LockstepEvent = Cue | { readonly type: 'underrun' } | { readonly type: 'snapped'; readonly byUs: number };

export interface LockstepOptions {
  readonly output: TimedOutput;
  /** What `output.open` answered. */
  readonly format: PcmFormat;
  readonly nowUs: () => LocalUs;
  /** How much later than the device says its sound reaches the ear, in microseconds. */
  readonly outputDelayUs: number;
  readonly volumeDb: number;
  readonly findFeed: (trackId: string) => TrackFeed | undefined;
  readonly onEvent: (event: LockstepEvent) => void;
}

/** Sound is placed this far ahead of the device: what a busy machine may sleep through. */
const queueSeconds = 2;
const blockSeconds = 0.2;
/** While the device is near, blocks are as short as this: what must sound soon is not rendered together with what need not. */
const nearBlockSeconds = 0.05;
/** Sound that follows another is waited for until the device is as near as this: two steps of a busy machine. */
const urgentSeconds = 0.1;
/** What one step renders before it lets others run. */
const stepBlocks = 3;
/** Steps whose leads are remembered: a second of them. */
const leadSteps = 20;
/** What is taken back begins so far ahead of the earliest frame: as long as rendering it again takes. */
const reworkSeconds = 0.01;
/** Changes of gain, and cuts. */
const rampSeconds = 0.005;
/** A jump onto the timeline is blended over this time. */
const snapSeconds = 0.01;

/**
 * Renders the frames that a timeline wants onto a device, each device frame what belongs to the session time at which it is heard, and
 * keeps it so: the error of what is about to be placed, by the maps of now, steers the resampling ratio; what is placed already can be
 * taken back. All of it is a function of the maps, the plan and the decoded frames; only `step` acts.
 */
export class Lockstep {
  readonly #options: LockstepOptions;
  readonly #clock: NodeClock;
  readonly #mixer: VoiceMixer;
  readonly #leader: VoiceLeader;
  readonly #loop = new DriftLoop();
  readonly #volume: GainCurve;
  readonly #automation = new AutomationLane();
  readonly #alignment = new AlignmentLog();
  readonly #placed = new PlacedLog();
  readonly #rampFrames: number;
  #cues: { readonly frame: number; readonly cue: Cue }[] = [];
  #startedTrackId: string | undefined;
  #plan: TimelinePlan = [];
  /** The first device frame that was not placed. */
  #head = 0;
  #voices: readonly Voice[] = [];
  #correctionPpm = 0;
  readonly #leadsUs: number[] = [];
  #isSnapping = false;
  #underruns = 0;
  #snaps = 0;

  constructor(options: LockstepOptions) {
    const { format, output, outputDelayUs, findFeed } = options;
    this.#options = options;
    this.#rampFrames = Math.round(rampSeconds * format.sampleRate);
    this.#clock = new NodeClock({
      output,
      sampleRate: format.sampleRate,
      outputDelayUs,
      onStep: () => this.#onDeviceStep(),
    });
    this.#mixer = new VoiceMixer(format);
    this.#volume = new GainCurve(options.volumeDb, this.#rampFrames);
    this.#leader = new VoiceLeader({
      clock: this.#clock,
      mixer: this.#mixer,
      deviceRate: format.sampleRate,
      rampFrames: this.#rampFrames,
      findFeed,
      onCue: (frame, cue) => this.#cues.push({ frame, cue }),
      onBegin: () => this.#onBegin(),
    });
  }

  get underruns(): number {
    return this.#underruns;
  }

  get snaps(): number {
    return this.#snaps;
  }

  /** See {@link AlignmentLog.magnitudeUs}: of what was heard, by the maps of the moment. */
  alignmentUs(share: number): number | undefined {
    return this.#alignment.magnitudeUs(share);
  }

  /** Seconds of sound that are placed or decoded and not heard yet. */
  get bufferedSeconds(): number {
    const main = mainOf(this.#voices);
    if (main === undefined) return 0;
    const decoded = Math.max(0, main.window.endFrame - positionOf(main, this.#head)) / main.sampleRate;
    return Math.max(0, this.#head - this.#options.output.deviceFrame) / this.#options.format.sampleRate + decoded;
  }

  /**
   * From now until a frame that is placed now is heard, in microseconds; `undefined` until the clocks are known. The longest of the last
   * steps: a device that has just taken a callback's frames leaves less room than one that is about to.
   */
  get leadUs(): number | undefined {
    return this.#leadsUs.length === 0 ? undefined : Math.max(...this.#leadsUs);
  }

  /** Every track that the plan or the sound of now needs. */
  get trackIds(): ReadonlySet<string> {
    const planned = this.#plan.flatMap((line) => [line.trackId, ...(line.next === undefined ? [] : [line.next.trackId])]);
    return new Set([...planned, ...this.#voices.map((voice) => voice.trackId)]);
  }

  /** Whether the sound of now comes from a track. */
  isSounding(trackId: string): boolean {
    return this.#voices.some((voice) => voice.trackId === trackId);
  }

  /** Makes ready for a track, so that its first frames are rendered as quickly as any. */
  prepare(feed: TrackFeed): void {
    this.#mixer.prepare(feed.sampleRate);
  }

  observe(sample: DeviceSample): void {
    this.#clock.observe(sample);
  }

  setClock(map: ClockMap): void {
    this.#clock.setClock(map);
  }

  /** Takes a line; what was placed for the time from its `t0Us` on is taken back. A lower epoch, or the same again, changes nothing. */
  follow(line: Timeline): void {
    const plan = planWith(this.#plan, line);
    if (plan === this.#plan) return;
    this.#plan = plan;
    this.#takeBack(line.t0Us);
  }

  setVolumeDb(decibels: number): void {
    this.#takeBack();
    this.#volume.set(this.#head, decibels);
  }

  automate(points: readonly PlacedAutomation[]): void {
    const fromUs = this.#automation.add(points);
    if (fromUs !== undefined) this.#takeBack(fromUs);
  }

  /** Renders what is due and tells what was heard. True when there is more to do at once. */
  step(): boolean {
    const { output, format } = this.#options;
    const heardFrame = this.#clock.isReady ? this.#clock.frameHeardAt(this.#options.nowUs()) : undefined;
    if (heardFrame === undefined) return false;
    this.#measure(heardFrame);
    this.#tell(heardFrame);
    this.#tellPassedEnd(heardFrame);
    this.#forget(heardFrame);
    const earliest = output.earliestFrame;
    this.#measureLead(earliest);
    // The earliest frame allows for a callback at any moment: one that has come since the head was chosen was allowed for.
    if (this.#head < earliest - output.quantumFrames) this.#fallBehind(earliest);
    const horizon = earliest + queueSeconds * format.sampleRate;
    if (this.#head < horizon) this.#steer();
    const blockFrames = Math.round(blockSeconds * format.sampleRate);
    const nearBlockFrames = Math.round(nearBlockSeconds * format.sampleRate);
    const stepEnd = this.#head + stepBlocks * blockFrames;
    while (this.#head < horizon) {
      if (this.#voices.length > 0 && this.#head >= stepEnd) return true;
      const line = this.#leader.lineFor(this.#plan, this.#head);
      const isUrgent = this.#head < earliest + urgentSeconds * format.sampleRate;
      const until = Math.min(
        horizon,
        this.#head + (isUrgent ? nearBlockFrames : blockFrames),
        this.#leader.nextLineFrame(this.#plan, this.#head),
      );
      const arranged = this.#leader.arrange({
        voices: this.#voices,
        line,
        head: this.#head,
        until,
        correctionPpm: this.#correctionPpm,
        isUrgent,
      });
      this.#voices = arranged.voices;
      if (arranged.until === undefined) return false;
      this.#place(arranged.until, line);
    }
    return false;
  }

  #place(until: number, line: Timeline | undefined): void {
    const startFrame = this.#head;
    this.#head = until;
    if (this.#voices.length === 0) return;
    const { output, format } = this.#options;
    const samples = this.#mixer.mix(this.#voices, startFrame, until - startFrame);
    this.#volume.apply(samples, startFrame, format.channelCount);
    if (!this.#automation.isIdle) {
      const frameAt = (atUs: SessionUs): number => this.#clock.frameAt(atUs) ?? startFrame;
      this.#automation.curve(frameAt, this.#rampFrames).apply(samples, startFrame, format.channelCount);
    }
    output.place(startFrame, samples);
    this.#placed.add({ startFrame, endFrame: until, voices: this.#voices, line });
    this.#voices = this.#voices.filter((voice) => silentFrom(voice) > until);
  }

  /** Moves the head back to the frame of an instant, as far as the output gives back. Without one: as far as it goes. */
  #takeBack(fromUs?: SessionUs): void {
    const { output, format } = this.#options;
    const asked = fromUs === undefined ? 0 : Math.ceil((this.#clock.frameAt(fromUs) ?? 0) - 1e-6);
    const { earliestFrame } = output;
    const wanted = asked >= earliestFrame ? asked : earliestFrame + Math.round(reworkSeconds * format.sampleRate);
    if (this.#head <= wanted) return;
    const cut = output.retract(wanted);
    if (this.#head <= cut) return;
    this.#voices = this.#placed.cut(cut);
    this.#cues = this.#cues.filter(({ frame }) => frame < cut);
    this.#head = cut;
  }

  /** Leaves what sounds and begins anew where the timeline is, from the earliest frame on. */
  #jump(fadeSeconds: number): void {
    this.#takeBack();
    this.#voices = fadingOut(this.#voices, this.#head, Math.round(fadeSeconds * this.#options.format.sampleRate));
  }

  /** After a jump of the loop's own the error is known: to measure it again would be to jump again. */
  #onBegin(): void {
    if (!this.#isSnapping) this.#loop.restart();
    this.#isSnapping = false;
  }

  #steer(): void {
    const main = mainOf(this.#voices);
    const line = this.#leader.lineFor(this.#plan, this.#head);
    const errorUs = main === undefined || line === undefined ? undefined : this.#errorUs(line, main, this.#head);
    const { knownPpm } = this.#clock;
    if (errorUs === undefined || main === undefined || line === undefined) {
      // What begins next begins at the right speed.
      if (main === undefined) this.#correctionPpm = knownPpm;
      return;
    }
    const { correctionPpm, snap } = this.#loop.update({ errorUs, atUs: this.#options.nowUs(), knownPpm });
    this.#correctionPpm = correctionPpm;
    if (snap !== undefined) {
      this.#snaps += 1;
      this.#options.onEvent({ type: 'snapped', byUs: snap.byUs });
      this.#isSnapping = true;
      this.#jump(snapSeconds);
      return;
    }
    const rate = framesPerSecond(main.part === 'next' && line.next !== undefined ? line.next : line);
    const ratio = (rate / this.#options.format.sampleRate) * (1 + correctionPpm * 1e-6);
    this.#voices = this.#voices.map((voice) => (voice === main ? withRatio(main, this.#head, ratio) : voice));
  }

  /** How much later than wanted a device frame is heard; `undefined` where the voice does not follow the line. */
  #errorUs(line: Timeline, voice: Voice, frame: number): number | undefined {
    const heardUs = this.#clock.sessionUsAt(frame);
    if (heardUs === undefined || line.epoch !== voice.epoch || line.state !== 'playing') return undefined;
    return heardUs - wantedUs(line, { part: voice.part, position: positionOf(voice, frame) });
  }

  #measure(heardFrame: number): void {
    // A device that nobody sees is not in step, whatever its last map says.
    if (!this.#clock.isObserved(this.#options.nowUs())) {
      this.#alignment.clear();
      return;
    }
    const frame = Math.round(heardFrame);
    const stretch = this.#placed.at(frame);
    const voice = mainOf(stretch?.voices ?? []);
    if (voice === undefined || stretch?.line === undefined) return;
    const errorUs = this.#errorUs(stretch.line, voice, frame);
    if (errorUs !== undefined) this.#alignment.add(errorUs);
  }

  #measureLead(earliest: number): void {
    const heardUs = this.#clock.heardUs(earliest);
    if (heardUs === undefined) return;
    this.#leadsUs.push(heardUs - this.#options.nowUs());
    if (this.#leadsUs.length > leadSteps) this.#leadsUs.shift();
  }

  #tell(heardFrame: number): void {
    const due = this.#cues.filter(({ frame }) => frame <= heardFrame);
    if (due.length === 0) return;
    this.#cues = this.#cues.filter(({ frame }) => frame > heardFrame);
    for (const { cue } of due) {
      // A track that goes on after an interruption did not start again.
      const trackId = cue.type === 'started' ? cue.trackId : undefined;
      if (trackId !== undefined && trackId === this.#startedTrackId) continue;
      this.#startedTrackId = trackId;
      this.#options.onEvent(cue);
    }
  }

  /** A track that fell silent before its end, and was not worth beginning again, ends when the line has passed that. */
  #tellPassedEnd(heardFrame: number): void {
    const trackId = this.#startedTrackId;
    if (trackId === undefined || this.#cues.length > 0 || this.isSounding(trackId)) return;
    const line = this.#leader.lineFor(this.#plan, heardFrame);
    const heardUs = this.#clock.sessionUsAt(heardFrame);
    const endFrame = this.#options.findFeed(trackId)?.endFrame;
    if (line?.state !== 'playing' || heardUs === undefined || endFrame === undefined) return;
    const place = placeAt(line, heardUs);
    if (place.trackId !== trackId || place.position < endFrame) return;
    this.#startedTrackId = undefined;
    this.#options.onEvent({ type: 'ended', trackId });
  }

  #forget(heardFrame: number): void {
    const frame = Math.floor(heardFrame);
    this.#placed.forgetBefore(frame);
    this.#volume.forgetBefore(frame);
    const atUs = this.#clock.sessionUsAt(frame - this.#rampFrames);
    if (atUs === undefined) return;
    this.#automation.forgetBefore(atUs);
    this.#plan = planFrom(this.#plan, atUs);
  }

  /** The device overtook the head: sound that was wanted is missing. */
  #fallBehind(earliest: number): void {
    if (mainOf(this.#voices) !== undefined) this.#countUnderrun();
    this.#voices = [];
    this.#head = earliest;
  }

  #onDeviceStep(): void {
    if (this.#voices.length === 0) return;
    this.#countUnderrun();
    this.#jump(rampSeconds);
  }

  #countUnderrun(): void {
    this.#underruns += 1;
    this.#options.onEvent({ type: 'underrun' });
  }
}
