import { expect, test } from 'vitest';
import { DirectorySyncs } from '../src/directory-syncs.ts';
import { nodeFileSystem } from '../src/index.ts';

test('a sync serves everybody who came before it began, and nobody who came later', async () => {
  const syncs: PromiseWithResolvers<void>[] = [];
  const fileSystem = {
    ...nodeFileSystem,
    syncDirectory: () => {
      const sync = Promise.withResolvers<void>();
      syncs.push(sync);
      return sync.promise;
    },
  };
  const shared = new DirectorySyncs();
  const settled: string[] = [];
  const ask = (name: string): Promise<number> =>
    shared.run(fileSystem, '/d').then(
      () => settled.push(name),
      () => settled.push(`${name} failed`),
    );
  const first = ask('first');
  const others = [ask('second'), ask('third')];
  expect(syncs).toHaveLength(1);
  syncs[0]!.resolve();
  await first;
  expect(settled).toEqual(['first']);
  expect(syncs).toHaveLength(2);
  const last = ask('fourth');
  syncs[1]!.reject(new Error('EIO'));
  await Promise.all(others);
  expect(settled).toEqual(['first', 'second failed', 'third failed']);
  syncs[2]!.resolve();
  await last;
  expect(settled).toHaveLength(4);
  const again = ask('fifth');
  expect(syncs).toHaveLength(4);
  syncs[3]!.resolve();
  await again;
});
