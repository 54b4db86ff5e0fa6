import type { HttpClient, HttpRequest } from '@tutti/net';

/**
 * A client that sends the `user:password@` of a presentation's URL with every request to the same origin: references in a
 * playlist are resolved without them, and a server that asks for them asks for each file. Other origins never get them.
 */
export function withSourceCredentials(client: HttpClient, sourceUrl: string): HttpClient {
  const source = URL.parse(sourceUrl);
  if (source === null || (source.username === '' && source.password === '')) return client;
  const credentialed = <Request extends HttpRequest>(request: Request): Request => {
    const url = URL.parse(request.url);
    if (url === null || url.origin !== source.origin || url.username !== '' || url.password !== '') return request;
    url.username = source.username;
    url.password = source.password;
    return { ...request, url: url.href };
  };
  return {
    open: (request, options) => client.open(credentialed(request), options),
    fetchWhole: (request, options) => client.fetchWhole(credentialed(request), options),
    on: (listener) => client.on(listener),
    close: () => client.close(),
    [Symbol.asyncDispose]: () => client[Symbol.asyncDispose](),
  };
}
