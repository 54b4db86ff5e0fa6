import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';
import { hostname } from 'node:os';

/**
 * Whether a request comes from somebody who means this host. Its `Host` must be an address, `localhost` or this machine's own name,
 * in whatever domain: any other name was made to point here (DNS rebinding). Its `Origin`, which only browsers send, must be the same place.
 */
export function isTrustedRequest({ headers }: Pick<IncomingMessage, 'headers'>): boolean {
  const url = URL.parse(`http://${headers.host ?? ''}`);
  if (url === null || url.hostname === '' || url.pathname !== '/' || url.username !== '') return false;
  if (!isOwnName(url.hostname.replace(/^\[|\]$/g, '').toLowerCase())) return false;
  return headers.origin === undefined || headers.origin === url.origin;
}

function isOwnName(name: string): boolean {
  if (isIP(name) !== 0 || name === 'localhost') return true;
  const [own = ''] = hostname().toLowerCase().split('.');
  // Routers and mDNS put a domain of their own behind the name.
  return own !== '' && own !== 'localhost' && (name === own || name.startsWith(`${own}.`));
}
