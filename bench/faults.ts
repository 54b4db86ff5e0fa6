/**
 * Who delivers every byte from an origin that fails on every seventh request: `tutti warm` beside curl with retries and ffmpeg. Then three
 * files are gone for good: what arrived of the others, and whether our report names those three and no other.
 *
 * The times say little, since the faults take most of them; what counts is what arrived and the exit code. `--limit S` (default 60)
 * ends a contender that takes longer than so many seconds.
 *
 * @module
 */
import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { startOriginProcess } from '@tutti/fixtures';
import { contendersHere, tuttiBy, type Contender } from './downloads/contenders.ts';
import { makeMediaSet } from './downloads/media-set.ts';
import { versionOf, type ProgramResult } from './downloads/run-program.ts';
import { packCommand } from './first-audio/packed-command.ts';

const EVERY = 7;
/** Places of the files that are gone for good. */
const GONE: readonly number[] = [3, 77, 300];
const FAULTS = [
  { name: '503', fault: 'status', faultStatus: 503 },
  { name: '404 once', fault: 'status', faultStatus: 404 },
  { name: 'reset after 4 KiB', fault: 'reset' },
  { name: 'truncated after 4 KiB', fault: 'truncate' },
  { name: 'stalled for 3 s', fault: 'stall', stallMs: 3000 },
] as const;

/** Prints a table: a row for each fault, a column for each contender. */
export async function run(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({ args: [...args], options: { limit: { type: 'string' } } });
  const limitMs = Number(values.limit ?? 60) * 1000;
  if ((await versionOf('ffmpeg', '-version')) === undefined) {
    process.stdout.write('this bench makes its media with ffmpeg, which is not on this machine\n');
    return;
  }
  const root = await mkdtemp(join(tmpdir(), 'tutti-'));
  try {
    await mkdir(join(root, 'media'));
    await using origin = await startOriginProcess(join(root, 'media'));
    const set = await makeMediaSet(join(root, 'media'), 'TS');
    await using packed = await packCommand();
    const { present, versions } = await contendersHere();
    const contenders = [tuttiBy(packed.launcher), ...present].filter((contender) => 'arrived' in contender);
    process.stdout.write(`${versions.join(', ')}; every ${EVERY}th request for media fails; what arrived, exit code, time\n\n`);
    process.stdout.write(
      `| fault | ${contenders.map(({ name }) => name).join(' | ')} |\n|${'---|'.repeat(contenders.length + 1)}\n`,
    );
    const attempt = async (contender: Contender): Promise<Attempt> => {
      const home = await mkdtemp(join(root, 'home-'));
      const url = `${origin.baseUrl}/${set.playlist}`;
      const job = { set, home, url, baseUrl: url.slice(0, url.lastIndexOf('/')) };
      const result = await contender.download(job, { limitMs, isRetrying: true });
      await origin.configure({ fault: 'none', faultEvery: 0 });
      const arrived = (await contender.arrived?.(job)) ?? '';
      await rm(home, { recursive: true });
      const { code, seconds } = result;
      return { ...result, summary: `${arrived}, ${code === null ? 'killed' : `exit ${code}`}, ${seconds.toFixed(1)} s` };
    };
    for (const { name, ...fault } of FAULTS) {
      const cells: string[] = [];
      for (const contender of contenders) {
        await origin.configure({ faultPath: '.ts', faultEvery: EVERY, ...fault });
        cells.push((await attempt(contender)).summary);
      }
      process.stdout.write(`| ${name} | ${cells.join(' | ')} |\n`);
    }
    const gone = set.files.filter((_, index) => GONE.includes(index));
    for (const file of gone) await rename(join(set.directory, file), join(root, file));
    const attempts: Attempt[] = [];
    for (const contender of contenders) attempts.push(await attempt(contender));
    process.stdout.write(`| ${gone.length} files gone | ${attempts.map(({ summary }) => summary).join(' | ')} |\n`);
    const missing = missingOf(attempts[0]?.stdout ?? '');
    const isExact = missing.length === gone.length && gone.every((file) => missing.some((sentence) => sentence.includes(file)));
    process.stdout.write(`\nof the ${gone.length} files that are gone our report names ${isExact ? 'exactly those' : 'others'}:\n`);
    for (const sentence of missing) process.stdout.write(`  ${sentence}\n`);
  } finally {
    await rm(root, { recursive: true, force: true });
  }
}

interface Attempt extends ProgramResult {
  /** What arrived, the exit code, the time. */
  readonly summary: string;
}

/** The sentences of `tutti warm --json` about what it could not get. */
function missingOf(stdout: string): readonly string[] {
  const events = stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as { readonly event: string; readonly missing?: readonly string[] });
  return events.flatMap(({ event, missing = [] }) => (event === 'warmed' ? missing : []));
}
