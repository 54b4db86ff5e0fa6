import { createHash } from 'node:crypto';
import * as z from 'zod/mini';
import { PartyError } from './party-error.ts';

const sha256 = z.string().check(z.regex(/^[0-9a-f]{64}$/));
const length = z.int().check(z.nonnegative());

const resource = z.object({
  /** Where it lies in the asset; the same on every node. */
  relPath: z.string().check(z.maxLength(200)),
  sha256,
  length,
  contentType: z.optional(z.string().check(z.maxLength(200))),
  /** URL after redirects, without query and credentials: what a playlist's references are relative to. */
  finalUrl: z.optional(z.string().check(z.maxLength(4096))),
});

const trackCard = z.object({
  /** Identity of the bytes: see `identityOf`. */
  hash: sha256,
  kind: z.enum(['progressive', 'hls']),
  /** What the asset is named by, without query and credentials. */
  url: z.url().check(z.maxLength(4096)),
  /** Which rung of an HLS ladder plays, in bits per second; 0 where there is no ladder. */
  bandwidth: length,
  resources: z.array(resource).check(z.minLength(1), z.maxLength(100_000)),
});

/** Everything that a node needs in its cache to play a track without asking anybody, sorted by place. */
export type TrackCard = Readonly<z.infer<typeof trackCard>>;
export type TrackResource = TrackCard['resources'][number];

/** A card is at most this long, in bytes: a hundred thousand segments. */
export const MAX_CARD_BYTES = 64 * 1024 * 1024;

/** A track's identity: SHA-256 over the hashes of its resources, in the order of their places. */
export function identityOf(resources: readonly TrackResource[]): string {
  const hash = createHash('sha256');
  for (const { sha256 } of resources) hash.update(sha256, 'hex');
  return hash.digest('hex');
}

/** A card over these resources, in order and with its identity. */
export function makeTrackCard(parts: Omit<TrackCard, 'hash'>): TrackCard {
  const resources = parts.resources.toSorted((a, b) => (a.relPath < b.relPath ? -1 : 1));
  return { ...parts, resources, hash: identityOf(resources) };
}

/** Reads the card of the track `hash`. Throws `PartyError` `party/bad-card` when it is not that track's, or no card at all. */
export function parseTrackCard(bytes: Uint8Array, hash: string): TrackCard {
  let card: TrackCard;
  try {
    card = trackCard.parse(JSON.parse(new TextDecoder().decode(bytes)));
  } catch (cause) {
    throw new PartyError('party/bad-card', `the host's description of track ${hash.slice(0, 8)} cannot be read`, { cause });
  }
  if (card.hash === hash && identityOf(card.resources) === hash) return card;
  throw new PartyError('party/bad-card', `the host describes another track than ${hash.slice(0, 8)}`);
}
