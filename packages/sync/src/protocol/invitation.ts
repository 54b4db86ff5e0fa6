import { randomBytes } from 'node:crypto';
import { SyncError } from '../sync-error.ts';

/** Where a party is, and the secret that lets one in. */
export interface Invitation {
  /** Name or address, IPv6 without brackets. */
  readonly host: string;
  readonly port: number;
  /** Undefined where an address was given without its secret. */
  readonly secret: Uint8Array | undefined;
}

/** TCP port of control and media. */
export const DEFAULT_PORT = 17401;
/** UDP port of time. */
export const DEFAULT_CLOCK_PORT = 17402;
/** 128 random bits: nobody guesses them, and 26 characters can still be typed. */
const SECRET_BYTES = 16;
/** RFC 4648 base32: no case, no characters that look like another. */
const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
const SCHEME = 'tutti:';

/** A new secret. */
export function createSecret(): Uint8Array {
  return new Uint8Array(randomBytes(SECRET_BYTES));
}

/** `tutti://host:port/#SECRET`: the secret is in the fragment, which no client sends anywhere. */
export function formatInvitation({ host, port, secret }: Invitation): string {
  const place = `${SCHEME}//${host.includes(':') ? `[${host}]` : host}:${port}/`;
  return secret === undefined ? place : `${place}#${formatSecret(secret)}`;
}

/**
 * Reads `tutti://host:port/#SECRET`, or `host[:port]` without a secret; the port is 17401 where none is named. Throws `SyncError`
 * `sync/bad-invitation`; the message never carries the text, which may hold a secret.
 */
export function parseInvitation(text: string): Invitation {
  const url = URL.parse(/^tutti:\/\//i.test(text) ? text : `${SCHEME}//${bracketed(text)}`);
  const isPlain = url?.username === '' && url.password === '' && ['', '/'].includes(url.pathname) && url.search === '';
  if (url === null || !isPlain || url.hostname === '') throw badInvitation('it is like tutti://192.168.1.20:17401/#SECRET');
  return {
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port: url.port === '' ? DEFAULT_PORT : Number(url.port),
    secret: url.hash === '' ? undefined : parseSecret(url.hash.slice(1)),
  };
}

/** The secret as 26 characters of base32. */
export function formatSecret(secret: Uint8Array): string {
  let text = '';
  let bits = 0;
  let held = 0;
  for (const byte of secret) {
    held = (held << 8) | byte;
    for (bits += 8; bits >= 5; bits -= 5) text += ALPHABET.charAt((held >> (bits - 5)) & 31);
    held &= (1 << bits) - 1;
  }
  return bits === 0 ? text : text + ALPHABET.charAt((held << (5 - bits)) & 31);
}

/** Reads a secret in either case, with blanks and hyphens where people put them. Throws `SyncError` `sync/bad-invitation`. */
export function parseSecret(text: string): Uint8Array {
  const bytes: number[] = [];
  let bits = 0;
  let held = 0;
  for (const character of text.replace(/[\s-]/g, '').toUpperCase()) {
    const value = ALPHABET.indexOf(character);
    if (value < 0) throw badInvitation('its secret has characters that no secret has: copy it again');
    held = (held << 5) | value;
    bits += 5;
    if (bits < 8) continue;
    bits -= 8;
    bytes.push((held >> bits) & 255);
    held &= (1 << bits) - 1;
  }
  if (bytes.length !== SECRET_BYTES || bits >= 5 || held !== 0) throw badInvitation('its secret is not whole: copy it again');
  return Uint8Array.from(bytes);
}

/** A bare IPv6 address needs brackets before a URL takes it. */
function bracketed(text: string): string {
  return /^[0-9a-f:]*:[0-9a-f:]*:[0-9a-f:.]*$/i.test(text) ? `[${text}]` : text;
}

function badInvitation(remedy: string): SyncError {
  return new SyncError('sync/bad-invitation', `the invitation cannot be read: ${remedy}`);
}
