import type { ByteRange } from '@tutti/storage';
import { getOptions, parse, setOptions } from 'hls-parser';
import type { types } from 'hls-parser';
import { HlsError, publicUrl } from '../hls-error.ts';
import { scanLines } from './line-scan.ts';
import { References } from './references.ts';
import { fromQuotable, repairMedia } from './repair-media.ts';
import type { PlaylistWarning, SegmentNote } from './repair-media.ts';
import { repairMultivariant } from './repair-multivariant.ts';
import type { RepairedMultivariant } from './repair-multivariant.ts';
import { chooseKey } from './segment-key.ts';
import type { KeySet, SegmentKey } from './segment-key.ts';
import { VariableScope } from './variables.ts';
import type { Variables } from './variables.ts';

/** One EXT-X-STREAM-INF. I-frame variants never appear. */
export interface PlaylistVariant {
  /** Absolute. */
  readonly uri: string;
  /** Peak bits per second; 0 where the playlist does not say. */
  readonly bandwidth: number;
  readonly averageBandwidth: number | undefined;
  readonly codecs: string | undefined;
  /** GROUP-ID of its audio renditions, where that group exists. */
  readonly audioGroup: string | undefined;
  readonly resolution: { readonly width: number; readonly height: number } | undefined;
  readonly line: number;
}

/** One EXT-X-MEDIA of TYPE=AUDIO whose group some variant names. */
export interface AudioRendition {
  readonly groupId: string;
  readonly name: string;
  readonly language: string | undefined;
  /** Absolute; `undefined` when the audio is inside the variant itself. */
  readonly uri: string | undefined;
  readonly isDefault: boolean;
  readonly isAutoselect: boolean;
  /** CHANNELS as written: the channel count, then what `/` separates. */
  readonly channels: string | undefined;
}

export interface MultivariantPlaylist {
  readonly kind: 'multivariant';
  readonly variants: readonly PlaylistVariant[];
  readonly renditions: readonly AudioRendition[];
  /** EXT-X-SESSION-KEY: keys of its media playlists, to be fetched before those are. */
  readonly sessionKeys: readonly SegmentKey[];
  /** EXT-X-START of every media playlist that it names; negative counts from the end. */
  readonly startOffsetSeconds: number | undefined;
  /** For the IMPORT of its media playlists. */
  readonly variables: Variables;
  readonly warnings: readonly PlaylistWarning[];
}

/** An EXT-X-MAP: the init section that segments are decoded after. One object per tag, shared by its segments. */
export interface InitSection {
  /** Absolute. */
  readonly uri: string;
  readonly range: ByteRange | undefined;
  /** Key in force where the tag stood. */
  readonly key: SegmentKey | undefined;
}

export interface MediaSegment {
  /** Absolute. */
  readonly uri: string;
  /** EXTINF: selects segments, is never a frame position. */
  readonly durationSeconds: number;
  /** Sum of the durations before it. */
  readonly startSeconds: number;
  readonly mediaSequence: number;
  readonly discontinuitySequence: number;
  readonly range: ByteRange | undefined;
  readonly map: InitSection | undefined;
  /** The key to decrypt with, chosen among `keys`; `undefined` for clear media. */
  readonly key: SegmentKey | undefined;
  /** Every key in force, one per KEYFORMAT. */
  readonly keys: KeySet;
  readonly isDiscontinuity: boolean;
  readonly isGap: boolean;
  readonly title: string | undefined;
  readonly programDateTime: Date | undefined;
  readonly line: number;
}

export interface MediaPlaylist {
  readonly kind: 'media';
  readonly targetDurationSeconds: number;
  readonly mediaSequence: number;
  readonly discontinuitySequence: number;
  readonly isEnded: boolean;
  readonly type: 'VOD' | 'EVENT' | undefined;
  readonly isIFramesOnly: boolean;
  /** EXT-X-START; negative counts from the end. */
  readonly startOffsetSeconds: number | undefined;
  readonly durationSeconds: number;
  readonly segments: readonly MediaSegment[];
  readonly warnings: readonly PlaylistWarning[];
}

export interface ParsePlaylistOptions {
  /** URL after redirects: the base of relative references. */
  readonly url: string;
  /** URL as it was asked, where it differs. */
  readonly requestUrl?: string;
  /** Variables of the multivariant playlist that named this one. */
  readonly imports?: Variables;
}

/**
 * Reads a multivariant or media playlist (RFC 8216 and the EXT-X-DEFINE and EXT-X-GAP of its second edition).
 *
 * The lines are scanned, validated and repaired here; hls-parser then reads the repaired text, and its objects stay in
 * this file. Throws `HlsError` only: `hls/not-a-playlist`, `hls/bad-playlist` with the line, `hls/too-large`.
 */
export function parsePlaylist(bytes: Uint8Array, options: ParsePlaylistOptions): MultivariantPlaylist | MediaPlaylist {
  const { url } = options;
  const { hasHlsTag, lines } = scanLines(bytes, url);
  const scope = new VariableScope(options);
  if (
    lines.some((line) => line.tag === 'EXT-X-STREAM-INF' || line.tag === 'EXT-X-MEDIA' || line.tag === 'EXT-X-I-FRAME-STREAM-INF')
  ) {
    const repaired = repairMultivariant(lines, scope, url);
    return readMultivariant(parseText(repaired.text, url), { url, ...repaired, variables: scope.values });
  }
  if (!hasHlsTag) {
    const what =
      lines.length === 1 ? 'has nothing but #EXTM3U' : 'is a plain M3U list without HLS tags: give its entries one by one';
    throw new HlsError('hls/not-a-playlist', `${publicUrl(url)} is not an HLS playlist: it ${what}`, { url, line: 1 });
  }
  const repaired = repairMedia(lines, scope, url);
  return readMedia(parseText(repaired.text, url), { url, ...repaired });
}

type ParsedPlaylist = types.MasterPlaylist | types.MediaPlaylist;

function parseText(text: string, url: string): ParsedPlaylist {
  // hls-parser's options are global to the process: strict mode would refuse what the scan tolerates, and the default prints.
  const options = getOptions();
  setOptions({ strictMode: false, silent: true });
  try {
    return parse(text);
  } catch (cause) {
    throw new HlsError('hls/bad-playlist', `playlist ${publicUrl(url)} cannot be parsed`, { url, cause });
  } finally {
    setOptions({ strictMode: false, silent: false, ...options });
  }
}

function readMultivariant(
  parsed: ParsedPlaylist,
  context: Omit<RepairedMultivariant, 'text'> & { readonly url: string; readonly variables: Variables },
): MultivariantPlaylist {
  const { sessionKeys, startOffsetSeconds, url, variantLines, variables, warnings } = context;
  const references = new References(url);
  const variants: PlaylistVariant[] = [];
  const renditions = new Map<string, AudioRendition>();
  for (const [index, variant] of (parsed.isMasterPlaylist ? parsed.variants : []).entries()) {
    const line = variantLines[index] ?? 1;
    for (const item of variant.audio) {
      const rendition = readRendition(item, references, line);
      renditions.set(`${rendition.groupId}\n${rendition.name}\n${rendition.uri ?? ''}`, rendition);
    }
    variants.push({
      uri: references.fetchable(variant.uri, line),
      bandwidth: variant.bandwidth,
      averageBandwidth: variant.averageBandwidth,
      codecs: variant.codecs === undefined ? undefined : fromQuotable(variant.codecs),
      audioGroup: variant.audio[0] === undefined ? undefined : fromQuotable(variant.audio[0].groupId),
      resolution: variant.resolution === undefined ? undefined : { ...variant.resolution },
      line,
    });
  }
  return {
    kind: 'multivariant',
    variants,
    renditions: [...renditions.values()],
    sessionKeys,
    startOffsetSeconds,
    variables,
    warnings,
  };
}

function readRendition(rendition: types.Rendition, references: References, line: number): AudioRendition {
  return {
    groupId: fromQuotable(rendition.groupId),
    name: fromQuotable(rendition.name ?? ''),
    language: rendition.language,
    uri: rendition.uri === undefined ? undefined : references.fetchable(fromQuotable(rendition.uri), line),
    isDefault: rendition.isDefault ?? false,
    isAutoselect: (rendition.autoselect ?? false) || (rendition.isDefault ?? false),
    channels: rendition.channels,
  };
}

interface MediaContext {
  readonly url: string;
  readonly notes: readonly SegmentNote[];
  readonly warnings: readonly PlaylistWarning[];
  readonly startOffsetSeconds: number | undefined;
}

function readMedia(parsed: ParsedPlaylist, context: MediaContext): MediaPlaylist {
  const { url, notes, warnings, startOffsetSeconds } = context;
  if (parsed.isMasterPlaylist || parsed.segments.length !== notes.length) {
    throw new HlsError('hls/bad-playlist', `playlist ${publicUrl(url)} cannot be parsed: its segments are ambiguous`, { url });
  }
  const references = new References(url);
  const inits = new InitSections(references);
  const segments: MediaSegment[] = [];
  let startSeconds = 0;
  for (const [index, note] of notes.entries()) {
    const parsedSegment = parsed.segments[index];
    if (parsedSegment === undefined) break;
    const segment = readSegment(parsedSegment, note, { references, startSeconds, inits });
    startSeconds += segment.durationSeconds;
    segments.push(segment);
  }
  return {
    kind: 'media',
    targetDurationSeconds: parsed.targetDuration,
    mediaSequence: parsed.mediaSequenceBase ?? 0,
    discontinuitySequence: parsed.discontinuitySequenceBase ?? 0,
    isEnded: parsed.endlist,
    type: parsed.playlistType,
    isIFramesOnly: parsed.isIFrame === true,
    startOffsetSeconds,
    durationSeconds: startSeconds,
    segments,
    warnings,
  };
}

function readSegment(
  segment: types.Segment,
  note: SegmentNote,
  {
    references,
    startSeconds,
    inits,
  }: { readonly references: References; readonly startSeconds: number; readonly inits: InitSections },
): MediaSegment {
  return {
    uri: references.fetchable(segment.uri, note.line),
    durationSeconds: segment.duration,
    startSeconds,
    mediaSequence: segment.mediaSequenceNumber,
    discontinuitySequence: segment.discontinuitySequence,
    range: readRange(segment.byterange),
    map: inits.of(segment.map, note),
    key: chooseKey(note.keys),
    keys: note.keys,
    isDiscontinuity: segment.discontinuity === true,
    isGap: segment.gap === true,
    title: note.title,
    programDateTime: Number.isNaN(segment.programDateTime?.getTime() ?? Number.NaN) ? undefined : segment.programDateTime,
    line: note.line,
  };
}

/** Makes one `InitSection` per EXT-X-MAP, so that segments can be compared by it. */
class InitSections {
  readonly #references: References;
  readonly #known = new Map<types.MediaInitializationSection, InitSection>();

  constructor(references: References) {
    this.#references = references;
  }

  of(map: types.MediaInitializationSection | undefined | null, note: SegmentNote): InitSection | undefined {
    if (map === undefined || map === null) return undefined;
    const known = this.#known.get(map);
    if (known !== undefined) return known;
    const init: InitSection = {
      uri: this.#references.fetchable(fromQuotable(map.uri), note.line),
      range: readRange(map.byterange),
      key: chooseKey(note.mapKeys),
    };
    this.#known.set(map, init);
    return init;
  }
}

function readRange(range: { readonly length: number; readonly offset: number } | undefined): ByteRange | undefined {
  return range === undefined ? undefined : { start: range.offset, end: range.offset + range.length };
}
