import { HlsError, publicUrl } from '../hls-error.ts';
import { parseAttributes, parseInteger, parseStartOffset } from './line-scan.ts';
import type { Attributes, PlaylistLine } from './line-scan.ts';
import { toQuotable } from './repair-media.ts';
import type { PlaylistWarning } from './repair-media.ts';
import { References } from './references.ts';
import { applyKeyTag } from './segment-key.ts';
import type { SegmentKey } from './segment-key.ts';
import type { VariableScope } from './variables.ts';

/** More, session keys included, are refused: hls-parser looks at every rendition for every variant. Real ladders have tens. */
const MAX_VARIANTS = 1000;
const MAX_RENDITIONS = 10_000;

const VARIANT_ATTRIBUTES = ['AVERAGE-BANDWIDTH', 'CODECS', 'RESOLUTION', 'AUDIO'];
const RENDITION_ATTRIBUTES = ['GROUP-ID', 'NAME', 'LANGUAGE', 'URI', 'DEFAULT', 'AUTOSELECT', 'CHANNELS'];
/** The attributes that are quoted strings; the others are numbers, resolutions and enumerated words (RFC 8216, 4.3.4). */
const QUOTED = new Set(['CODECS', 'AUDIO', 'GROUP-ID', 'NAME', 'LANGUAGE', 'URI', 'CHANNELS']);

export interface RepairedMultivariant {
  /** A playlist that hls-parser reads rightly: audio renditions and variants only, each variant followed by its URI. */
  readonly text: string;
  /** Line of each variant's EXT-X-STREAM-INF. */
  readonly variantLines: readonly number[];
  readonly sessionKeys: readonly SegmentKey[];
  readonly startOffsetSeconds: number | undefined;
  readonly warnings: readonly PlaylistWarning[];
}

/** Rewrites a multivariant playlist line by line; I-frame variants are left out. Throws `hls/bad-playlist` and `hls/too-large`. */
export function repairMultivariant(lines: readonly PlaylistLine[], scope: VariableScope, url: string): RepairedMultivariant {
  const renditions: string[] = [];
  const variants: string[] = [];
  const variantLines: number[] = [];
  const warnings: PlaylistWarning[] = [];
  const sessionKeys: SegmentKey[] = [];
  const references = new References(url);
  let startOffsetSeconds: number | undefined;
  let pending: PlaylistLine | undefined;
  for (const line of lines) {
    switch (line.tag) {
      case '':
        if (pending === undefined) warnings.push({ line: line.number, message: 'a URI without EXT-X-STREAM-INF was ignored' });
        else variants.push(variantTag(attributesOf(pending, scope), pending, warnings), scope.substitute(line.text, line.number));
        if (pending !== undefined) variantLines.push(pending.number);
        pending = undefined;
        break;
      case 'EXT-X-STREAM-INF':
        if (pending !== undefined) warnings.push({ line: pending.number, message: 'a variant without a URI was left out' });
        pending = line;
        break;
      case 'EXT-X-MEDIA': {
        const attributes = attributesOf(line, scope);
        if (attributes.get('TYPE') !== 'AUDIO') break;
        if (!attributes.has('GROUP-ID'))
          warnings.push({ line: line.number, message: 'an audio rendition without GROUP-ID was left out' });
        else renditions.push(writeTag('#EXT-X-MEDIA:TYPE=AUDIO', attributes, RENDITION_ATTRIBUTES));
        break;
      }
      case 'EXT-X-SESSION-KEY':
        sessionKeys.push(...applyKeyTag([], attributesOf(line, scope), { url, line: line.number, references }));
        break;
      case 'EXT-X-START':
        startOffsetSeconds = parseStartOffset(parseAttributes(line.text).get('TIME-OFFSET'));
        break;
      case 'EXT-X-DEFINE':
        scope.define(parseAttributes(line.text), line.number);
        break;
      case 'EXTINF':
        throw new HlsError(
          'hls/bad-playlist',
          `playlist ${publicUrl(url)}, line ${line.number}: ${line.tag} of a media playlist inside a multivariant playlist`,
          { url, line: line.number },
        );
    }
    if (
      variantLines.length + sessionKeys.length > MAX_VARIANTS ||
      renditions.length > MAX_RENDITIONS ||
      warnings.length > MAX_RENDITIONS
    ) {
      throw new HlsError('hls/too-large', `playlist ${publicUrl(url)} has too many variants, renditions or keys`, {
        url,
        line: line.number,
      });
    }
  }
  if (pending !== undefined) warnings.push({ line: pending.number, message: 'a variant without a URI was left out' });
  return { text: ['#EXTM3U', ...renditions, ...variants].join('\n'), variantLines, sessionKeys, startOffsetSeconds, warnings };
}

function variantTag(attributes: Attributes, line: PlaylistLine, warnings: PlaylistWarning[]): string {
  const bandwidth = parseInteger(attributes.get('BANDWIDTH'));
  if (bandwidth === undefined) warnings.push({ line: line.number, message: 'EXT-X-STREAM-INF has no valid BANDWIDTH' });
  const fallback = parseInteger(attributes.get('AVERAGE-BANDWIDTH')) ?? 0;
  return writeTag(`#EXT-X-STREAM-INF:BANDWIDTH=${bandwidth ?? fallback}`, attributes, VARIANT_ATTRIBUTES);
}

function writeTag(head: string, attributes: Attributes, names: readonly string[]): string {
  let text = head;
  for (const name of names) {
    const value = attributes.get(name);
    if (value === undefined) continue;
    text += QUOTED.has(name) ? `,${name}="${toQuotable(value)}"` : `,${name}=${toQuotable(value).replaceAll(',', '')}`;
  }
  return text;
}

function attributesOf(line: PlaylistLine, scope: VariableScope): Attributes {
  const attributes = parseAttributes(line.text);
  return new Map(Array.from(attributes, ([name, value]) => [name, scope.substitute(value, line.number)]));
}
