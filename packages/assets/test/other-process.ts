import { once } from 'node:events';
import { openAssetStore, type ResourceLease } from '../src/index.ts';

export type OtherRequest =
  | { readonly type: 'mode' }
  | { readonly type: 'fetch'; readonly url: string; readonly length: number }
  | { readonly type: 'partly'; readonly url: string; readonly length: number }
  | { readonly type: 'hold'; readonly url: string };
export type OtherResponse = { readonly mode: string } | { readonly wasComplete: boolean };

const [root = ''] = process.argv.slice(2);
const store = await openAssetStore({ root });
const held: ResourceLease[] = [];
const origin = { validator: '"v1"', totalLength: undefined, contentType: undefined, transformId: undefined };
const bytesOf = (length: number): Uint8Array => Uint8Array.from({ length }, (_, index) => (index * 29 + 3) & 0xff);

async function answer(request: OtherRequest): Promise<OtherResponse> {
  if (request.type === 'mode') return { mode: store.mode };
  const asset = await store.asset(request.url);
  const key = asset.key('media', request.url);
  if (request.type === 'hold') {
    const lease = await asset.acquire(key, undefined);
    held.push(lease);
    return { wasComplete: lease.wasComplete };
  }
  const { length, type } = request;
  const lease = await asset.acquire(key, async (resource, signal) => {
    resource.announce(origin, undefined);
    await resource.writeAt(0, bytesOf(length));
    if (type === 'fetch') return resource.commit(length);
    if (!signal.aborted) await once(signal, 'abort');
    return undefined;
  });
  if (type === 'fetch') await lease.resource.waitRange({ start: 0, end: length + 1 });
  else await lease.resource.waitRange({ start: 0, end: length });
  // Releasing checkpoints what is there.
  await lease.release();
  if (type === 'fetch') await asset.close();
  return { wasComplete: lease.wasComplete };
}

process.on('message', (request: OtherRequest) => {
  void answer(request).then((response) => process.send?.(response));
});
process.send?.('ready');
