import * as z from 'zod/mini';

/** Names that people give: one line, short enough for a list. */
export const displayName = z.string().check(z.minLength(1), z.maxLength(80), z.regex(/^[^\p{Cc}]*$/u));
/** Identifiers that Tutti makes: base64url of random bytes, or a UUID. */
export const identifier = z.string().check(z.regex(/^[A-Za-z0-9_-]{1,64}$/));
/** SHA-256 in lower-case hexadecimal. */
export const contentHash = z.string().check(z.regex(/^[0-9a-f]{64}$/));
export const nonNegative = z.int().check(z.nonnegative());
export const volumeDb = z.number().check(z.gte(-96), z.lte(0));

/** Most tracks that a session holds: its whole queue travels in one message. */
export const MAX_QUEUE_ITEMS = 1000;
/** Most nodes that a session can be opened for. */
export const MAX_NODES = 256;

const queueItem = z.object({
  trackId: identifier,
  /** For people: a file name, or a URL without query and credentials. */
  label: z.string().check(z.maxLength(1000)),
  /** Identity of the bytes; absent until the host has them. */
  hash: z.optional(contentHash),
  durationSeconds: z.optional(z.number().check(z.nonnegative())),
  addedBy: displayName,
  /** `ready`: the host and every node have all bytes. */
  status: z.enum(['transferring', 'ready', 'playing', 'played', 'failed']),
  /** Why it failed. */
  message: z.optional(z.string().check(z.maxLength(1000))),
});

/** What a node told about itself last. */
const nodeReport = z.object({
  /** How far its map to session time may be off, in microseconds; absent until there is one. */
  boundUs: z.optional(z.number().check(z.nonnegative())),
  skewPpm: z.optional(z.number()),
  isClockReady: z.boolean(),
  /** Measured |alignment error| between the sound and the timeline, in microseconds. */
  alignP50Us: z.optional(z.number().check(z.nonnegative())),
  alignP95Us: z.optional(z.number().check(z.nonnegative())),
  underruns: nonNegative,
  snaps: nonNegative,
  bufferedSeconds: z.number().check(z.nonnegative()),
  latencySource: z.enum(['calibrated', 'reported', 'assumed', 'none']),
  /** For people: what is played on. */
  output: z.string().check(z.maxLength(200)),
  /** False where the node plays into nothing. */
  hasDevice: z.boolean(),
  volumeDb,
});

const member = z.object({
  nodeId: identifier,
  nodeNumber: z.int().check(z.gte(1), z.lte(65_535)),
  name: displayName,
  isConnected: z.boolean(),
  report: z.optional(nodeReport),
});

const frameRate = { rateNum: z.int().check(z.positive()), rateDen: z.int().check(z.positive()) };

/** A timeline as it travels: `Timeline` of this package. */
export const timelineSchema = z.object({
  epoch: nonNegative,
  trackId: identifier,
  hash: contentHash,
  frame0: nonNegative,
  t0Us: z.int(),
  ...frameRate,
  state: z.enum(['playing', 'paused', 'stopped']),
  next: z.optional(z.object({ trackId: identifier, hash: contentHash, atFrame: nonNegative, frame0: nonNegative, ...frameRate })),
});

/** Everything that a session's members see of it. */
export const sessionViewSchema = z.object({
  sessionId: identifier,
  name: displayName,
  /** Counts changes of the queue: an edit that names an older one is refused. */
  revision: nonNegative,
  state: z.enum(['playing', 'paused', 'stopped']),
  /** Where the current track was when this was sent. */
  positionSeconds: z.optional(z.number()),
  queue: z.array(queueItem).check(z.maxLength(MAX_QUEUE_ITEMS)),
  members: z.array(member).check(z.maxLength(MAX_NODES)),
  maxNodes: z.int().check(z.positive()),
});

export type QueueItem = Readonly<z.infer<typeof queueItem>>;
export type NodeReport = Readonly<z.infer<typeof nodeReport>>;
export type Member = Readonly<z.infer<typeof member>>;
export type SessionView = Readonly<z.infer<typeof sessionViewSchema>>;
export const nodeReportSchema = nodeReport;
