/** Opens the URL over the cache directory (arguments) and fetches until it is killed. Tells how many bytes it has. */
import { openAssetStore } from '@tutti/assets';
import { createHttpClient } from '@tutti/net';
import { openFileSource, type FillOptions } from '../src/index.ts';

const [url, root] = process.argv.slice(2);
if (url === undefined || root === undefined) throw new Error('usage: killed-player URL ROOT');
const store = await openAssetStore({ root });
const source = await openFileSource({ url, asset: await store.asset(url), client: createHttpClient() });
const options: FillOptions = { onProgress: ({ doneBytes }) => process.stdout.write(`${doneBytes}\n`) };
const fill = source.fill.bind(source);
await fill(options);
