import { HlsError, publicUrl } from '../hls-error.ts';

/** A relative path without dot segments, escapes, query or scheme: resolving it is putting it behind the folder. */
const PLAIN_PATH = /^[\w~-][\w~.-]*(?:\/[\w~-][\w~.-]*)*$/u;

/** Makes the references of one playlist absolute (RFC 3986, 5.2). */
export class References {
  readonly #url: string;
  /** Of the playlist, with its slash; `undefined` where plain paths need a closer look too. */
  readonly #folder: string | undefined;
  /** The last address of any scheme: keys repeat theirs with a new IV for each segment. */
  #last: { readonly reference: string; readonly resolved: string } | undefined;

  /** `url` is the playlist's, after redirects. */
  constructor(url: string) {
    this.#url = url;
    const folder = URL.parse('.', url);
    this.#folder = folder !== null && isFetched(folder) ? folder.href : undefined;
  }

  /** Throws `hls/bad-playlist`, naming the line, for what is no URL and for schemes other than http(s). */
  fetchable(reference: string, line: number): string {
    if (this.#folder !== undefined && PLAIN_PATH.test(reference)) return this.#folder + reference;
    const resolved = URL.parse(reference, this.#url);
    if (resolved !== null && isFetched(resolved)) return resolved.href;
    const problem =
      resolved === null ? 'a URI is not valid' : `${resolved.protocol} addresses are not fetched, only http: and https:`;
    const message = `playlist ${publicUrl(this.#url)}, line ${line}: ${problem}`;
    throw new HlsError('hls/bad-playlist', message, { url: this.#url, line });
  }

  /** Of any scheme (`skd:`, `data:`); what is no URL stays as it is. */
  any(reference: string): string {
    if (this.#folder !== undefined && PLAIN_PATH.test(reference)) return this.#folder + reference;
    if (this.#last?.reference === reference) return this.#last.resolved;
    const resolved = URL.parse(reference, this.#url)?.href ?? reference;
    this.#last = { reference, resolved };
    return resolved;
  }
}

function isFetched({ protocol }: URL): boolean {
  return protocol === 'http:' || protocol === 'https:';
}
