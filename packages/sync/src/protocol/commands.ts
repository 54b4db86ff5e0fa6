import * as z from 'zod/mini';
import { identifier, nonNegative, volumeDb } from './session-view.ts';

const source = z.string().check(z.minLength(1), z.maxLength(4096));
/** The revision of the queue that an edit was made for; absent: whatever it is. */
const revision = z.optional(nonNegative);

/** What a controller may ask of a party. */
export const commandSchema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('status') }),
  z.object({ kind: z.literal('add'), sources: z.array(source).check(z.minLength(1), z.maxLength(100)) }),
  z.object({ kind: z.literal('remove'), trackId: identifier, revision }),
  z.object({ kind: z.literal('move'), trackId: identifier, index: nonNegative, revision }),
  z.object({ kind: z.literal('play') }),
  z.object({ kind: z.literal('pause') }),
  z.object({ kind: z.literal('resume') }),
  z.object({ kind: z.literal('seek'), seconds: z.number().check(z.nonnegative()) }),
  z.object({ kind: z.literal('skip') }),
  z.object({ kind: z.literal('stop') }),
  /** Without `nodeId`: of every node. */
  z.object({ kind: z.literal('volume'), volumeDb, nodeId: z.optional(identifier) }),
]);

export type PartyCommand = Readonly<z.infer<typeof commandSchema>>;
