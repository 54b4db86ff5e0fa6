// Kills a process that writes the cache, again and again, and checks what it left: `npm run crash -- --runs 200 --seed 1`.
import { parseArgs } from 'node:util';
import { crashRuns } from './crash-runs.ts';

const { values } = parseArgs({ options: { runs: { type: 'string', default: '20' }, seed: { type: 'string', default: '1' } } });
const startedAtMs = performance.now();
const totals = await crashRuns({
  runs: Number(values.runs),
  seed: Number(values.seed),
  onRun: (run, { kills, corrupt, lost }) => {
    if ((run + 1) % 20 === 0) process.stderr.write(`${run + 1} runs, ${kills} kills, corrupt ${corrupt}, lost ${lost}\n`);
  },
});
const mib = (bytes: number): string => `${(bytes / 1024 ** 2).toFixed(2)} MiB`;
const lines = [
  `runs          ${totals.runs} (seed ${values.seed}, ${((performance.now() - startedAtMs) / 1000).toFixed(0)} s)`,
  `kills         ${totals.kills}`,
  `corrupt       ${totals.corrupt}`,
  `lost          ${totals.lost}`,
  `re-downloaded ${mib(totals.redownloadedBytes)} of ${mib(totals.totalBytes)}; at most ${mib(totals.worstRedownloadBytes)} of one resource at one kill`,
  `sent in vain  ${mib(totals.extraSentBytes)}, with what was in the sockets`,
];
process.stdout.write(`${lines.join('\n')}\n`);
/** What a crash may cost of one resource: see the README of storage. */
const MAX_REDOWNLOAD_BYTES = 4 * 1024 ** 2;
if (totals.corrupt > 0 || totals.lost > 0 || totals.worstRedownloadBytes > MAX_REDOWNLOAD_BYTES) process.exitCode = 1;
