import type { HttpBody, HttpClient, RequestPriority } from '@tutti/net';
import type { ByteRange } from '@tutti/storage';
import type { FetchTarget } from './fetch-target.ts';

/** Most bytes of one request that fetches several ranges: large enough to forget the latency, small enough to spread. */
const MAX_RUN_BYTES = 4 * 1024 * 1024;

/** Puts targets whose ranges follow one another in one file together, up to 4 MiB; every other one stays alone. */
export function toRuns(targets: readonly FetchTarget[]): readonly (readonly FetchTarget[])[] {
  const runs: FetchTarget[][] = [];
  for (const target of targets) {
    const run = runs.at(-1);
    const first = run?.[0]?.range;
    const last = run?.at(-1);
    const isNext = last !== undefined && last.uri === target.uri && last.range?.end === target.range?.start;
    const end = target.range?.end;
    if (run !== undefined && isNext && first !== undefined && end !== undefined && end - first.start <= MAX_RUN_BYTES) {
      run.push(target);
    } else runs.push([target]);
  }
  return runs;
}

export interface RunBodyOptions {
  readonly opener: Pick<HttpClient, 'open'>;
  readonly url: string;
  /** All of the ranges that will be asked for. */
  readonly range: ByteRange;
  readonly priority: RequestPriority;
  readonly signal: AbortSignal | undefined;
}

/**
 * One body that is handed out in pieces: ranges of it, one after the other, each as the body of its own request. The first
 * `open` asks the origin. Dispose it when the last piece has been read.
 */
export class RunBody implements AsyncDisposable {
  readonly #options: RunBodyOptions;
  #opening: Promise<HttpBody> | undefined;
  #chunks: AsyncIterator<Uint8Array> | undefined;
  /** What of the last chunk nobody has read. */
  #rest: Uint8Array = new Uint8Array(0);
  #position: number;

  constructor(options: RunBodyOptions) {
    this.#options = options;
    this.#position = options.range.start;
  }

  /** The body of the next range. Rejects with a `RangeError` for one that has gone by. */
  async open({ range }: { readonly range?: { readonly start: number; readonly end?: number } }): Promise<HttpBody> {
    const whole = this.#options.range;
    const { start, end = whole.end } = range ?? whole;
    if (start < this.#position || end > whole.end) throw new RangeError(`bytes ${start} to ${end} are not ahead in this body`);
    const { opener, priority, signal, url } = this.#options;
    this.#opening ??= opener.open({ url, kind: 'segment', priority, range: whole }, signal === undefined ? {} : { signal });
    const body = await this.#opening;
    this.#chunks ??= body.chunks[Symbol.asyncIterator]();
    return {
      finalUrl: body.finalUrl,
      representation: body.representation,
      contentType: body.contentType,
      acceptsRanges: body.acceptsRanges,
      timeToFirstByteMs: body.timeToFirstByteMs,
      start,
      end,
      chunks: this.#read(this.#chunks, { start, end }),
      [Symbol.asyncDispose]: () => Promise.resolve(),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const body = await this.#opening?.catch(() => undefined);
    await body?.[Symbol.asyncDispose]();
  }

  async *#read(chunks: AsyncIterator<Uint8Array>, { start, end }: ByteRange): AsyncGenerator<Uint8Array> {
    while (this.#position < end) {
      if (this.#rest.length === 0) {
        const next = await chunks.next();
        if (next.done === true) return;
        this.#rest = next.value;
      }
      const isSkipping = this.#position < start;
      const piece = this.#rest.subarray(0, (isSkipping ? start : end) - this.#position);
      this.#rest = this.#rest.subarray(piece.length);
      this.#position += piece.length;
      if (!isSkipping) yield piece;
    }
    // Read to its own end the connection can serve again.
    if (end === this.#options.range.end) await chunks.next();
  }
}
