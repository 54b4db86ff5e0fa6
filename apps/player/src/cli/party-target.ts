import path from 'node:path';
import { createInterface } from 'node:readline/promises';
import { parseInvitation, parseSecret, type Invitation } from '@tutti/sync/protocol';
import { defaultDirectories } from '../directories.ts';
import { InvitationFiles } from '../node/invitation-file.ts';
import type { FoundParty } from '../node/discovery.ts';
import { UsageError } from './describe-error.ts';
import type { Session } from './session.ts';

/** An invitation with its secret. */
export interface PartyTarget extends Invitation {
  readonly secret: Uint8Array;
}

/** How long a network is searched for parties, in milliseconds: mDNS answers within a second (RFC 6762, 6). */
const SEARCH_MS = 2000;

/** Where the invitations of this computer's parties are kept. */
export function invitationFiles(): InvitationFiles {
  return new InvitationFiles(path.join(defaultDirectories.data, 'parties'));
}

/** The party that is meant by an address, or the only one on this computer. Throws `UsageError` and `SyncError`. */
export async function controlTarget(address: string | undefined, secret: string | undefined): Promise<PartyTarget> {
  if (address !== undefined) return withSecret(parseInvitation(address), secret);
  const local = await invitationFiles().list();
  const [only] = local;
  if (only === undefined)
    throw new UsageError('there is no party on this computer: start one with tutti host, or name one with --host');
  if (local.length > 1) {
    const ports = local.map(({ port }) => `localhost:${port}`).join(' or ');
    throw new UsageError(`there are ${local.length} parties on this computer: choose with --host ${ports}`);
  }
  return withSecret(only, secret);
}

/** The party to join: by address, or found on this network. Throws `UsageError` and `SyncError`. */
export async function joinTarget(address: string | undefined, secret: string | undefined, session: Session): Promise<PartyTarget> {
  if (address !== undefined) return withSecret(parseInvitation(address), secret);
  const { findParties } = await import('../node/discovery.ts');
  session.reporter.status('looking for parties on this network');
  const found = await findParties({ forMs: SEARCH_MS, signal: session.signal });
  const { host, port } = await choose(found, session);
  return withSecret({ host, port, secret: undefined }, secret);
}

/** The secret that was given, that of the party on this computer, or what a person at a terminal types. */
async function withSecret(target: Invitation, given: string | undefined): Promise<PartyTarget> {
  const secret =
    target.secret ?? (given === undefined ? undefined : parseSecret(given)) ?? (await ownSecret(target)) ?? (await ask());
  if (secret !== undefined) return { ...target, secret };
  throw new UsageError('a secret is needed: paste the whole invitation that the host printed, or give --secret');
}

async function ownSecret({ host, port }: Invitation): Promise<Uint8Array | undefined> {
  const { networkInterfaces } = await import('node:os');
  const own = Object.values(networkInterfaces()).flatMap((addresses) => addresses?.map(({ address }) => address) ?? []);
  if (!['localhost', ...own].includes(host)) return undefined;
  return (await invitationFiles().list()).find((kept) => kept.port === port)?.secret;
}

async function ask(): Promise<Uint8Array | undefined> {
  if (!process.stdin.isTTY) return undefined;
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return parseSecret(await terminal.question('Secret of the party: '));
  } finally {
    terminal.close();
  }
}

async function choose(found: readonly FoundParty[], { reporter, signal }: Session): Promise<FoundParty> {
  found.forEach((party, index) => {
    const { host, hostName, maxNodes, name, nodeCount, port } = party;
    reporter.event('party', { ...party });
    reporter.line(`${index + 1}. ${name} — hosted by ${hostName} — ${nodeCount}/${maxNodes} nodes (${host}:${port})`);
  });
  const [only] = found;
  if (only === undefined) {
    throw new UsageError('no party was found on this network: give the invitation that the host printed');
  }
  if (found.length === 1) return only;
  if (!process.stdin.isTTY) throw new UsageError(`${found.length} parties were found: give the address of one`);
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const answer = Number(await terminal.question('Which one? ', { signal }));
    const chosen = found[answer - 1];
    if (chosen === undefined) throw new UsageError(`there is no party ${answer}: choose 1 to ${found.length}`);
    return chosen;
  } finally {
    terminal.close();
  }
}
