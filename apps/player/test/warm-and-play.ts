/**
 * Warms one presentation and, once all connections are busy with it, opens another one through the same cache, as who plays
 * beside a warm job does. Arguments: the cache's directory, the origin's address.
 *
 * @module
 */
import { openCache, openMedia, warm, type Cache } from '../src/index.ts';

const [directory = '', baseUrl = ''] = process.argv.slice(2);

await using cache = await openCache({ directory });
const { client } = cache;
if (client === undefined) throw new Error('this program needs the network');

let inFlight = 0;
const busy = Promise.withResolvers<void>();
/** The client that both use, seen from outside: a request has its place in the queue when the call has returned. */
const watched: Cache = {
  ...cache,
  client: {
    ...client,
    open: async (request, options) => {
      const opening = client.open(request, options);
      inFlight += 1;
      if (inFlight === 12) busy.resolve();
      return opening;
    },
    fetchWhole: async (request, options) => {
      const fetching = client.fetchWhole(request, options);
      process.stderr.write(`asked for ${new URL(request.url).pathname}\n`);
      return fetching;
    },
    on: (listener) => client.on(listener),
    close: () => client.close(),
    [Symbol.asyncDispose]: () => client[Symbol.asyncDispose](),
  },
};
const warming = warm([`${baseUrl}/w/list.m3u8`], { cache: watched, concurrency: 12 });
await busy.promise;
await using _media = await openMedia(`${baseUrl}/p/list.m3u8`, { cache: watched });
const [report] = await warming;
if (report?.isComplete !== true) throw new Error('the warm job is not complete');
