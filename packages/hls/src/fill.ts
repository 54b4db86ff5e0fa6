import { AssetError } from '@tutti/assets';
import { NetError } from '@tutti/net';
import { SharedTransferLimit } from '@tutti/stream';
import type { FillOptions, FillProgress, FillReport, TransferLimit } from '@tutti/stream';
import type { FetchTarget } from './fetch-target.ts';
import { HlsError, publicUrl } from './hls-error.ts';
import { RunBody, toRuns } from './run-body.ts';
import type { SegmentFetcher } from './segment-fetch.ts';

/** As many as one origin gets: more would queue. */
const DEFAULT_TRANSFERS = 6;
/** Resources that have come and are being made durable, beside those that are coming: bounds memory and open files. */
const MAX_SETTLING = 32;

/**
 * Fetches what is not stored yet, several at once, contiguous byte ranges with one request. What cannot be had is asked for
 * again at the end, as long as that brings anything; the rest is listed. A full cache stops it, an abort rejects with the
 * signal's reason; what was fetched stays.
 */
export async function fillTargets(
  targets: readonly FetchTarget[],
  fetcher: SegmentFetcher,
  options: FillOptions & { readonly missing: readonly string[] },
): Promise<FillReport> {
  options.signal?.throwIfAborted();
  return new Filling(targets, fetcher, options).run();
}

/** What a pass could not fetch, and why; without a reason it was not tried. */
type Misses = Map<FetchTarget, Error | undefined>;

class Filling {
  readonly #targets: readonly FetchTarget[];
  readonly #fetcher: SegmentFetcher;
  readonly #options: FillOptions & { readonly missing: readonly string[] };
  readonly #limit: TransferLimit;
  readonly #underWay = new Set<Promise<void>>();
  #doneBytes = 0;
  #doneResources = 0;
  /** Nothing more is to be had: the cache is full, or the origin is away. */
  #isOver = false;
  #stoppedBy: Error | undefined;

  constructor(
    targets: readonly FetchTarget[],
    fetcher: SegmentFetcher,
    options: FillOptions & { readonly missing: readonly string[] },
  ) {
    this.#targets = targets;
    this.#fetcher = fetcher;
    this.#options = options;
    this.#limit = options.limit ?? new SharedTransferLimit(DEFAULT_TRANSFERS).ranked(0);
  }

  async run(): Promise<FillReport> {
    const absent = this.#targets.filter((target) => !this.#isStored(target));
    if (this.#doneResources > 0) this.#options.onProgress?.(this.#progress());
    let misses = await this.#pass(toRuns(absent));
    for (let before = Infinity; misses.size > 0 && misses.size < before && !this.#isOver;) {
      before = misses.size;
      misses = await this.#pass([...misses.keys()].map((target) => [target]));
    }
    const inOrder = this.#targets.filter((target) => misses.has(target));
    const missing = [...this.#options.missing, ...inOrder.map((target) => describe(target, misses.get(target)))];
    return {
      ...this.#progress(),
      isComplete: missing.length === 0,
      missing,
      ...(this.#stoppedBy === undefined ? {} : { stoppedBy: this.#stoppedBy }),
    };
  }

  #isStored(target: FetchTarget): boolean {
    const byteCount = this.#fetcher.storedBytes(target);
    if (byteCount !== undefined) this.#done(byteCount);
    return byteCount !== undefined;
  }

  /** Tries every run once. */
  async #pass(runs: readonly (readonly FetchTarget[])[]): Promise<Misses> {
    const { signal } = this.#options;
    const misses: Misses = new Map();
    try {
      for (const run of runs) {
        while (this.#underWay.size >= this.#limit.count + MAX_SETTLING) await Promise.race(this.#underWay);
        const transfer = await this.#limit.acquire(signal);
        if (this.#isOver) transfer[Symbol.dispose]();
        if (this.#isOver) for (const target of run) misses.set(target, undefined);
        else this.#start(run, transfer, misses);
      }
    } finally {
      await Promise.all(this.#underWay);
    }
    signal?.throwIfAborted();
    return misses;
  }

  #start(run: readonly FetchTarget[], transfer: Disposable, misses: Misses): void {
    const work = this.#fetch(run, transfer, misses).finally(() => {
      transfer[Symbol.dispose]();
      this.#underWay.delete(work);
    });
    this.#underWay.add(work);
  }

  /** Never rejects. */
  async #fetch(run: readonly FetchTarget[], transfer: Disposable, misses: Misses): Promise<void> {
    const { onProgress, signal } = this.#options;
    await using body = this.#bodyOf(run);
    for (const target of run) {
      // The line is free for others while the last bytes are made durable.
      const onFetched = (): void => void (target === run.at(-1) && transfer[Symbol.dispose]());
      try {
        this.#done(await this.#fetcher.complete(target, { priority: 'warm', signal, run: body, onFetched }));
      } catch (error) {
        if (signal?.aborted === true) return;
        const reason = error instanceof Error ? error : new Error(String(error));
        misses.set(target, reason);
        this.#judge(reason);
      }
      onProgress?.(this.#progress());
    }
  }

  #bodyOf(run: readonly FetchTarget[]): RunBody | undefined {
    const { opener } = this.#fetcher;
    const [first, last] = [run[0]?.range, run.at(-1)?.range];
    if (opener === undefined || run.length < 2 || first === undefined || last === undefined) return undefined;
    const range = { start: first.start, end: last.end };
    return new RunBody({ opener, url: run[0]?.uri ?? '', range, priority: 'warm', signal: this.#options.signal });
  }

  #judge(error: Error): void {
    if (error instanceof AssetError && error.code !== 'assets/not-cached') {
      this.#isOver = true;
      this.#stoppedBy ??= error;
    }
    // It was asked several times by now, with pauses: asking for each of the others would take hours.
    if (error instanceof NetError && error.code === 'net/connect-failed') this.#isOver = true;
  }

  #done(byteCount: number): void {
    this.#doneBytes += byteCount;
    this.#doneResources += 1;
  }

  #progress(): FillProgress {
    const totalResources = this.#targets.length;
    const totalBytes = this.#doneResources === totalResources ? this.#doneBytes : undefined;
    return { doneBytes: this.#doneBytes, totalBytes, doneResources: this.#doneResources, totalResources };
  }
}

function describe({ name, uri }: FetchTarget, reason: Error | undefined): string {
  if (reason instanceof HlsError) return reason.message;
  const place = `${name} (${publicUrl(uri)})`;
  return `${place}: ${reason?.message ?? 'not tried'}`;
}
