import { chooseRendition } from './audio-rendition.ts';
import type { AudioPreference } from './audio-rendition.ts';
import { codecSupport } from './codecs.ts';
import { HlsError, publicUrl } from './hls-error.ts';
import type { AudioRendition, MultivariantPlaylist } from './playlist/playlist.ts';

/** One playable choice: a media playlist and what it costs. Sorted by bandwidth, lowest first. */
export interface LadderRung {
  /** Absolute URL of the media playlist: of the variant, or of the audio rendition that it names. */
  readonly uri: string;
  /** Peak bits per second of the variant; 0 where nothing tells. */
  readonly bandwidth: number;
  readonly codecs: string | undefined;
  /** Whether every codec is known to be lossless: then no pre-roll is needed. */
  readonly isLossless: boolean;
  /** The audio rendition that plays, where the variant names a group of them. */
  readonly rendition: AudioRendition | undefined;
}

export interface SkippedVariant {
  readonly bandwidth: number;
  readonly reason: string;
}

export interface Ladder {
  readonly rungs: readonly LadderRung[];
  readonly skipped: readonly SkippedVariant[];
}

/**
 * The rungs that can be decoded. A variant whose audio is a rendition of its own is that rendition; variants that come
 * down to the same media playlist are one rung, the cheapest of them. Throws `hls/no-playable-variant` naming the codecs.
 */
export function buildLadder(
  { renditions, variants }: MultivariantPlaylist,
  { audio, url }: { readonly url: string; readonly audio?: AudioPreference | undefined },
): Ladder {
  const rungs = new Map<string, LadderRung>();
  const skipped: SkippedVariant[] = [];
  for (const variant of variants.toSorted((one, other) => one.bandwidth - other.bandwidth)) {
    const { bandwidth, codecs } = variant;
    const group = renditions.filter(({ groupId }) => groupId === variant.audioGroup);
    const rendition = chooseRendition(group, audio);
    const uri = rendition?.uri ?? variant.uri;
    const support = codecSupport(codecs);
    // Video alone in CODECS does not speak of a rendition that is a playlist of its own.
    const isPlayable = support.kind === 'playable' || (support.kind === 'no-audio' && rendition?.uri !== undefined);
    if (!isPlayable) {
      const reason = support.kind === 'unsupported' ? `codecs ${support.codecs.join(', ')} are not decoded` : 'it has no audio';
      skipped.push({ bandwidth, reason });
    } else if (!rungs.has(uri)) {
      rungs.set(uri, { uri, bandwidth, codecs, isLossless: support.kind === 'playable' && support.isLossless, rendition });
    }
  }
  if (rungs.size === 0) throw nothingPlayable(variants.length, skipped, url);
  return { rungs: [...rungs.values()], skipped };
}

function nothingPlayable(variantCount: number, skipped: readonly SkippedVariant[], url: string): HlsError {
  const reasons = [...new Set(skipped.map(({ reason }) => reason))].join('; ');
  const what = variantCount === 0 ? 'it has no variants' : reasons;
  return new HlsError('hls/no-playable-variant', `${publicUrl(url)} has no variant that can be played: ${what}`, { url });
}
