import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { Cache } from '../compose.ts';
import { sourceLabel } from '../media/source-label.ts';
import type { WarmPlan } from '../media/warm-plan.ts';
import type { WarmReport, WarmVariants } from '../media/warm-source.ts';
import { warm } from '../media/warm.ts';
import { codeOf, describeError } from './describe-error.ts';
import { exitCodes } from './exit-codes.ts';
import { keepHeapLean } from './lean-heap.ts';
import type { Reporter } from './reporter.ts';
import { openSession, type CommonOptions, type Session } from './session.ts';
import { formatBytes } from './size-text.ts';
import { WarmMeter } from './warm-meter.ts';
import { warmSources, type WarmSources } from './warm-sources.ts';

export interface WarmCommandOptions extends CommonOptions {
  readonly from?: string;
  readonly variants: WarmVariants;
  readonly language?: string;
  readonly concurrency: number;
  readonly pin?: boolean;
  readonly untilNow?: boolean;
  readonly dryRun?: boolean;
}

/** `tutti warm SOURCE…` */
export async function runWarm(operands: readonly string[], options: WarmCommandOptions): Promise<void> {
  await using session = openSession(options);
  const sources = await warmSources(operands, options.from);
  for (const file of sources.local) session.reporter.line(`✓ ${file}: is here already`);
  for (const { error, source } of sources.bad) tellFailure(session.reporter, sourceLabel(source), error);
  if (options.dryRun === true) await plan(sources, options, session);
  else await fetch(sources, options, session);
}

async function fetch({ bad, urls }: WarmSources, options: WarmCommandOptions, session: Session): Promise<void> {
  const { reporter, signal } = session;
  const delay = monitorEventLoopDelay();
  if (reporter.isJson) delay.enable();
  const cache = await session.cache();
  keepHeapLean();
  const meter = new WarmMeter(reporter);
  const reports = await warm(urls, {
    cache,
    variants: options.variants,
    ...(options.language === undefined ? {} : { language: options.language }),
    concurrency: options.concurrency,
    untilNow: options.untilNow ?? false,
    pins: options.pin ?? false,
    onProgress: (progress) => meter.update(progress),
    onReport: (report) => tell(report, reporter),
    signal,
  });
  meter.finish();
  const complete = reports.filter((report) => report.isComplete).length;
  const failed = reports.length + bad.length - complete;
  const sum = (of: (report: WarmReport) => number): number => reports.reduce((total, report) => total + of(report), 0);
  const networkBytes = sum((report) => report.networkBytes);
  reporter.event('done', {
    complete,
    failed,
    networkBytes,
    requestCount: sum((report) => report.requestCount),
    eventLoopDelayP99Ms: delay.percentile(99) / 1e6,
    peakMemoryBytes: process.resourceUsage().maxRSS * 1024,
  });
  if (complete + failed > 1)
    reporter.line(`${complete} of ${complete + failed} sources are complete, ${formatBytes(networkBytes)} fetched`);
  const isOutOfRoom = reports.some((report) => report.isOutOfRoom);
  if (failed > 0) process.exitCode = isOutOfRoom || complete > 0 ? exitCodes.partial : exitCodes.failed;
}

function tell(report: WarmReport, reporter: Reporter): void {
  const { error, isComplete, isOutOfRoom, isPinned, missing, source, ...fields } = report;
  reporter.event('warmed', { source, ...fields, isComplete, isOutOfRoom, missing, code: codeOf(error) });
  if (isPinned) reporter.event('pinned', { url: source, isPinned });
  if (isComplete) {
    reporter.line(`✓ ${source}: ${formatBytes(report.networkBytes)} fetched, ${formatBytes(report.doneBytes)} cached`);
    return;
  }
  const what = error === undefined ? `${missing.length} parts are missing` : describeError(error);
  reporter.line(`✗ ${source}: ${what}`);
  for (const part of missing) reporter.line(`    missing ${part}`);
}

function tellFailure(reporter: Reporter, source: string, error: unknown): void {
  reporter.event('warmed', { source, isComplete: false, missing: [], code: codeOf(error) });
  reporter.line(`✗ ${source}: ${describeError(error)}`);
}

async function plan({ bad, urls }: WarmSources, options: WarmCommandOptions, session: Session): Promise<void> {
  const { reporter, signal } = session;
  const { planWarm } = await import('../media/warm-plan.ts');
  const cache: Cache = await session.cache();
  const plans = await planWarm(urls, {
    cache,
    variants: options.variants,
    ...(options.language === undefined ? {} : { language: options.language }),
    untilNow: options.untilNow ?? false,
    signal,
  });
  for (const each of plans) tellPlan(each, reporter);
  const known = plans.filter(
    ({ error, isOutOfRoom, missing }) => error === undefined && isOutOfRoom !== true && missing.length === 0,
  ).length;
  const failed = plans.length + bad.length - known;
  reporter.event('done', { planned: known, failed });
  if (failed > 0) process.exitCode = known > 0 ? exitCodes.partial : exitCodes.failed;
}

function tellPlan({ error, ...plan }: WarmPlan, reporter: Reporter): void {
  reporter.event('planned', { ...plan, code: codeOf(error) });
  if (error !== undefined) {
    reporter.line(`✗ ${plan.source}: ${describeError(error)}`);
    return;
  }
  const { cachedBytes, cachedResources, isOutOfRoom, missing, missingBytes, source, totalResources } = plan;
  const cached = `${cachedResources} of ${totalResources} parts cached (${formatBytes(cachedBytes)})`;
  const rest =
    missingBytes === undefined ? 'it is not known how much there is to fetch' : `about ${formatBytes(missingBytes)} to fetch`;
  const room = isOutOfRoom === true ? '; there is not room for all of it: raise --max-bytes or remove something' : '';
  reporter.result(`${source}: ${cached}, ${rest}${room}`);
  for (const part of missing) reporter.line(`    missing ${part}`);
}
