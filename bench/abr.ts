/**
 * The choice of variants beside the rules of other players, simulated over recorded 3G links: the product's own controller and
 * estimator on a simulated clock. Its constants were tuned on every other trace; the others judge.
 *
 * @module
 */
import { judge, readFeasible, traceFolder } from './abr/judge.ts';
import { bolaPlayer, fixedPlayer, hlsJsPlayer, media3Player, shakaPlayer, tuttiPlayer } from './abr/players.ts';
import type { PlayerMaker } from './abr/simulator.ts';

const contenders: readonly (readonly [string, PlayerMaker])[] = [
  ['tutti', tuttiPlayer],
  ['hls.js rule', hlsJsPlayer],
  ['shaka rule', shakaPlayer],
  ['media3 rule', media3Player],
  ['BOLA-BASIC', bolaPlayer],
  ['lowest always', fixedPlayer(0)],
];

/** Prints one table for the traces that judge and one for those that the constants were tuned on. */
export async function run(): Promise<void> {
  const folder = traceFolder();
  if (folder === undefined) {
    process.stdout.write('there are no traces on this machine: set TUTTI_CORPORA to the folder with traces-norway-3g\n');
    return;
  }
  const { judging, tuning } = readFeasible(folder);
  for (const [title, traces] of [
    ['judged on', judging],
    ['tuned on', tuning],
  ] as const) {
    process.stdout.write(`${title} ${traces.length} traces\n\n`);
    process.stdout.write('| rule | rebuffering | stall-free | kbit/s | switches/min | first segment | quality |\n');
    process.stdout.write('|---|---|---|---|---|---|---|\n');
    for (const [name, player] of contenders) {
      const { bitsPerSecond, quality, rebuffering, stallFree, startSeconds, switchesPerMinute } = judge(traces, player);
      process.stdout.write(
        `| ${name} | ${(rebuffering * 100).toFixed(2)} % | ${stallFree.toFixed(2)} | ${(bitsPerSecond / 1000).toFixed(0)} ` +
          `| ${switchesPerMinute.toFixed(2)} | ${startSeconds.toFixed(2)} s | ${quality.toFixed(3)} |\n`,
      );
    }
    process.stdout.write('\n');
  }
}
