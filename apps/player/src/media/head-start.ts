import type { HttpClient, HttpText } from '@tutti/net';

/** What will be asked for first. */
export interface HeadStart {
  /** Of a playlist. */
  readonly url: string;
  /** The jar that the presentation's requests share. */
  readonly cookieJar: string;
}

/**
 * A client that asks for a playlist now and gives the answer to whoever asks for it first: everything else that must be ready before it
 * is used, the cache and the decoder, gets ready meanwhile.
 */
export function withHeadStart(client: HttpClient, { cookieJar, url }: HeadStart): HttpClient {
  let early: Promise<HttpText> | undefined = client.fetchWhole({ url, kind: 'playlist', cookieJar });
  // Whoever asks for it learns of a failure; perhaps nobody does.
  early.catch(() => undefined);
  return {
    open: (request, options) => client.open(request, options),
    fetchWhole(request, options) {
      const isIt = request.url === url && request.kind === 'playlist' && request.cookieJar === cookieJar;
      const answer = isIt ? early : undefined;
      if (answer === undefined) return client.fetchWhole(request, options);
      early = undefined;
      return untilAborted(answer, options?.signal);
    },
    on: (listener) => client.on(listener),
    close: () => client.close(),
    [Symbol.asyncDispose]: () => client[Symbol.asyncDispose](),
  };
}

async function untilAborted<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return work;
  signal.throwIfAborted();
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const onAbort = (): void => reject(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}
