import * as z from 'zod/mini';
import { SyncError } from '../sync-error.ts';
import { sessionUs } from '../units.ts';
import type { Timeline } from '../timeline.ts';
import { commandSchema } from './commands.ts';
import {
  contentHash,
  displayName,
  identifier,
  nodeReportSchema,
  nonNegative,
  sessionViewSchema,
  timelineSchema,
  volumeDb,
} from './session-view.ts';

/** Version of the control protocol. Two ends with different ones do not talk. */
export const PROTOCOL_VERSION = 1;
/** A message is at most this long, in bytes of UTF-8: a full queue fits, a flood does not. */
export const MAX_MESSAGE_BYTES = 1 << 20;

/** A message places at most so many changes of volume. */
export const MAX_AUTOMATION_POINTS = 1000;

const nonce = z.string().check(z.regex(/^[A-Za-z0-9_-]{22}$/));
const proof = z.string().check(z.regex(/^[A-Za-z0-9_-]{43}$/));
const sentence = z.string().check(z.maxLength(1000));
const clockTimeUs = z.int();

const timeline = z.pipe(
  timelineSchema,
  z.transform((line): Timeline => ({ ...line, t0Us: sessionUs(line.t0Us) })),
);

/** Musical time has become session time before it travels: only the host knows the tempo. */
const placedAutomation = z.pipe(
  z.object({ atUs: z.int(), volumeDb: z.optional(volumeDb), muted: z.optional(z.boolean()) }),
  z.transform(({ atUs, ...change }) => ({ ...change, atUs: sessionUs(atUs) })),
);

const hostMessage = z.discriminatedUnion('type', [
  /** First of all: what the other end has to prove the secret for. */
  z.object({ type: z.literal('challenge'), version: nonNegative, sessionId: identifier, name: displayName, nonce }),
  /** The secret was right; and here is proof that the host has it too. */
  z.object({ type: z.literal('accepted'), proof }),
  z.object({
    type: z.literal('welcome'),
    nodeNumber: nonNegative,
    clockPort: z.int().check(z.gte(0), z.lte(65_535)),
    /** Brings a node back to its place within a minute of losing the connection. */
    resumeToken: identifier,
    onHostGone: z.enum(['stop', 'finish']),
    session: sessionViewSchema,
    line: z.optional(timeline),
    volumeDb,
  }),
  z.object({
    type: z.literal('reject'),
    reason: z.enum(['full', 'denied', 'locked', 'version', 'expired']),
    retryAfterSeconds: z.optional(nonNegative),
  }),
  z.object({ type: z.literal('session'), session: sessionViewSchema }),
  /** Get the bytes of this track now. */
  z.object({ type: z.literal('fetch'), trackId: identifier, hash: contentHash }),
  /** Be able to begin this track here. */
  z.object({ type: z.literal('prepare'), trackId: identifier, hash: contentHash, frame: nonNegative }),
  z.object({ type: z.literal('line'), line: timeline }),
  z.object({ type: z.literal('automation'), points: z.array(placedAutomation).check(z.maxLength(MAX_AUTOMATION_POINTS)) }),
  z.object({ type: z.literal('volume'), volumeDb }),
  /** Answer to a probe over the control channel, for nodes that no datagram reaches. */
  z.object({ type: z.literal('time'), sequence: nonNegative, t1Us: clockTimeUs, t2Us: clockTimeUs, t3Us: clockTimeUs }),
  /** What became of a command. */
  z.object({
    type: z.literal('outcome'),
    id: nonNegative,
    message: z.optional(sentence),
    code: z.optional(z.string().check(z.maxLength(80))),
  }),
  z.object({ type: z.literal('end'), reason: sentence }),
]);

const peerMessage = z.discriminatedUnion('type', [
  z.object({ type: z.literal('prove'), nonce, proof }),
  z.object({
    type: z.literal('hello'),
    role: z.literal('node'),
    nodeId: identifier,
    name: displayName,
    output: z.string().check(z.maxLength(200)),
    hasDevice: z.boolean(),
    volumeDb,
    resumeToken: z.optional(identifier),
  }),
  z.object({ type: z.literal('control'), name: displayName }),
  z.object({ type: z.literal('probe'), sequence: nonNegative, t1Us: clockTimeUs }),
  z.object({ type: z.literal('progress'), trackId: identifier, doneBytes: nonNegative, totalBytes: nonNegative }),
  z.object({ type: z.literal('got'), trackId: identifier, hash: contentHash, isOk: z.boolean(), message: z.optional(sentence) }),
  z.object({
    type: z.literal('armed'),
    trackId: identifier,
    hash: contentHash,
    minLeadMs: z.number().check(z.nonnegative()),
    sampleRate: z.int().check(z.positive()),
    /** Absent while nobody knows: before the end of some files was reached. */
    durationFrames: z.optional(nonNegative),
  }),
  /** This node has decoded a track to its end, and nobody knew before where that is. */
  z.object({ type: z.literal('measured'), trackId: identifier, durationFrames: nonNegative }),
  z.object({ type: z.literal('failed'), trackId: identifier, code: z.string().check(z.maxLength(80)), message: sentence }),
  z.object({ type: z.literal('report'), report: nodeReportSchema }),
  z.object({ type: z.literal('command'), id: nonNegative, command: commandSchema }),
  z.object({ type: z.literal('bye'), reason: sentence }),
]);

/** What the host says. */
export type HostMessage = Readonly<z.infer<typeof hostMessage>>;
/** What a node or a controller says. */
export type PeerMessage = Readonly<z.infer<typeof peerMessage>>;

/** Reads a message of the host. Throws `SyncError` `sync/bad-message`, which carries nothing of the text. */
export function parseHostMessage(text: string): HostMessage {
  return parse(hostMessage, text);
}

/** Reads a message of a node or a controller. Throws `SyncError` `sync/bad-message`, which carries nothing of the text. */
export function parsePeerMessage(text: string): PeerMessage {
  return parse(peerMessage, text);
}

function parse<Message>(schema: z.ZodMiniType<Message>, text: string): Message {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new SyncError('sync/bad-message', 'read party message: it is no JSON');
  }
  const result = z.safeParse(schema, value);
  if (result.success) return result.data;
  const where = result.error.issues.map(({ path }) => path.join('.') || 'type').slice(0, 3);
  throw new SyncError('sync/bad-message', `read party message: ${where.join(', ')} is not as agreed`);
}
