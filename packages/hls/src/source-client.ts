import type { HttpClient, HttpRequest } from '@tutti/net';

export interface SourceClientOptions {
  /** URL of the presentation, as it was given. */
  readonly url: string;
  /** Where cookies of this presentation are kept: apart from those of every other. */
  readonly cookieJar: string;
}

/**
 * The client of one presentation. Its requests share a cookie jar. The `user:password@` of its URL goes with every request to
 * the same origin: references in a playlist are resolved without them, and a server that asks for them asks for each file;
 * other origins never get them. Once a segment has come, those after it wait out an outage; a warm job does not.
 */
export function sourceClient(client: HttpClient, { cookieJar, url }: SourceClientOptions): HttpClient {
  const addCredentials = credentialsOf(url);
  let isUnderWay = false;
  const prepare = <Request extends HttpRequest>(request: Request): Request => ({
    ...request,
    url: addCredentials(request.url),
    cookieJar,
    outlastsOutage: isUnderWay && request.kind !== 'playlist' && request.priority !== 'warm',
  });
  return {
    async open(request, options) {
      const body = await client.open(prepare(request), options);
      isUnderWay = true;
      return body;
    },
    fetchWhole: (request, options) => client.fetchWhole(prepare(request), options),
    on: (listener) => client.on(listener),
    close: () => client.close(),
    [Symbol.asyncDispose]: () => client[Symbol.asyncDispose](),
  };
}

/** Adds the credentials of `sourceUrl` to URLs of its origin that have none of their own. */
function credentialsOf(sourceUrl: string): (url: string) => string {
  const source = URL.parse(sourceUrl);
  if (source === null || (source.username === '' && source.password === '')) return (url) => url;
  return (url) => {
    const target = URL.parse(url);
    if (target === null || target.origin !== source.origin || target.username !== '' || target.password !== '') return url;
    target.username = source.username;
    target.password = source.password;
    return target.href;
  };
}
