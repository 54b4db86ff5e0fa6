/** One cookie as it is kept. */
export interface Cookie {
  readonly name: string;
  readonly value: string;
  /** Host, or the domain whose hosts all get it; lower case, without a leading dot. */
  readonly domain: string;
  readonly isHostOnly: boolean;
  readonly path: string;
  readonly isSecure: boolean;
  /** Milliseconds since 1970; infinity: until the client closes. */
  readonly expiresMs: number;
}

/** What a `Set-Cookie` line says; domain and path only where it names them. */
export type SetCookie = Pick<Cookie, 'name' | 'value' | 'isSecure' | 'expiresMs'> & {
  readonly domain: string | undefined;
  readonly path: string | undefined;
};

/** Longest name and value together, in characters, as browsers have it. */
const MAX_LENGTH = 4096;

/** Parses one `Set-Cookie` line (RFC 6265, 5.2). Undefined when there is no cookie in it that could be sent back. */
export function parseSetCookie(text: string, nowMs: number): SetCookie | undefined {
  const [pair = '', ...attributes] = text.split(';');
  const equals = pair.indexOf('=');
  const name = pair.slice(0, equals).trim();
  const value = pair.slice(equals + 1).trim();
  if (equals < 1 || name === '' || name.length + value.length > MAX_LENGTH) return undefined;
  // Header text cannot carry control characters, nor anything beyond latin-1.
  if (/[^\x20-\x7e\x80-\xff]/.test(`${name}${value}`)) return undefined;
  let domain: string | undefined;
  let path: string | undefined;
  let isSecure = false;
  let expiresMs: number | undefined;
  let maxAgeMs: number | undefined;
  for (const attribute of attributes) {
    const [key = '', ...rest] = attribute.split('=');
    const said = rest.join('=').trim();
    switch (key.trim().toLowerCase()) {
      case 'domain':
        domain = said === '' ? domain : said.replace(/^\./, '').toLowerCase();
        break;
      case 'path':
        path = said.startsWith('/') ? said : undefined;
        break;
      case 'secure':
        isSecure = true;
        break;
      case 'expires':
        expiresMs = Number.isNaN(Date.parse(said)) ? expiresMs : Date.parse(said);
        break;
      case 'max-age':
        maxAgeMs = /^-?\d+$/.test(said) ? Number(said) * 1000 : maxAgeMs;
        break;
    }
  }
  // Max-Age wins over Expires (RFC 6265, 5.3, 3).
  const expires = maxAgeMs === undefined ? (expiresMs ?? Number.POSITIVE_INFINITY) : nowMs + maxAgeMs;
  return { name, value, domain, path, isSecure, expiresMs: expires };
}

/** Whether a cookie goes with a request to `place` (RFC 6265, 5.1.3 and 5.1.4). Expiry is the jar's. */
export function cookieMatches(
  cookie: Cookie,
  place: { readonly host: string; readonly path: string; readonly isSecure: boolean },
): boolean {
  if (cookie.isSecure && !place.isSecure) return false;
  if (place.host !== cookie.domain && (cookie.isHostOnly || !place.host.endsWith(`.${cookie.domain}`))) return false;
  const { path } = cookie;
  return place.path === path || (place.path.startsWith(path) && (path.endsWith('/') || place.path[path.length] === '/'));
}

/** The path of a cookie that names none (RFC 6265, 5.1.4): the directory of the request's path. */
export function defaultPath(path: string): string {
  const slash = path.lastIndexOf('/');
  return slash <= 0 ? '/' : path.slice(0, slash);
}
