import { hostname, networkInterfaces } from 'node:os';
import { randomUUID } from 'node:crypto';
import { createSecret, formatInvitation, PartyKeys } from '@tutti/sync/protocol';
import type { VariantChoice } from '../media/open-media.ts';
import { startHost, type Host } from '../node/host.ts';
import { runPeer } from '../node/peer.ts';
import type { TrackSource } from '../node/peer-tracks.ts';
import { PartyError } from '../node/party-error.ts';
import { TrackLibrary } from '../node/track-library.ts';
import { openPartyOutput, type PartyOutputOptions } from './party-output.ts';
import { invitationFiles } from './party-target.ts';
import { openSession, type CommonOptions, type Session } from './session.ts';
import { NodeTeller, statusLine, tellHost } from './tell-party.ts';

export interface HostCommandOptions extends CommonOptions, PartyOutputOptions {
  readonly name?: string;
  readonly port: number;
  readonly clockPort: number;
  readonly maxNodes: number;
  readonly play: boolean;
  readonly onHostGone: 'stop' | 'finish';
  readonly variant?: VariantChoice;
}

/** The status line is renewed this often. */
const STATUS_MS = 500;

/** `tutti host [SOURCE…]`: a party until Ctrl-C. */
export async function runHost(sources: readonly string[], options: HostCommandOptions): Promise<void> {
  await using session = openSession(options);
  const { reporter, signal } = session;
  const name = options.name ?? shortHostName();
  const secret = createSecret();
  await using library = new TrackLibrary({ cache: () => session.cache(), variant: options.variant ?? 'auto' });
  const { clockPort, maxNodes, onHostGone, port } = options;
  await using host = await startHost({
    name,
    secret,
    port,
    clockPort,
    maxNodes,
    onHostGone,
    library,
    onEvent: (event) => tellHost(event, reporter),
  });
  const forget = await invitationFiles().keep({ host: '127.0.0.1', port: host.port, secret });
  try {
    await tellInvitation(host, { name, secret }, session);
    using _announcement = await announce(host, { name, maxNodes });
    using _status = ticking(() => reporter.status(statusLine(host.view)), STATUS_MS);
    const playing = options.play ? playHere({ host, library, secret, session, options }) : whenAborted(signal);
    // Waited for below, together with the end.
    playing.catch(() => undefined);
    await host.add(sources, name);
    if (sources.length > 0) await Promise.race([host.command({ kind: 'play' }), whenAborted(signal)]);
    await Promise.race([playing, whenAborted(signal)]);
  } finally {
    await forget();
  }
}

interface PlayHereParts {
  readonly host: Host;
  readonly library: TrackLibrary;
  readonly secret: Uint8Array;
  readonly session: Session;
  readonly options: HostCommandOptions;
}

/** The host's own node: it keeps time over the same path as every other, so that what the path does to them it does to it. */
async function playHere({ host, library, options, secret, session }: PlayHereParts): Promise<void> {
  const { description, hasDevice, player } = await openPartyOutput(options, session.reporter);
  const source: TrackSource = {
    // What the host has is here.
    fetch: async () => undefined,
    async open(hash, signal) {
      const track = library.track(hash);
      if (track === undefined) throw new PartyError('party/unknown-track', `track ${hash.slice(0, 8)} was not fetched`);
      return track.open(signal);
    },
  };
  const node = { nodeId: randomUUID(), name: shortHostName(), output: description, hasDevice, volumeDb: options.volume ?? 0 };
  try {
    await runPeer({
      host: '127.0.0.1',
      port: host.port,
      keys: new PartyKeys(secret),
      node,
      player,
      source,
      onEvent: new NodeTeller(session.reporter).tell,
      signal: session.signal,
    });
  } finally {
    await player.close();
  }
}

async function tellInvitation(
  host: Host,
  { name, secret }: { readonly name: string; readonly secret: Uint8Array },
  { reporter }: Session,
): Promise<void> {
  const invitation = formatInvitation({ host: lanAddress(), port: host.port, secret });
  reporter.event('hosting', { name, port: host.port, clockPort: host.clockPort, invitation });
  reporter.result(`Party ${name} is open. Join it with:\n\n  tutti join '${invitation}'\n`);
  if (reporter.isJson || !process.stdout.isTTY) return;
  const { renderUnicodeCompact } = await import('uqr');
  reporter.result(`${renderUnicodeCompact(invitation)}\n`);
}

async function announce(host: Host, { maxNodes, name }: { readonly name: string; readonly maxNodes: number }): Promise<Disposable> {
  const { announceParty } = await import('../node/discovery.ts');
  const announcement = await announceParty({ name, hostName: shortHostName(), port: host.port, maxNodes });
  let told = 0;
  const observation = host.onChange(() => {
    const count = host.view.members.filter(({ isConnected }) => isConnected).length;
    if (count !== told) announcement.update((told = count));
  });
  return {
    [Symbol.dispose]() {
      observation[Symbol.dispose]();
      announcement[Symbol.dispose]();
    },
  };
}

/** The name of this computer, as people know it. */
export function shortHostName(): string {
  return hostname().split('.')[0] || 'tutti';
}

/** The address by which others on the network reach this computer. */
function lanAddress(): string {
  const addresses = Object.values(networkInterfaces()).flatMap((all) => all?.filter(({ internal }) => !internal) ?? []);
  // An address that holds on one link only says nothing without the name of the link.
  const usable = addresses.filter(({ address }) => !address.startsWith('fe80:'));
  return (usable.find(({ family }) => family === 'IPv4') ?? usable[0])?.address ?? '127.0.0.1';
}

function ticking(run: () => void, everyMs: number): Disposable {
  const timer = setInterval(run, everyMs);
  return { [Symbol.dispose]: () => clearInterval(timer) };
}

function whenAborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason as Error);
    else signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
  });
}
