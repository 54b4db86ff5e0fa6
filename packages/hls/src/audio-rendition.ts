import type { AudioRendition } from './playlist/playlist.ts';

/** Which audio rendition of a group to play. What is not given does not matter; what no rendition offers is passed over. */
export interface AudioPreference {
  /** BCP 47 tag; `en` is found in `en-GB` too (RFC 4647, 3.3.1), and `en-GB` falls back to `en`. */
  readonly language?: string;
  /** NAME, in any case of letters. */
  readonly name?: string;
  /** Channel count: the nearest, rather fewer than more. */
  readonly channels?: number;
}

/**
 * The rendition of a group that fits best: name before language before channels, and among equals the one that the author marks to be
 * played without being asked (RFC 8216, 4.3.4.1.1), else the first. `undefined` for an empty group.
 */
export function chooseRendition(group: readonly AudioRendition[], preference: AudioPreference = {}): AudioRendition | undefined {
  const ranked = group.map((rendition) => ({ rendition, rank: rankOf(rendition, preference) }));
  return ranked.toSorted((one, other) => compare(one.rank, other.rank))[0]?.rendition;
}

/** Smaller is better, the first number counts most. */
function rankOf(rendition: AudioRendition, { channels, language, name }: AudioPreference): readonly number[] {
  const isNamed = name === undefined || rendition.name.toLowerCase() === name.toLowerCase();
  return [
    isNamed ? 0 : 1,
    language === undefined ? 0 : languageDistance(language.toLowerCase(), rendition.language?.toLowerCase() ?? ''),
    channels === undefined ? 0 : channelDistance(channels, Number.parseInt(rendition.channels ?? '', 10)),
    rendition.isDefault ? 0 : rendition.isAutoselect ? 1 : 2,
  ];
}

function languageDistance(wanted: string, offered: string): number {
  if (offered === wanted || offered.startsWith(`${wanted}-`)) return 0;
  return offered !== '' && wanted.startsWith(`${offered}-`) ? 1 : 2;
}

function channelDistance(wanted: number, offered: number): number {
  if (Number.isNaN(offered)) return 100;
  return offered <= wanted ? wanted - offered : 1000 + offered - wanted;
}

function compare(one: readonly number[], other: readonly number[]): number {
  const at = one.findIndex((value, index) => value !== other[index]);
  return at === -1 ? 0 : (one[at] ?? 0) - (other[at] ?? 0);
}
