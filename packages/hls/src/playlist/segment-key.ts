import { HlsError, publicUrl } from '../hls-error.ts';
import type { Attributes } from './line-scan.ts';
import type { References } from './references.ts';

/** One EXT-X-KEY in force (RFC 8216, 4.3.2.4). Never METHOD=NONE: that is the absence of a key. */
export interface SegmentKey {
  /** As written: `AES-128`, `SAMPLE-AES`, … */
  readonly method: string;
  /** Absolute where it could be resolved; other schemes (`skd:`) as they are. */
  readonly uri: string;
  /** Explicit IV, 16 bytes; `undefined` means the segment's media sequence number. */
  readonly iv: Uint8Array | undefined;
  /** `identity` when the tag has no KEYFORMAT. */
  readonly keyFormat: string;
  /** Of its tag in the playlist. */
  readonly line: number;
}

/** The keys in force at one point of a playlist: at most one per KEYFORMAT. */
export type KeySet = readonly SegmentKey[];

export interface KeyTagPlace {
  /** URL of the playlist. */
  readonly url: string;
  readonly line: number;
  readonly references: References;
}

/**
 * Applies one EXT-X-KEY to the keys in force: METHOD=NONE ends all of them, another one replaces the key of its
 * KEYFORMAT. Throws `hls/bad-playlist` for a missing METHOD or URI and for an IV that is not a 128-bit number.
 */
export function applyKeyTag(keys: KeySet, attributes: Attributes, place: KeyTagPlace): KeySet {
  const method = attributes.get('METHOD');
  if (method === undefined) throw badKeyTag('EXT-X-KEY has no METHOD', place);
  if (method === 'NONE') return [];
  const uri = attributes.get('URI');
  if (uri === undefined || uri === '') throw badKeyTag('EXT-X-KEY has no URI', place);
  const keyFormat = attributes.get('KEYFORMAT') ?? 'identity';
  const key: SegmentKey = {
    method,
    uri: place.references.any(uri),
    iv: parseIv(attributes.get('IV'), place),
    keyFormat,
    line: place.line,
  };
  return keys.length === 0 || (keys.length === 1 && keys[0]?.keyFormat === keyFormat)
    ? [key]
    : [...keys.filter((other) => other.keyFormat !== keyFormat), key];
}

/**
 * The key to decrypt with: the `identity` AES-128 one where there is one, else the first of the others, which the caller
 * refuses as unsupported; `undefined` for clear media.
 */
export function chooseKey(keys: KeySet): SegmentKey | undefined {
  return keys.find(isSupportedKey) ?? keys[0];
}

/** Whether a key is whole-segment AES-128 with its bytes behind an http(s) URL. */
export function isSupportedKey(key: SegmentKey): boolean {
  return key.method === 'AES-128' && key.keyFormat === 'identity' && /^https?:/u.test(key.uri);
}

/** Throws `hls/unsupported-encryption`, naming method and line, unless what is under `key` in the playlist at `url` can be decrypted. */
export function checkSupported(key: SegmentKey, url: string): void {
  if (isSupportedKey(key)) return;
  const { keyFormat, line, method } = key;
  const what =
    method === 'AES-128' && keyFormat === 'identity' ? 'a key that is not behind http(s)' : `${method}, key format ${keyFormat}`;
  const message = `playlist ${publicUrl(url)}, line ${line}: segments are encrypted with ${what}: only AES-128 with key format identity is played; choose a clear or AES-128 stream`;
  throw new HlsError('hls/unsupported-encryption', message, { url, line });
}

/** The IV of a segment without an explicit one: its media sequence number as a big-endian 128-bit number (RFC 8216, 5.2). */
export function implicitIv(mediaSequence: number): Uint8Array {
  const iv = new Uint8Array(16);
  new DataView(iv.buffer).setBigUint64(8, BigInt(mediaSequence));
  return iv;
}

function parseIv(text: string | undefined, place: KeyTagPlace): Uint8Array | undefined {
  if (text === undefined) return undefined;
  if (!/^0[xX][0-9a-fA-F]{1,32}$/u.test(text)) throw badKeyTag('IV is not 0x and up to 32 hexadecimal digits', place);
  return Buffer.from(text.slice(2).padStart(32, '0'), 'hex');
}

function badKeyTag(problem: string, { url, line }: KeyTagPlace): HlsError {
  return new HlsError('hls/bad-playlist', `playlist ${publicUrl(url)}, line ${line}: ${problem}`, { url, line });
}
