import { NetError, type HttpClient, type RequestPriority } from '@tutti/net';
import type { CommittedResource, StreamingResource } from '@tutti/storage';
import { download } from './downloader.ts';
import { planFetch, type FetchStep } from './fetch-plan.ts';
import { StreamError } from './stream-error.ts';

export interface FileProducerOptions {
  readonly client: HttpClient;
  readonly url: string;
  /** Where cookies of this file are kept: apart from those of every other asset. */
  readonly cookieJar: string;
  /** For messages: the URL without query and credentials. */
  readonly label: string;
  /** Called for every chunk with the bytes that came over the wire. */
  readonly onBytes: (byteCount: number) => void;
  readonly onRequest: () => void;
  /** Priority of what no reader waits for. */
  readonly fillPriority: () => RequestPriority;
}

/** What the first answer told. */
export interface FileOpening {
  /** Whether any range can be asked for. When not, the file comes from the front in one piece. */
  readonly hasRanges: boolean;
}

/** The request that learns what the file is, in bytes: a demuxer's first reads. */
const openingBytes = 128 * 1024;
/** First request to a partial file of an earlier run, in bytes: it only has to prove that the file is still the same. */
const validationBytes = 64 * 1024;

/** The producers at work, so that sources that join a resource find out what its producer knows and can ask it to fill. */
const producers = new WeakMap<StreamingResource, FileProducer>();

/** The producer that fills `resource`, where one was started in this process. */
export function producerOf(resource: StreamingResource): FileProducer | undefined {
  return producers.get(resource);
}

type WantedRange = Pick<Extract<FetchStep, { kind: 'fetch' }>, 'range' | 'purpose'>;

interface OpenBody {
  /** Offset up to which its bytes are stored. */
  position: number;
  end: number;
  /** Aborted when other bytes are wanted first. */
  readonly supersede: AbortController;
  readonly signal: AbortSignal;
}

/**
 * Fills one file from one URL, by its readers' wants: one body at a time, ranges where they are wanted, everything when
 * asked to fill. Runs as the producer of an asset's resource, which many sources may share.
 */
export class FileProducer {
  readonly #options: FileProducerOptions;
  readonly #opened = Promise.withResolvers<void>();
  #opening: FileOpening | undefined;
  /** Whether `opened` has resolved: until then somebody waits for it, though no reader is there to want anything. */
  #isOpened = false;
  #isFilling = false;
  /** A fill that failed rests until a reader's demand has succeeded again. */
  #isFillResting = false;
  #body: OpenBody | undefined;
  #wake = Promise.withResolvers<void>();

  constructor(options: FileProducerOptions) {
    this.#options = options;
    // Told to those who open a source; a producer may fail when nobody opens any more.
    this.#opened.promise.catch(() => undefined);
  }

  /** Resolves with the first bytes of this run, rejects when there are none. */
  get opened(): Promise<void> {
    return this.#opened.promise;
  }

  /** What the first answer told; there once `opened` has resolved. */
  get opening(): FileOpening | undefined {
    return this.#opening;
  }

  /** From now on fetch what nobody wants too, whenever no reader waits. */
  fill(): void {
    this.#isFilling = true;
    this.#isFillResting = false;
    this.#replan();
  }

  /** The producer as `Asset.acquire` takes it. */
  readonly produce = async (resource: StreamingResource, signal: AbortSignal): Promise<CommittedResource | undefined> => {
    producers.set(resource, this);
    using _demand = resource.onDemand(() => this.#replan(resource));
    using _change = resource.onChange(() => void (resource.state === 'active' || this.#replan()));
    const onAbort = (): void => this.#replan();
    signal.addEventListener('abort', onAbort);
    try {
      const committed = await this.#run(resource, signal);
      // Ended from outside before the first byte: whoever is opening must not wait for it.
      if (resource.state === 'committed') this.#open();
      else this.#opened.reject(resource.failure ?? signal.reason ?? this.#emptyError());
      return committed;
    } catch (error) {
      const failure = signal.aborted ? signal.reason : this.#explain(error, resource);
      this.#opened.reject(failure);
      throw failure;
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
  };

  async #run(resource: StreamingResource, signal: AbortSignal): Promise<CommittedResource | undefined> {
    let isWhole = await this.#begin(resource, signal);
    for (;;) {
      signal.throwIfAborted();
      // Ended from outside: a full disk, or discarded. Its readers know why.
      if (resource.state !== 'active') return undefined;
      // Where the length is hidden, the end of the body is what proves it.
      if (isWhole && resource.origin?.totalLength === undefined) return this.#commitRead(resource);
      this.#wake = Promise.withResolvers<void>();
      const step = this.#plan(resource);
      if (step.kind === 'complete') {
        if (step.length === 0) throw this.#emptyError();
        return resource.commit(step.length);
      }
      if (step.kind !== 'fetch') {
        await this.#wake.promise;
        continue;
      }
      isWhole = await this.#fetch(resource, this.#opening?.hasRanges === false ? undefined : step, signal);
    }
  }

  /**
   * Makes the first request: it learns what the file is. Bytes of an earlier run are joined with new ones only if the
   * origin can prove that they belong together. True when it read the file to its end.
   */
  async #begin(resource: StreamingResource, signal: AbortSignal): Promise<boolean> {
    const { origin, presentBytes } = resource;
    if (presentBytes === 0) {
      return this.#fetch(resource, { range: { start: 0, end: openingBytes }, purpose: 'demand' }, signal);
    }
    const { label } = this.#options;
    if (origin === undefined || origin.validator === '') {
      const reason = 'the origin gave nothing to tell versions of the file apart by';
      throw new NetError('net/representation-changed', `resume ${label}: ${reason}`, { url: label });
    }
    const [gap] = resource.missing({ start: 0, end: origin.totalLength ?? Number.MAX_SAFE_INTEGER });
    if (gap === undefined) {
      this.#learn(true);
      this.#open();
      return true;
    }
    const range = { start: gap.start, end: Math.min(gap.end, gap.start + validationBytes) };
    return this.#fetch(resource, { range, purpose: 'demand' }, signal);
  }

  #plan(resource: StreamingResource): FetchStep {
    return planFetch({
      wants: resource.wants(),
      present: resource.ranges(),
      length: resource.origin?.totalLength,
      isFilling: this.#isFilling && !this.#isFillResting,
      open: this.#body,
    });
  }

  /**
   * Fetches one range, or without one everything from the contiguous beginning on. True when the representation was read
   * to its end. A body that is superseded, and a fill that fails while nobody waits, end quietly.
   */
  async #fetch(resource: StreamingResource, wanted: WantedRange | undefined, signal: AbortSignal): Promise<boolean> {
    const range = wanted?.range ?? { start: contiguousBytes(resource) };
    const supersede = new AbortController();
    const body: OpenBody = {
      position: range.start,
      end: wanted?.range.end ?? Number.MAX_SAFE_INTEGER,
      supersede,
      signal: AbortSignal.any([signal, supersede.signal]),
    };
    const { client, cookieJar, fillPriority, onBytes, onRequest, url } = this.#options;
    this.#body = body;
    onRequest();
    try {
      const result = await download({
        client,
        resource,
        request: {
          url,
          kind: 'media',
          priority: wanted?.purpose === 'fill' ? fillPriority() : 'demand',
          cookieJar,
          // Who plays waits for the network to come back; who opens or fills wants to hear.
          outlastsOutage: this.#isOpened && wanted?.purpose !== 'fill',
        },
        range,
        keepsSurplus: true,
        onBody: (answer) => this.#learn(answer.acceptsRanges && answer.representation.totalLength !== undefined),
        onBytes,
        onWritten: (position) => {
          body.position = position;
          this.#open();
        },
        beforeChunk: () => this.#holdUp(resource, body),
        signal: body.signal,
      });
      this.#isFillResting = false;
      return result.isWhole;
    } catch (error) {
      signal.throwIfAborted();
      if (supersede.signal.aborted) return false;
      // Nothing follows what is there (RFC 9110, 15.5.17): the end of a file whose length was hidden.
      if (isBeyondEnd(error) && wanted === undefined && range.start > 0) return true;
      this.#body = undefined;
      if (!this.#isOpened || !isRecoverable(error) || this.#isDemanded(resource)) throw error;
      this.#isFillResting = true;
      return false;
    } finally {
      this.#body = undefined;
    }
  }

  #open(): void {
    this.#isOpened = true;
    this.#opened.resolve();
  }

  #learn(hasRanges: boolean): void {
    // A body that cannot be asked for by ranges goes on to the end of the file.
    if (!hasRanges && this.#body !== undefined) this.#body.end = Number.MAX_SAFE_INTEGER;
    this.#opening ??= { hasRanges };
  }

  #isDemanded(resource: StreamingResource): boolean {
    const next = this.#plan(resource);
    return next.kind === 'fetch' && next.purpose === 'demand';
  }

  /** Before each chunk: a body that cannot be asked for again later rests while nobody wants more of it. */
  async #holdUp(resource: StreamingResource, body: OpenBody): Promise<void> {
    while (this.#opening?.hasRanges === false && !body.signal.aborted && this.#plan(resource).kind === 'idle') {
      this.#wake = Promise.withResolvers<void>();
      await this.#wake.promise;
    }
  }

  /** Readers, or what is asked of this producer, have changed. */
  #replan(resource?: StreamingResource): void {
    this.#wake.resolve();
    if (resource === undefined || this.#body === undefined || this.#opening?.hasRanges !== true) return;
    if (this.#plan(resource).kind !== 'continue') this.#body.supersede.abort();
  }

  async #commitRead(resource: StreamingResource): Promise<CommittedResource> {
    const length = contiguousBytes(resource);
    if (length === 0) throw this.#emptyError();
    return resource.commit(length);
  }

  #explain(error: unknown, resource: StreamingResource): unknown {
    return isBeyondEnd(error) && resource.origin === undefined ? this.#emptyError(error) : error;
  }

  #emptyError(cause?: unknown): StreamError {
    const { label } = this.#options;
    return new StreamError('stream/empty', `open ${label}: the server sent an empty file`, { label, cause });
  }
}

function isRecoverable(error: unknown): boolean {
  return error instanceof NetError && error.isRecoverable;
}

function isBeyondEnd(error: unknown): boolean {
  return error instanceof NetError && error.code === 'net/unsatisfiable-range';
}

function contiguousBytes(resource: StreamingResource): number {
  const [first] = resource.ranges();
  return first?.start === 0 ? first.end : 0;
}
