/** Whether a variant's CODECS (RFC 6381) name audio that decode can decode. */
export type CodecSupport =
  /** Audio that is decoded, or no CODECS to judge by. */
  | { readonly kind: 'playable'; readonly isLossless: boolean }
  /** Audio that is not decoded; `codecs` are its names. */
  | { readonly kind: 'unsupported'; readonly codecs: readonly string[] }
  /** Only video or text is named. */
  | { readonly kind: 'no-audio' };

const LOSSLESS = /^(?:flac|alac)$/iu;
/** AAC-LC (also its MPEG-2 name), HE-AAC (40.5) and its version 2 (40.29), MP3 under its three names, Opus, Vorbis. Not xHE-AAC (40.42). */
const LOSSY = /^(?:mp4a|mp4a\.40\.0?[25]|mp4a\.40\.29|mp4a\.40\.34|mp4a\.6[69b]|mp4a\.67|\.?mp3|opus|vorbis)$/iu;
const NOT_AUDIO = /^(?:avc[1-4]|hvc1|hev1|dvh[1e]|dva[1v]|dvav|av01|vp0?[89]|mp4v|jpeg|stpp|wvtt|tx3g)(?:\..*)?$/iu;

/** Judges a CODECS attribute. A variant is played if any of its audio codecs is decoded. */
export function codecSupport(codecs: string | undefined): CodecSupport {
  const names = (codecs ?? '')
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');
  if (names.length === 0) return { kind: 'playable', isLossless: false };
  const audio = names.filter((name) => !NOT_AUDIO.test(name));
  if (audio.length === 0) return { kind: 'no-audio' };
  const playable = audio.filter((name) => LOSSLESS.test(name) || LOSSY.test(name));
  if (playable.length === 0) return { kind: 'unsupported', codecs: audio };
  return { kind: 'playable', isLossless: playable.every((name) => LOSSLESS.test(name)) };
}
