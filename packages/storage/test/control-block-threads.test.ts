import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { expect, test } from 'vitest';
import { ControlBlockWriter } from '../src/control-block.ts';
import { RangeSet } from '../src/index.ts';
import type { WatchingReport } from './watching-worker.ts';

test('a thread that watches a control block sees only states that were published, one after the other', async () => {
  const writer = new ControlBlockWriter();
  const set = new RangeSet();
  const worker = new Worker(new URL('watching-worker.ts', import.meta.url), { workerData: writer.buffer });
  await once(worker, 'message');
  const report = once(worker, 'message');
  // 3 bytes at every multiple of 10 from the back, then the gaps from the front: each change moves the whole table.
  const count = 2000;
  for (let index = count - 1; index >= 0; index -= 1) writer.setRanges(set, set.add({ start: index * 10, end: index * 10 + 3 }));
  for (let index = 0; index < count; index += 1) writer.setRanges(set, set.add({ start: index * 10 + 3, end: index * 10 + 10 }));
  writer.commit(count * 10, set);
  const [seen] = (await report) as [WatchingReport];
  expect(seen).toMatchObject({ problem: undefined, length: count * 10 });
  await worker.terminate();
});
