import { NetError } from './net-error.ts';

/** A URL split into what is sent, what is shown and what is secret. */
export interface Target {
  /** Without user, password and fragment; with the query. */
  readonly href: string;
  readonly origin: string;
  /** Path and query, as a request line holds them. */
  readonly path: string;
  /** `host:port`, the port always there: for messages about connections. */
  readonly authority: string;
  /** For messages and events: no query, no fragment, no credentials. */
  readonly label: string;
  /** `Authorization` value made from `user:password@`. */
  readonly authorization: string | undefined;
  readonly isSecure: boolean;
}

/** Parses an absolute http(s) URL, or one relative to `base`. Throws `net/bad-url`. */
export function parseTarget(text: string, base?: string): Target {
  const url = URL.parse(text, base);
  if (url === null) {
    const label = withoutSecrets(text);
    throw new NetError('net/bad-url', `GET ${label}: not a URL; give one that begins with http:// or https://`, { url: label });
  }
  const label = labelOf(url);
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    throw new NetError('net/bad-url', `GET ${label}: only http and https can be fetched, not ${url.protocol.slice(0, -1)}`, {
      url: label,
    });
  }
  const isSecure = url.protocol === 'https:';
  const authorization =
    url.username === '' && url.password === ''
      ? undefined
      : `Basic ${Buffer.from(`${percentDecoded(url.username)}:${percentDecoded(url.password)}`).toString('base64')}`;
  return {
    href: `${url.origin}${url.pathname}${url.search}`,
    origin: url.origin,
    path: `${url.pathname}${url.search}`,
    authority: `${url.hostname}:${url.port === '' ? (isSecure ? '443' : '80') : url.port}`,
    label,
    authorization,
    isSecure,
  };
}

function labelOf(url: URL): string {
  return url.origin === 'null' ? withoutSecrets(url.href) : `${url.origin}${url.pathname}`;
}

/** Text that may hold a URL's secrets, without what could be a query, a fragment or credentials. */
function withoutSecrets(text: string): string {
  const bare = text.replace(/[?#].*$/s, '').replace(/\/\/[^/]*@/, '//');
  return bare.length > 200 ? `${bare.slice(0, 200)}…` : bare;
}

function percentDecoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
