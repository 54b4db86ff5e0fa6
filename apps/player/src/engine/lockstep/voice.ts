import type { FrameWindow } from '../frame-window.ts';

/** A gain that moves between 0 and 1 over some device frames. */
export interface Fade {
  readonly startFrame: number;
  readonly frameCount: number;
}

/** The frames of another track that take the place of a voice's own beyond an edge, so that the filter sees no hole there. */
export interface Splice {
  readonly window: FrameWindow;
  /** The voice's frame index at the edge, and the other track's. */
  readonly edgeFrame: number;
  readonly otherFrame: number;
}

/** One track sounding at one speed: from device frame `fromFrame` on, `position + n · ratio`. It never changes; a new one takes over. */
export interface Voice {
  readonly part: 'track' | 'next';
  readonly trackId: string;
  /** The epoch of the line that it follows. */
  readonly epoch: number;
  readonly window: FrameWindow;
  /** Frames per second of the track. */
  readonly sampleRate: number;
  readonly fromFrame: number;
  /** Frames of the track, fractions included, at `fromFrame`. */
  readonly position: number;
  /** Track frames per device frame. */
  readonly ratio: number;
  readonly fadeIn?: Fade | undefined;
  /** A voice with a fade-out is silent, and done, when that ends. */
  readonly fadeOut?: Fade | undefined;
  /** What sounds before the voice's beginning, and after its end, when the tracks follow each other without a gap. */
  readonly before?: Splice | undefined;
  readonly after?: Splice | undefined;
}

export function positionOf(voice: Voice, deviceFrame: number): number {
  return voice.position + (deviceFrame - voice.fromFrame) * voice.ratio;
}

/** The same sound from `deviceFrame` on at another speed. */
export function withRatio(voice: Voice, deviceFrame: number, ratio: number): Voice {
  return { ...voice, fromFrame: deviceFrame, position: positionOf(voice, deviceFrame), ratio };
}

/** The voice that steers; the others are on their way out. */
export function mainOf(voices: readonly Voice[]): Voice | undefined {
  return voices.find((voice) => voice.fadeOut === undefined);
}

/** The voices with the main one on its way out from `deviceFrame` on. */
export function fadingOut(voices: readonly Voice[], startFrame: number, frameCount: number): readonly Voice[] {
  return voices.map((voice) => (voice.fadeOut === undefined ? { ...voice, fadeOut: { startFrame, frameCount } } : voice));
}

/** Gain at a device frame. */
export function gainOf({ fadeIn, fadeOut }: Voice, deviceFrame: number): number {
  const rising = fadeIn === undefined ? 1 : Math.min(1, (deviceFrame - fadeIn.startFrame) / fadeIn.frameCount);
  const falling = fadeOut === undefined ? 0 : Math.min(1, (deviceFrame - fadeOut.startFrame) / fadeOut.frameCount);
  return Math.max(0, rising) * (1 - Math.max(0, falling));
}

/** The first device frame at which a voice on its way out is silent; infinite for others. */
export function silentFrom({ fadeOut }: Voice): number {
  return fadeOut === undefined ? Number.POSITIVE_INFINITY : fadeOut.startFrame + fadeOut.frameCount;
}
