import type { Asset, Producer, ResourceKey, ResourceLease } from '@tutti/assets';
import type { MediaHint } from '@tutti/decode';
import { NetError, type HttpClient } from '@tutti/net';
import { readBytes, type ReadBytesOptions } from './byte-stream.ts';
import { FileProducer, producerOf } from './file-producer.ts';
import { hintOf, needsSeeking } from './media-kind.ts';
import type { FillOptions, FillProgress, FillReport, MediaSource, MediaSpan, SourceCounters } from './media-source.ts';
import { defaultLookAheadBytes } from './read-ahead.ts';
import type { ReaderPosition } from './reader-messages.ts';
import { openResourceSpanReader } from './resource-span-reader.ts';
import { SourceEvents } from './source-events.ts';
import { StreamError } from './stream-error.ts';

export interface OpenFileSourceOptions {
  readonly url: string;
  /** The asset of `url`. It stays the caller's: close the source first. */
  readonly asset: Asset;
  /** `undefined` offline. */
  readonly client: HttpClient | undefined;
  /** Never use the network, even with a client. Default false. */
  readonly isOffline?: boolean;
  /** Bytes fetched ahead of a reader. Default 2 MiB. */
  readonly lookAheadBytes?: number;
  /** `full`: after `startFill` the rest of the file is fetched as well. `demand`: only what readers want. Default `full`. */
  readonly fill?: 'full' | 'demand';
  /** What is known about the bytes; otherwise it comes from the URL and the Content-Type. */
  readonly hint?: MediaHint;
  /** Query parameters that tell resources apart; others (tokens) are ignored. Default: the whole query counts. */
  readonly identityQuery?: readonly string[];
  /** Ends the opening; the source, once open, is ended by `close`. */
  readonly signal?: AbortSignal;
}

/** The beginning of a file. */
export interface Sniff {
  /** MIME type as the origin gave it, without parameters. */
  readonly contentType: string | undefined;
  /** The first 1024 bytes, or all of a shorter file. */
  readonly head: Uint8Array;
}

/** A progressive URL. */
export interface FileSource extends MediaSource {
  readonly kind: 'progressive';
  /** Length in bytes, proven or announced; `undefined` while the origin hides it. */
  readonly lengthBytes: number | undefined;
  /** Whether every byte is in the cache. */
  readonly isComplete: boolean;
  /** Enough to tell media from a playlist or a web page. Waits for the bytes; abort leaves nothing behind. */
  sniff(options?: { readonly signal?: AbortSignal }): Promise<Sniff>;
  /** The stored bytes in order, as they arrive: for whoever wants the file and not its sound. */
  bytes(options?: ReadBytesOptions): AsyncIterable<Uint8Array>;
  startFill(): void;
}

/** Bytes that `sniff` gives at most. */
const sniffBytes = 1024;
/** Bytes that a fill waits for at a time: progress is reported in between, and so is a failure. */
const fillStepBytes = 8 * 1024 * 1024;

/**
 * Opens a progressive URL over the cache. A complete file needs no network; otherwise the first answer has arrived when
 * this resolves. Sources of one URL share one download. A partial file whose origin has changed since is begun anew.
 * Rejects with `stream/empty`, with `assets/not-cached` offline, and with the `NetError` or `StorageError` that the first
 * request met. Abort leaves what was fetched in the cache, and nothing open.
 */
export async function openFileSource(options: OpenFileSourceOptions): Promise<FileSource> {
  options.signal?.throwIfAborted();
  try {
    return await openOnce(options);
  } catch (error) {
    // A version of the file that is gone: what is stored of it can never be completed.
    if (!(error instanceof NetError && error.code === 'net/representation-changed')) throw error;
    await options.asset.discard(keyOf(options));
    return openOnce(options);
  }
}

async function openOnce(options: OpenFileSourceOptions): Promise<FileSource> {
  const { asset, client, isOffline = false, signal, url } = options;
  const key = keyOf(options);
  const traffic: Traffic = { networkBytes: 0, requestCount: 0, isWarming: false };
  const producer =
    client === undefined || isOffline ? undefined : makeProducer({ client, url, label: asset.url, cookieJar: asset.id, traffic });
  const lease = await asset.acquire(key, producer, signal === undefined ? {} : { signal });
  try {
    const { resource } = lease;
    const cachedBytes = resource.presentBytes;
    if (resource.state !== 'committed') await untilAborted(producerOf(resource)?.opened, signal);
    else if (resource.length === 0) throw emptyError(asset.url);
    return new CachedFileSource({ options, key, lease, traffic, cachedBytes });
  } catch (error) {
    await lease.release();
    throw error;
  }
}

function keyOf({ asset, identityQuery, url }: OpenFileSourceOptions): ResourceKey {
  return asset.key('media', url, identityQuery === undefined ? {} : { identityQuery });
}

/** What this source's own producer has cost. */
interface Traffic {
  networkBytes: number;
  requestCount: number;
  isWarming: boolean;
}

interface ProducerParts {
  readonly client: HttpClient;
  readonly url: string;
  readonly label: string;
  readonly cookieJar: string;
  readonly traffic: Traffic;
}

function makeProducer({ client, cookieJar, label, traffic, url }: ProducerParts): Producer {
  const producer = new FileProducer({
    client,
    url,
    label,
    cookieJar,
    onBytes: (byteCount) => void (traffic.networkBytes += byteCount),
    onRequest: () => void (traffic.requestCount += 1),
    fillPriority: () => (traffic.isWarming ? 'warm' : 'prefetch'),
  });
  return producer.produce;
}

interface CachedFileSourceParts {
  readonly options: OpenFileSourceOptions;
  readonly key: ResourceKey;
  readonly lease: ResourceLease;
  readonly traffic: Traffic;
  readonly cachedBytes: number;
}

class CachedFileSource implements FileSource {
  readonly kind = 'progressive';
  readonly label: string;
  /** Decoding knows. */
  readonly durationSeconds = undefined;
  readonly #options: OpenFileSourceOptions;
  readonly #contentType: string | undefined;
  readonly #lease: ResourceLease;
  readonly #traffic: Traffic;
  readonly #cachedBytes: number;
  readonly #events = new SourceEvents();
  readonly #observation: Disposable;
  readonly #lookAheadBytes: number;
  #blockedReaders = 0;
  #isClosed = false;
  #isAtEnd = false;

  constructor({ cachedBytes, key, lease, options, traffic }: CachedFileSourceParts) {
    const { asset } = options;
    this.label = asset.url;
    this.#options = options;
    this.#lease = lease;
    this.#traffic = traffic;
    this.#cachedBytes = cachedBytes;
    this.#lookAheadBytes = options.lookAheadBytes ?? defaultLookAheadBytes;
    this.#contentType = lease.resource.origin?.contentType ?? asset.entry(key)?.origin.contentType;
    let wasComplete = this.isComplete;
    this.#observation = lease.resource.onChange(() => {
      if (wasComplete || !this.isComplete) return;
      wasComplete = true;
      this.#events.emit({ type: 'complete' });
    });
  }

  get lengthBytes(): number | undefined {
    const { announcedLength, length, origin } = this.#lease.resource;
    return length ?? announcedLength ?? origin?.totalLength;
  }

  get isComplete(): boolean {
    return this.#lease.resource.state === 'committed';
  }

  get counters(): SourceCounters {
    const { networkBytes, requestCount } = this.#traffic;
    return { networkBytes, cachedBytes: this.#cachedBytes, requestCount };
  }

  on(listener: Parameters<SourceEvents['on']>[0]): Disposable {
    // Found out while opening, before anybody could listen.
    return this.#hasRanges ? this.#events.on(listener) : this.#events.on(listener, { type: 'ranges-ignored' });
  }

  async *spans({
    startSeconds,
    signal,
  }: {
    readonly startSeconds: number;
    readonly signal?: AbortSignal;
  }): AsyncIterable<MediaSpan> {
    const { head } = await this.sniff(signal === undefined ? {} : { signal });
    const canSeek = this.#hasRanges && this.lengthBytes !== undefined;
    const hint = this.#options.hint ?? hintOf(this.#options.url, this.#contentType);
    yield {
      startSeconds: 0,
      durationSeconds: undefined,
      offsetSeconds: startSeconds,
      isGap: false,
      isSeekable: canSeek,
      hint,
      openReader: (doorbell) => {
        this.#throwIfClosed('open a reader of');
        const length = canSeek || needsSeeking(head) ? this.lengthBytes : undefined;
        return this.#openReader(doorbell, hint, length);
      },
    };
  }

  async sniff(options: { readonly signal?: AbortSignal } = {}): Promise<Sniff> {
    options.signal?.throwIfAborted();
    this.#throwIfClosed('look at');
    const { resource } = this.#lease;
    const end = Math.min(sniffBytes, this.lengthBytes ?? sniffBytes);
    await resource.waitRange({ start: 0, end }, options);
    const head = new Uint8Array(end);
    return { contentType: this.#contentType, head: head.subarray(0, await resource.readAt(0, head)) };
  }

  bytes(options: ReadBytesOptions = {}): AsyncIterable<Uint8Array> {
    this.#throwIfClosed('read');
    return readBytes(this.#lease.resource, { lookAheadBytes: this.#lookAheadBytes, ...options });
  }

  startFill(): void {
    if (this.#options.fill !== 'demand') producerOf(this.#lease.resource)?.fill();
  }

  async fill(options: FillOptions = {}): Promise<FillReport> {
    const { limit, onProgress, signal } = options;
    signal?.throwIfAborted();
    this.#throwIfClosed('fill');
    const { resource } = this.#lease;
    using _transfer = this.isComplete ? undefined : await limit?.acquire(signal);
    this.#traffic.isWarming = true;
    using _ = resource.onChange(() => onProgress?.(this.#progress()));
    try {
      for (let start = 0; !this.isComplete;) {
        const [gap] = resource.missing({ start, end: this.lengthBytes ?? Number.MAX_SAFE_INTEGER });
        // With everything there only the commit is missing, which is found by waiting past the end.
        start = gap?.start ?? Number.MAX_SAFE_INTEGER - 1;
        await resource.waitRange(
          { start, end: Math.min(start + fillStepBytes, gap?.end ?? start + 1) },
          signal === undefined ? {} : { signal },
        );
      }
    } finally {
      this.#traffic.isWarming = false;
    }
    return { ...this.#progress(), isComplete: this.isComplete, missing: [] };
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    await this.#completePlayed();
    this.#observation[Symbol.dispose]();
    await this.#lease.release();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  get #hasRanges(): boolean {
    return this.isComplete || producerOf(this.#lease.resource)?.opening?.hasRanges === true;
  }

  #openReader(doorbell: SharedArrayBuffer, hint: MediaHint, length: number | undefined) {
    let isBlocked = false;
    const { resource } = this.#lease;
    const onPosition = ({ isAtEnd, neededEnd, position }: ReaderPosition): void => {
      this.#isAtEnd = isAtEnd;
      if (isBlocked === (neededEnd !== undefined)) return;
      isBlocked = !isBlocked;
      this.#blockedReaders += isBlocked ? 1 : -1;
      if (isBlocked) this.#events.emit({ type: 'buffering', positionBytes: position, startSeconds: undefined });
      else if (this.#blockedReaders === 0) this.#events.emit({ type: 'playing' });
    };
    const reader = openResourceSpanReader({
      resource,
      doorbell,
      label: this.label,
      hint,
      length,
      lookAheadBytes: this.#lookAheadBytes,
      onPosition,
    });
    const release = async (): Promise<void> => {
      await reader.release();
      if (isBlocked) this.#blockedReaders -= 1;
      isBlocked = false;
    };
    return { spec: reader.spec, release };
  }

  /**
   * A file that was played to its end lacks at most what no decoder reads (tags, padding): with that it plays offline too.
   * What fails here is fetched the next time.
   */
  async #completePlayed(): Promise<void> {
    const { resource } = this.#lease;
    if (!this.#isAtEnd || this.#options.fill === 'demand' || resource.state !== 'active') return;
    const total = resource.origin?.totalLength;
    if (total === undefined || total - resource.presentBytes > this.#lookAheadBytes) return;
    this.startFill();
    await resource.waitRange({ start: 0, end: total }).catch(() => undefined);
  }

  #progress(): FillProgress {
    const { presentBytes } = this.#lease.resource;
    return { doneBytes: presentBytes, totalBytes: this.lengthBytes, doneResources: this.isComplete ? 1 : 0, totalResources: 1 };
  }

  #throwIfClosed(operation: string): void {
    if (this.#isClosed)
      throw new StreamError('stream/closed', `${operation} ${this.label}: the source is closed`, { label: this.label });
  }
}

function emptyError(label: string): StreamError {
  return new StreamError('stream/empty', `open ${label}: the file is empty`, { label });
}

/** Waits, but no longer than the signal. */
async function untilAborted(work: Promise<unknown> | undefined, signal: AbortSignal | undefined): Promise<void> {
  if (signal === undefined) return void (await work);
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const onAbort = (): void => reject(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}
