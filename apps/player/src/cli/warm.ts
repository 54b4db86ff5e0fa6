import { readFile } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import type { FillProgress } from '@tutti/stream';
import { expandSources, isHttpUrl, parseM3u } from '../media/expand-sources.ts';
import type { VariantChoice } from '../media/open-media.ts';
import { warm, type WarmReport } from '../media/warm.ts';
import { describeError, codeOf, UsageError } from './describe-error.ts';
import { exitCodes } from './exit-codes.ts';
import type { Reporter } from './reporter.ts';
import { openSession, type CommonOptions } from './session.ts';
import { formatBytes } from './size-text.ts';
import { formatTime } from './time-text.ts';

export interface WarmCommandOptions extends CommonOptions {
  readonly from?: string;
  readonly variant?: VariantChoice;
  readonly concurrency: number;
  readonly pin?: boolean;
}

/** `tutti warm SOURCE…` */
export async function runWarm(sources: readonly string[], options: WarmCommandOptions): Promise<void> {
  await using session = openSession(options);
  const { reporter, signal } = session;
  const wanted = await expandSources([...sources, ...(await listedSources(options.from))]);
  if (wanted.length === 0) throw new UsageError('warm needs something to fetch: name a URL, or a list with --from');
  const local = wanted.find((source) => !isHttpUrl(source));
  if (local !== undefined) throw new UsageError(`${local} is here already: warm fetches http and https URLs`);

  const progress = new RateMeter(reporter);
  const cache = await session.cache();
  const reports: WarmReport[] = [];
  for (const source of wanted) {
    const [report] = await warm([source], {
      cache,
      variant: options.variant ?? 'auto',
      concurrency: options.concurrency,
      onProgress: (source, state) => progress.update(source, state),
      signal,
    });
    if (report === undefined) continue;
    // At once: the next source may need room.
    if (options.pin === true && report.doneResources > 0) {
      reporter.event('pinned', { ...(await cache.store.setPinned(source, true)) });
    }
    reports.push(report);
  }
  for (const report of reports) tell(report, reporter);
  const complete = reports.filter((report) => report.isComplete).length;
  reporter.event('done', { complete, failed: reports.length - complete });
  if (complete < reports.length)
    process.exitCode = complete > 0 || reports.some((report) => report.doneResources > 0) ? exitCodes.partial : exitCodes.failed;
}

async function listedSources(from: string | undefined): Promise<readonly string[]> {
  if (from === undefined) return [];
  try {
    return parseM3u(from === '-' ? await text(process.stdin) : await readFile(from, 'utf8'));
  } catch (cause) {
    throw new UsageError(`the list ${from} cannot be read: check its name`, { cause });
  }
}

function tell(report: WarmReport, reporter: Reporter): void {
  const { error, isComplete, missing, ...fields } = report;
  reporter.event('warmed', { ...fields, isComplete, missing, code: codeOf(error) });
  if (isComplete) {
    reporter.line(`✓ ${report.source}: ${formatBytes(report.networkBytes)} fetched, ${formatBytes(report.doneBytes)} cached`);
    return;
  }
  reporter.line(`✗ ${report.source}: ${error === undefined ? `${missing.length} parts are missing` : describeError(error)}`);
  for (const part of missing) reporter.line(`    missing ${part}`);
}

/** Progress of one source at a time, with rate and time left. */
class RateMeter {
  readonly #reporter: Reporter;
  #source = '';
  #startedAtMs = 0;
  #startBytes = 0;

  constructor(reporter: Reporter) {
    this.#reporter = reporter;
  }

  update(source: string, progress: FillProgress): void {
    if (source !== this.#source) {
      this.#source = source;
      this.#startedAtMs = performance.now();
      this.#startBytes = progress.doneBytes;
    }
    const { doneBytes, totalBytes, doneResources, totalResources } = progress;
    this.#reporter.event('progress', { source, ...progress });
    const seconds = (performance.now() - this.#startedAtMs) / 1000;
    const rate = seconds > 0 ? (doneBytes - this.#startBytes) / seconds : 0;
    const left = totalBytes === undefined || rate === 0 ? undefined : (totalBytes - doneBytes) / rate;
    const parts = totalResources === undefined ? '' : `  ${doneResources}/${totalResources} parts`;
    const bytes = totalBytes === undefined ? formatBytes(doneBytes) : `${formatBytes(doneBytes)} of ${formatBytes(totalBytes)}`;
    this.#reporter.status(`${source}: ${bytes}${parts}  ${formatBytes(Math.round(rate))}/s  ${formatTime(left)} left`);
  }
}
