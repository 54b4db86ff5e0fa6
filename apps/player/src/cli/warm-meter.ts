import type { WarmProgress } from '../media/warm-progress.ts';
import type { Reporter } from './reporter.ts';
import { formatBytes } from './size-text.ts';
import { formatTime } from './time-text.ts';

/** Progress is told this often at most, in milliseconds: smooth for the eye, and nothing for the machine. */
const tellMs = 200;

/** Tells how far a warm job is, how fast it goes and how long it will take. */
export class WarmMeter {
  readonly #reporter: Reporter;
  readonly #startedAtMs = performance.now();
  #toldAtMs = Number.NEGATIVE_INFINITY;
  /** Resources that were complete before anything was fetched: they say nothing about the speed. */
  #cachedResources = 0;
  #last: WarmProgress | undefined;

  constructor(reporter: Reporter) {
    this.#reporter = reporter;
  }

  update(progress: WarmProgress): void {
    if (progress.networkBytes === 0) this.#cachedResources = progress.doneResources;
    this.#last = progress;
    const nowMs = performance.now();
    if (nowMs - this.#toldAtMs < tellMs) return;
    this.#toldAtMs = nowMs;
    this.#tell(progress);
  }

  /** The end: the last progress is told in any case. */
  finish(): void {
    if (this.#last !== undefined) this.#reporter.event('progress', this.#fields(this.#last));
  }

  #tell(progress: WarmProgress): void {
    const fields = this.#fields(progress);
    this.#reporter.event('progress', fields);
    const { doneBytes, doneResources, doneSources, totalBytes, totalResources, totalSources } = progress;
    const sources = totalSources > 1 ? `${doneSources}/${totalSources} sources  ` : '';
    const bytes = totalBytes === undefined ? formatBytes(doneBytes) : `${formatBytes(doneBytes)} of ${formatBytes(totalBytes)}`;
    const rate = `${formatBytes(fields.bytesPerSecond)}/s`;
    this.#reporter.status(
      `${sources}${doneResources}/${totalResources} parts  ${bytes}  ${rate}  ${formatTime(fields.secondsLeft)} left`,
    );
  }

  #fields(progress: WarmProgress) {
    const seconds = (performance.now() - this.#startedAtMs) / 1000;
    const bytesPerSecond = seconds > 0 ? Math.round(progress.networkBytes / seconds) : 0;
    return { ...progress, bytesPerSecond, secondsLeft: this.#secondsLeft(progress, seconds, bytesPerSecond) };
  }

  /** By bytes where their number is known, else by parts; nothing while sources are left that nobody has looked at. */
  #secondsLeft(progress: WarmProgress, seconds: number, bytesPerSecond: number): number | undefined {
    const { doneBytes, doneResources, totalBytes, totalResources } = progress;
    if (totalBytes !== undefined && bytesPerSecond > 0) return Math.round((totalBytes - doneBytes) / bytesPerSecond);
    const fetched = doneResources - this.#cachedResources;
    return fetched > 0 ? Math.round(((totalResources - doneResources) * seconds) / fetched) : undefined;
  }
}
