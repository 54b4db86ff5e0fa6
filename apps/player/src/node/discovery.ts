import { setTimeout as delay } from 'node:timers/promises';

/** A party that announces itself on this network. */
export interface FoundParty {
  readonly name: string;
  /** Name of the computer that hosts it. */
  readonly hostName: string;
  readonly host: string;
  readonly port: number;
  readonly nodeCount: number;
  readonly maxNodes: number;
}

export interface Announcement extends Disposable {
  /** Tells how many nodes there are. */
  update(nodeCount: number): void;
}

export interface AnnounceOptions {
  readonly name: string;
  readonly hostName: string;
  readonly port: number;
  readonly maxNodes: number;
}

/** Service type `_tutti._tcp`. */
const TYPE = 'tutti';

/**
 * Announces a party by multicast DNS (RFC 6762, 6763). What is told is public and holds no secret. A network without multicast is no
 * failure: the invitation's address works all the same.
 */
export async function announceParty({ hostName, maxNodes, name, port }: AnnounceOptions): Promise<Announcement> {
  const { Bonjour } = await import('bonjour-service');
  const bonjour = new Bonjour({}, () => undefined);
  const txt = (nodeCount: number): Record<string, string> => ({
    name,
    host: hostName,
    nodes: String(nodeCount),
    max: String(maxNodes),
  });
  const publish = (nodeCount: number): ReturnType<typeof bonjour.publish> => {
    // The port makes two parties on one computer differ.
    const service = bonjour.publish({ name: `${name} ${port}`, type: TYPE, port, txt: txt(nodeCount), probe: false });
    return service.on('error', () => undefined);
  };
  let service = publish(0);
  return {
    update(nodeCount) {
      service.stop(() => undefined);
      service = publish(nodeCount);
    },
    [Symbol.dispose]() {
      bonjour.unpublishAll(() => bonjour.destroy());
    },
  };
}

/** Looks for parties for so many milliseconds. Rejects with the signal's reason. */
export async function findParties(options: {
  readonly forMs: number;
  readonly signal: AbortSignal;
}): Promise<readonly FoundParty[]> {
  options.signal.throwIfAborted();
  const { Bonjour } = await import('bonjour-service');
  const bonjour = new Bonjour({}, () => undefined);
  const found = new Map<string, FoundParty>();
  const browser = bonjour.find({ type: TYPE }, ({ addresses = [], fqdn, name, port, referer, txt }) => {
    const host = referer?.address ?? addresses.find((address) => !address.includes(':')) ?? addresses[0];
    if (host === undefined) return;
    const told = (txt ?? {}) as Readonly<Record<string, unknown>>;
    found.set(fqdn, {
      name: textOf(told['name'], name),
      hostName: textOf(told['host'], host),
      host,
      port,
      nodeCount: Number(told['nodes'] ?? 0),
      maxNodes: Number(told['max'] ?? 0),
    });
  });
  try {
    await delay(options.forMs, undefined, { signal: options.signal }).catch((error: unknown) => {
      options.signal.throwIfAborted();
      throw error;
    });
  } finally {
    browser.stop();
    bonjour.destroy();
  }
  return [...found.values()];
}

/** What strangers announce is shown to people: printable, and short. */
function textOf(value: unknown, fallback: string): string {
  const text = typeof value === 'string' && value !== '' ? value : fallback;
  return text.replaceAll(/\p{Cc}/gu, '').slice(0, 80);
}
