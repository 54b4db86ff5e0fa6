import { describe, expect, test } from 'vitest';
import { judge, readFeasible, traceFolder } from '../bench/abr/judge.ts';
import { bolaPlayer, hlsJsPlayer, media3Player, shakaPlayer, tuttiPlayer } from '../bench/abr/players.ts';

const folder = traceFolder();
if (folder === undefined)
  console.log('SKIPPED: variants over recorded links: there are no traces (set TUTTI_CORPORA to the folder with traces-norway-3g)');

describe.skipIf(folder === undefined)('variants over recorded 3G links', () => {
  const { judging = [] } = folder === undefined ? {} : readFeasible(folder);

  test('hardly ever stall, and sound well', () => {
    const { quality, rebuffering, stallFree, switchesPerMinute } = judge(judging, tuttiPlayer);
    expect(rebuffering).toBeLessThanOrEqual(0.006);
    expect(stallFree).toBeGreaterThanOrEqual(0.87);
    expect(quality).toBeGreaterThanOrEqual(0.53);
    expect(switchesPerMinute).toBeLessThanOrEqual(1.5);
  });

  test.each([
    ['hls.js', hlsJsPlayer],
    ['shaka', shakaPlayer],
    ['media3', media3Player],
    ['BOLA', bolaPlayer],
  ])('sound better than by the rule of %s', (_, player) => {
    expect(judge(judging, tuttiPlayer).quality).toBeGreaterThan(judge(judging, player).quality);
  });
});
