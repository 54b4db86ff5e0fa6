import { isIP } from 'node:net';
import { type Cookie, cookieMatches, defaultPath, parseSetCookie } from './cookie.ts';
import type { Target } from './target.ts';

/** Most cookies that one jar keeps; the oldest goes first. */
const MAX_COOKIES = 50;
/** Most jars at a time; the one that was used longest ago goes first. */
const MAX_JARS = 256;

/**
 * Cookies by jar, in memory only: what the answers to one jar's requests set goes back with that jar's requests alone
 * (RFC 6265, without the list of public suffixes: a cookie for a bare `com` is refused, one for `co.uk` is not).
 */
export class CookieJars {
  readonly #jars = new Map<string, Map<string, Cookie>>();
  readonly #nowMs: () => number;

  /** `nowMs`: the time of day in milliseconds since 1970, for expiry dates. */
  constructor(nowMs: () => number = Date.now) {
    this.#nowMs = nowMs;
  }

  /** Keeps what an answer from `target` sets. Malformed and foreign cookies are ignored, expired ones are removed. */
  store(jar: string | undefined, target: Target, setCookies: readonly string[]): void {
    if (jar === undefined || setCookies.length === 0) return;
    const cookies = this.#touch(jar);
    for (const text of setCookies) {
      const cookie = accepted(text, target, this.#nowMs());
      if (cookie === undefined) continue;
      const id = `${cookie.domain}\n${cookie.path}\n${cookie.name}`;
      // A cookie that is set again keeps its age (RFC 6265, 5.3, 11.3).
      const isNew = !cookies.has(id);
      if (cookie.expiresMs <= this.#nowMs()) cookies.delete(id);
      else cookies.set(id, cookie);
      const [oldest] = cookies.keys();
      if (isNew && cookies.size > MAX_COOKIES && oldest !== undefined) cookies.delete(oldest);
    }
  }

  /** `Cookie` text for a request to `target`: longer paths first, then older cookies (RFC 6265, 5.4). */
  textFor(jar: string | undefined, target: Target): string | undefined {
    if (jar === undefined || !this.#jars.has(jar)) return undefined;
    const place = placeOf(target);
    const nowMs = this.#nowMs();
    const sent = [...this.#touch(jar).values()]
      .filter((cookie) => cookie.expiresMs > nowMs && cookieMatches(cookie, place))
      .toSorted((first, second) => second.path.length - first.path.length);
    return sent.length === 0 ? undefined : sent.map(({ name, value }) => `${name}=${value}`).join('; ');
  }

  clear(): void {
    this.#jars.clear();
  }

  #touch(jar: string): Map<string, Cookie> {
    const cookies = this.#jars.get(jar) ?? new Map<string, Cookie>();
    this.#jars.delete(jar);
    this.#jars.set(jar, cookies);
    const [oldest] = this.#jars.keys();
    if (this.#jars.size > MAX_JARS && oldest !== undefined) this.#jars.delete(oldest);
    return cookies;
  }
}

function placeOf({ href, isSecure }: Target): { readonly host: string; readonly path: string; readonly isSecure: boolean } {
  const { hostname, pathname } = new URL(href);
  return { host: hostname, path: pathname, isSecure };
}

/** The cookie that `target` may set (RFC 6265, 5.3). */
function accepted(text: string, target: Target, nowMs: number): Cookie | undefined {
  const parsed = parseSetCookie(text, nowMs);
  if (parsed === undefined) return undefined;
  const { host, path: hostPath, isSecure } = placeOf(target);
  if (parsed.isSecure && !isSecure) return undefined;
  const { domain } = parsed;
  const path = parsed.path ?? defaultPath(hostPath);
  if (domain === undefined || domain === host) {
    return { ...parsed, domain: host, isHostOnly: domain === undefined || isAddress(host), path };
  }
  const isForeign = isAddress(host) || !domain.includes('.') || !host.endsWith(`.${domain}`);
  return isForeign ? undefined : { ...parsed, domain, isHostOnly: false, path };
}

function isAddress(host: string): boolean {
  return host.startsWith('[') || isIP(host) !== 0;
}
