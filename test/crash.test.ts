import { expect, test } from 'vitest';
import { crashRuns } from '../scripts/crash-runs.ts';

test('a writer that is killed loses no complete resource and leaves no wrong byte', async () => {
  const totals = await crashRuns({ runs: 5, seed: 1000 });
  expect(totals).toMatchObject({ runs: 5, corrupt: 0, lost: 0 });
  expect(totals.worstRedownloadBytes).toBeLessThanOrEqual(4 * 1024 ** 2);
  expect(totals.kills).toBeGreaterThanOrEqual(5);
});
