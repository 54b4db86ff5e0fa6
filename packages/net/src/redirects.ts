import { NetError } from './net-error.ts';
import { parseTarget, type Target } from './target.ts';

/** Most redirects that one request follows. */
const MAX_REDIRECTS = 10;

/** Whether a status sends a GET elsewhere (RFC 9110, 15.4). */
export function isRedirect(status: number): boolean {
  return [301, 302, 303, 307, 308].includes(status);
}

/** The hops of one request: where it began, where it is, and whether it may go on. */
export class RedirectTrail {
  readonly #first: Target;
  readonly #visited = new Set<string>();
  #current: Target;
  #hasLeftOrigin = false;

  constructor(first: Target) {
    this.#first = first;
    this.#current = first;
    this.#visited.add(first.href);
  }

  get current(): Target {
    return this.#current;
  }

  /** True from the first hop to another origin on, also when a later one leads back. */
  get hasLeftOrigin(): boolean {
    return this.#hasLeftOrigin;
  }

  /** Follows a `Location`. Throws `net/bad-redirect`. */
  follow(status: number, location: string | undefined): void {
    const refuse = (why: string): NetError =>
      new NetError('net/bad-redirect', `GET ${this.#first.label}: ${why}`, { url: this.#first.label, status });
    if (location === undefined || location.trim() === '') throw refuse(`${status} redirect without a location`);
    // Header bytes arrive as latin-1 text; servers that send raw UTF-8 mean UTF-8.
    const next = this.#target(Buffer.from(location, 'latin1').toString('utf8'), refuse);
    if (this.#current.isSecure && !next.isSecure) throw refuse(`redirect from https to http refused (${next.label})`);
    if (this.#visited.has(next.href)) throw refuse(`redirects go round in a circle (${next.label})`);
    if (this.#visited.size > MAX_REDIRECTS) throw refuse(`more than ${MAX_REDIRECTS} redirects`);
    this.#visited.add(next.href);
    this.#hasLeftOrigin ||= next.origin !== this.#current.origin;
    this.#current = next;
  }

  #target(location: string, refuse: (why: string) => NetError): Target {
    try {
      const next = parseTarget(location, this.#current.href);
      const isSameOrigin = next.origin === this.#current.origin && !this.#hasLeftOrigin;
      return isSameOrigin && next.authorization === undefined ? { ...next, authorization: this.#current.authorization } : next;
    } catch (error) {
      if (error instanceof NetError) throw refuse(`redirect to ${error.url} refused: only http and https URLs are followed`);
      throw error;
    }
  }
}
