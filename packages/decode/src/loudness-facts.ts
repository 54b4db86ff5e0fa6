/** What the tags say about loudness. Gains are in dB, to be added by whoever plays; peaks are linear, 1 is full scale. */
export interface LoudnessFacts {
  readonly trackGainDb: number | undefined;
  readonly trackPeak: number | undefined;
  readonly albumGainDb: number | undefined;
  readonly albumPeak: number | undefined;
  /** Level in LUFS that the gains lead to: −18 for ReplayGain 2.0, −23 for R128 tags. `undefined` without a gain. */
  readonly targetLufs: number | undefined;
}

const REPLAY_GAIN_LUFS = -18;
const R128_LUFS = -23;

/**
 * Reads ReplayGain tags, or R128 gains (RFC 7845, section 5.2.1: a signed integer in steps of 1/256 dB) where there are none,
 * from a track's `tags`. What cannot be read as a number is absent.
 */
export function loudnessFacts(tags: Readonly<Record<string, string>>): LoudnessFacts {
  const replayGain = (scope: string): number | undefined => decibels(tags[`replaygain_${scope}_gain`]);
  const r128 = (scope: string): number | undefined => steps(tags[`r128_${scope}_gain`]);
  const [track, album] = [replayGain('track'), replayGain('album')];
  const isReplayGain = track !== undefined || album !== undefined;
  const gains = isReplayGain ? [track, album] : [r128('track'), r128('album')];
  const hasGain = gains.some((value) => value !== undefined);
  return {
    trackGainDb: gains[0],
    trackPeak: peak(tags['replaygain_track_peak']),
    albumGainDb: gains[1],
    albumPeak: peak(tags['replaygain_album_peak']),
    targetLufs: hasGain ? (isReplayGain ? REPLAY_GAIN_LUFS : R128_LUFS) : undefined,
  };
}

function decibels(text: string | undefined): number | undefined {
  const match = /^\s*([+-]?\d+(?:\.\d+)?)\s*(?:dB)?\s*$/i.exec(text ?? '');
  return match === null ? undefined : Number(match[1]);
}

function steps(text: string | undefined): number | undefined {
  return /^\s*[+-]?\d{1,6}\s*$/.test(text ?? '') ? Number(text) / 256 : undefined;
}

function peak(text: string | undefined): number | undefined {
  const value = Number.parseFloat(text ?? '');
  return Number.isFinite(value) && value >= 0 ? value : undefined;
}
