import { HlsError, publicUrl } from '../hls-error.ts';
import { parseAttributes, parseDecimal, parseInteger, parseStartOffset } from './line-scan.ts';
import type { PlaylistLine } from './line-scan.ts';
import { References } from './references.ts';
import { applyKeyTag } from './segment-key.ts';
import type { KeySet } from './segment-key.ts';
import type { VariableScope } from './variables.ts';

/** Stands for an apostrophe, which hls-parser takes for a quote. Control characters never survive the scan. */
const APOSTROPHE_STAND_IN = '\u001A';

/** Makes an attribute value safe for hls-parser's quoted strings; `fromQuotable` undoes it. */
export function toQuotable(value: string): string {
  return value.replaceAll("'", APOSTROPHE_STAND_IN).replaceAll('"', '%22');
}

/** Gives back the apostrophes of a value that hls-parser has read. */
export function fromQuotable(value: string): string {
  return value.includes(APOSTROPHE_STAND_IN) ? value.replaceAll(APOSTROPHE_STAND_IN, "'") : value;
}

/** Something in a playlist that breaks the format and was repaired. */
export interface PlaylistWarning {
  readonly line: number;
  readonly message: string;
}

/** What hls-parser cannot carry about one segment. */
export interface SegmentNote {
  readonly line: number;
  readonly title: string | undefined;
  readonly keys: KeySet;
  /** Keys in force where the segment's EXT-X-MAP stood. */
  readonly mapKeys: KeySet;
}

export interface RepairedMedia {
  /** A playlist that hls-parser reads rightly: no titles, no keys, every offset explicit, one tag of a kind per segment. */
  readonly text: string;
  readonly notes: readonly SegmentNote[];
  readonly startOffsetSeconds: number | undefined;
  readonly warnings: readonly PlaylistWarning[];
}

/** Rewrites a media playlist line by line. Throws `hls/bad-playlist`, and `hls/too-large` for variables that outgrow it. */
export function repairMedia(lines: readonly PlaylistLine[], scope: VariableScope, url: string): RepairedMedia {
  const repair = new MediaRepair(scope, url);
  for (const line of lines) repair.add(line);
  return repair.finish();
}

class MediaRepair {
  readonly #scope: VariableScope;
  readonly #url: string;
  readonly #header = new Map<string, string>();
  readonly #body: string[] = [];
  readonly #notes: SegmentNote[] = [];
  readonly #warnings: PlaylistWarning[] = [];
  /** Offset after the last sub-range of each resource: where one without an offset begins. */
  readonly #rangeEnds = new Map<string, number>();
  #keys: KeySet = [];
  #mapKeys: KeySet = [];
  readonly #references: References;
  #startOffsetSeconds: number | undefined;
  #longestSeconds = 0;
  #pendingTags: string[] = [];
  #pendingInfo: { readonly durationSeconds: number | undefined; readonly title: string | undefined } | undefined;
  #pendingRange: PlaylistLine | undefined;

  constructor(scope: VariableScope, url: string) {
    this.#scope = scope;
    this.#url = url;
    this.#references = new References(url);
  }

  add(line: PlaylistLine): void {
    switch (line.tag) {
      case '':
        this.#addSegment(line);
        break;
      case 'EXTINF':
        this.#pendingInfo = this.#readInfo(line);
        break;
      case 'EXT-X-BYTERANGE':
        this.#pendingRange = line;
        break;
      case 'EXT-X-DISCONTINUITY':
      case 'EXT-X-GAP':
        if (!this.#pendingTags.includes(`#${line.tag}`)) this.#pendingTags.push(`#${line.tag}`);
        break;
      case 'EXT-X-PROGRAM-DATE-TIME':
        this.#pendingTags.push(`#${line.tag}:${line.text}`);
        break;
      case 'EXT-X-KEY':
        this.#keys = applyKeyTag(this.#keys, this.#attributes(line), {
          url: this.#url,
          line: line.number,
          references: this.#references,
        });
        break;
      case 'EXT-X-MAP':
        this.#addMap(line);
        break;
      case 'EXT-X-DEFINE':
        this.#scope.define(parseAttributes(line.text), line.number);
        break;
      case 'EXT-X-START':
        this.#startOffsetSeconds = parseStartOffset(parseAttributes(line.text).get('TIME-OFFSET'));
        break;
      case 'EXT-X-TARGETDURATION':
      case 'EXT-X-MEDIA-SEQUENCE':
      case 'EXT-X-DISCONTINUITY-SEQUENCE':
        this.#addNumber(line);
        break;
      case 'EXT-X-ENDLIST':
      case 'EXT-X-I-FRAMES-ONLY':
        this.#header.set(line.tag, '');
        break;
      case 'EXT-X-PLAYLIST-TYPE':
        if (line.text === 'VOD' || line.text === 'EVENT') this.#header.set(line.tag, line.text);
        else this.#warn(line.number, 'EXT-X-PLAYLIST-TYPE is neither VOD nor EVENT and was ignored');
        break;
      case 'EXT-X-SKIP':
        throw this.#error('EXT-X-SKIP in a playlist that was not asked for as an update', line.number);
    }
  }

  finish(): RepairedMedia {
    if (this.#pendingInfo !== undefined || this.#pendingRange !== undefined) {
      this.#warn(this.#pendingRange?.number ?? 0, 'segment tags after the last URI belong to no segment and were ignored');
    }
    if (!this.#header.has('EXT-X-TARGETDURATION')) {
      if (this.#notes.length > 0) this.#warn(1, 'EXT-X-TARGETDURATION is missing');
      this.#header.set('EXT-X-TARGETDURATION', String(Math.max(1, Math.round(this.#longestSeconds))));
    }
    const header = Array.from(this.#header, ([tag, value]) => (value === '' ? `#${tag}` : `#${tag}:${value}`));
    return {
      text: ['#EXTM3U', ...header, this.#body.join('\n')].join('\n'),
      notes: this.#notes,
      startOffsetSeconds: this.#startOffsetSeconds,
      warnings: this.#warnings,
    };
  }

  #addSegment(line: PlaylistLine): void {
    const uri = this.#scope.substitute(line.text, line.number);
    const durationSeconds = this.#pendingInfo?.durationSeconds ?? this.#targetDuration(line);
    this.#longestSeconds = Math.max(this.#longestSeconds, durationSeconds);
    for (const tag of this.#pendingTags) this.#body.push(tag);
    this.#body.push(`#EXTINF:${durationSeconds},`);
    if (this.#pendingRange !== undefined) this.#body.push(`#EXT-X-BYTERANGE:${this.#readRange(this.#pendingRange, uri)}`);
    this.#body.push(uri);
    this.#notes.push({ line: line.number, title: this.#pendingInfo?.title, keys: this.#keys, mapKeys: this.#mapKeys });
    if (this.#pendingTags.length > 0) this.#pendingTags = [];
    this.#pendingInfo = undefined;
    this.#pendingRange = undefined;
  }

  #addMap(line: PlaylistLine): void {
    const attributes = this.#attributes(line);
    const uri = attributes.get('URI');
    if (uri === undefined || uri === '') throw this.#error('EXT-X-MAP has no URI', line.number);
    const range = attributes.get('BYTERANGE');
    const byteRange = range === undefined ? '' : `,BYTERANGE="${this.#explicitRange(range, 0, line.number).text}"`;
    this.#pendingTags = this.#pendingTags.filter((tag) => !tag.startsWith('#EXT-X-MAP'));
    this.#pendingTags.push(`#EXT-X-MAP:URI="${toQuotable(uri)}"${byteRange}`);
    this.#mapKeys = this.#keys;
  }

  #addNumber(line: PlaylistLine): void {
    const value = parseInteger(line.text) ?? Math.round(parseDecimal(line.text) ?? Number.NaN);
    if (!Number.isSafeInteger(value)) {
      this.#warn(line.number, `${line.tag} is not a number and was ignored`);
    } else if (this.#notes.length > 0 && line.tag !== 'EXT-X-TARGETDURATION') {
      this.#warn(line.number, `${line.tag} after the first segment was ignored`);
    } else if (value > 0 || line.tag !== 'EXT-X-TARGETDURATION') {
      this.#header.set(line.tag, String(value));
    }
  }

  #readInfo(line: PlaylistLine): { readonly durationSeconds: number | undefined; readonly title: string | undefined } {
    const comma = line.text.indexOf(',');
    const durationSeconds = parseDecimal((comma === -1 ? line.text : line.text.slice(0, comma)).trim());
    const title = comma === -1 ? '' : line.text.slice(comma + 1).trim();
    if (durationSeconds === undefined) this.#warn(line.number, 'EXTINF has no valid duration: the target duration is used');
    return { durationSeconds, title: title === '' ? undefined : title };
  }

  #targetDuration(line: PlaylistLine): number {
    if (this.#pendingInfo === undefined) this.#warn(line.number, 'segment without EXTINF: the target duration is used');
    return Number(this.#header.get('EXT-X-TARGETDURATION') ?? 0);
  }

  #readRange(line: PlaylistLine, uri: string): string {
    const previousEnd = this.#rangeEnds.get(uri);
    if (previousEnd === undefined && !/@./u.test(line.text)) {
      this.#warn(line.number, 'EXT-X-BYTERANGE has no offset and no earlier range to follow: it begins at 0');
    }
    const { text, end } = this.#explicitRange(line.text, previousEnd ?? 0, line.number);
    this.#rangeEnds.set(uri, end);
    return text;
  }

  #explicitRange(text: string, defaultOffset: number, line: number): { readonly text: string; readonly end: number } {
    const [lengthText = '', offsetText = '', ...rest] = text.split('@');
    const length = parseInteger(lengthText.trim());
    const offset = offsetText === '' ? defaultOffset : parseInteger(offsetText.trim());
    if (length === undefined || length === 0 || offset === undefined || rest.length > 0 || !Number.isSafeInteger(offset + length)) {
      throw this.#error('a byte range is not LENGTH@OFFSET', line);
    }
    return { text: `${length}@${offset}`, end: offset + length };
  }

  #attributes(line: PlaylistLine): ReadonlyMap<string, string> {
    const attributes = parseAttributes(line.text);
    if (!line.text.includes('{$')) return attributes;
    return new Map(Array.from(attributes, ([name, value]) => [name, this.#scope.substitute(value, line.number)]));
  }

  #warn(line: number, message: string): void {
    // A bound on warnings, not on repairs: nobody reads more, and a hostile playlist could make a million.
    if (this.#warnings.length < 100) this.#warnings.push({ line, message });
  }

  #error(problem: string, line: number): HlsError {
    return new HlsError('hls/bad-playlist', `playlist ${publicUrl(this.#url)}, line ${line}: ${problem}`, { url: this.#url, line });
  }
}
