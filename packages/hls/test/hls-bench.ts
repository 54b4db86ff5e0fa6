import { createCipheriv, createHash } from 'node:crypto';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { openAssetStore } from '@tutti/assets';
import type { AssetStore } from '@tutti/assets';
import { startOrigin } from '@tutti/fixtures';
import type { Origin } from '@tutti/fixtures';
import { createHttpClient } from '@tutti/net';
import type { HttpClient } from '@tutti/net';
import type { MediaSpan } from '@tutti/stream';
import { openHls } from '../src/index.ts';
import type { HlsEvent, HlsSource, OpenHlsOptions } from '../src/index.ts';
import type { SpanReadingCommand, SpanReadingMessage } from './span-reading-worker.ts';

/** A real origin, a real cache directory and a real client, torn down together. */
export class HlsBench implements AsyncDisposable {
  readonly origin: Origin;
  readonly client: HttpClient;
  readonly root: string;
  readonly events: HlsEvent[] = [];
  readonly #owned = new AsyncDisposableStack();
  readonly #opened: HlsSource[] = [];
  #store: AssetStore;

  private constructor(parts: { origin: Origin; client: HttpClient; root: string; store: AssetStore }) {
    this.origin = parts.origin;
    this.client = parts.client;
    this.root = parts.root;
    this.#store = parts.store;
    this.#owned.defer(() => rm(this.root, { recursive: true, force: true }));
    this.#owned.use(this.origin);
    this.#owned.use(this.client);
    this.#owned.defer(() => this.#store.close());
  }

  /** `media` serves the fixtures' files; otherwise there is only what the test puts. */
  static async start(served: 'media' | 'nothing' = 'nothing'): Promise<HlsBench> {
    const root = await mkdtemp(join(tmpdir(), 'tutti-'));
    const origin = await startOrigin(served === 'media' ? {} : { root });
    const store = await openAssetStore({ root: join(root, 'cache') });
    return new HlsBench({ origin, client: createHttpClient(), root, store });
  }

  get store(): AssetStore {
    return this.#store;
  }

  /** Opens the presentation at `path`; source and asset are closed with the bench at the latest. */
  async open(path: string, options: Partial<OpenHlsOptions> = {}): Promise<HlsSource> {
    const url = this.origin.url(path);
    const asset = await this.#store.asset(url);
    this.#owned.use(asset);
    const source = await openHls({
      url,
      asset,
      client: this.client,
      hooks: { onEvent: (event) => this.events.push(event) },
      ...options,
    });
    this.#owned.use(source);
    this.#opened.push(source);
    return source;
  }

  /** Something that is closed with the bench. */
  keep<Value extends AsyncDisposable>(value: Value): Value {
    return this.#owned.use(value);
  }

  /** Closes what was opened before, whose playlists are stored then, and opens the presentation at `path` from the cache alone. */
  async openOffline(path: string, options: Partial<OpenHlsOptions> = {}): Promise<HlsSource> {
    for (const source of this.#opened.splice(0)) await source.close();
    return this.open(path, { ...options, client: undefined });
  }

  /** Paths asked since the log was reset, in order. */
  get paths(): readonly string[] {
    return this.origin.requests.map(({ target }) => target.replace(/[?].*$/u, ''));
  }

  /** Every file of the cache, by its path. */
  async files(): Promise<readonly string[]> {
    const entries = await readdir(join(this.root, 'cache'), { recursive: true, withFileTypes: true });
    return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#owned.disposeAsync();
  }
}

/** Threads that have read a span to its end: starting one takes longer than most tests. */
const idleWorkers: Worker[] = [];

/** One span read by a worker thread that blocks like a decode worker. */
export class SpanReading implements AsyncDisposable {
  readonly #worker = idleWorkers.pop() ?? new Worker(new URL('./span-reading-worker.ts', import.meta.url));
  readonly #release: () => Promise<void>;
  readonly #chunks: Uint8Array[] = [];
  readonly #ended = Promise.withResolvers<void>();
  #progress = Promise.withResolvers<void>();
  #byteCount = 0;
  #hasSettled = false;
  isEnded = false;
  readonly #hear = (message: SpanReadingMessage): void => {
    if (message.type === 'bytes') {
      this.#chunks.push(message.bytes);
      this.#byteCount += message.bytes.length;
    } else if (message.type === 'end') {
      this.#hasSettled = true;
      this.isEnded = true;
      this.#ended.resolve();
    } else {
      this.#hasSettled = true;
      this.#ended.reject(Object.assign(new Error(message.message), { name: message.name, code: message.code }));
    }
    this.#progress.resolve();
    this.#progress = Promise.withResolvers();
  };

  constructor(span: MediaSpan) {
    this.#worker.ref();
    const doorbell = new SharedArrayBuffer(4);
    const reader = span.openReader(doorbell);
    this.#release = () => reader.release();
    this.#ended.promise.catch(() => undefined);
    this.#worker.on('message', this.#hear);
    this.#worker.on('error', this.#ended.reject);
    const { readerData, readerModule, transfer } = reader.spec;
    const command: SpanReadingCommand = { doorbell, readerModule: String(readerModule), readerData };
    this.#worker.postMessage(command, [...(transfer ?? [])]);
  }

  get bytes(): Buffer {
    return Buffer.concat(this.#chunks);
  }

  /** Resolves with all bytes at the end; rejects with what the reader threw. */
  async end(): Promise<Buffer> {
    await this.#ended.promise;
    return this.bytes;
  }

  /** Resolves when so many bytes have been read. */
  async reached(byteCount: number): Promise<void> {
    while (this.#byteCount < byteCount) await Promise.race([this.#progress.promise, this.#ended.promise]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#worker.off('message', this.#hear);
    this.#worker.off('error', this.#ended.reject);
    if (this.#hasSettled) {
      this.#worker.unref();
      idleWorkers.push(this.#worker);
    } else await this.#worker.terminate();
    await this.#release();
  }
}

/** Plays a source: reads every span to its end, one after the other. */
export async function readSpans(
  source: HlsSource,
  startSeconds = 0,
): Promise<readonly { readonly span: MediaSpan; readonly bytes: Buffer }[]> {
  const spans: { span: MediaSpan; bytes: Buffer }[] = [];
  for await (const span of source.spans({ startSeconds })) {
    if (span.isGap) {
      spans.push({ span, bytes: Buffer.alloc(0) });
      continue;
    }
    await using reading = new SpanReading(span);
    spans.push({ span, bytes: await reading.end() });
  }
  return spans;
}

/** Plays a source and gives its bytes, all spans joined. */
export async function readAll(source: HlsSource, startSeconds = 0): Promise<Buffer> {
  return Buffer.concat((await readSpans(source, startSeconds)).map(({ bytes }) => bytes));
}

/** Bytes that look like nothing, the same for the same name. */
export function noise(name: string, length = 3000): Buffer {
  const blocks: Buffer[] = [];
  for (let index = 0; index * 32 < length; index += 1) blocks.push(createHash('sha256').update(`${name} ${index}`).digest());
  return Buffer.concat(blocks).subarray(0, length);
}

export function encrypt(plaintext: Uint8Array, key: Uint8Array, iv: Uint8Array): Buffer {
  const cipher = createCipheriv('aes-128-cbc', key, iv);
  return Buffer.concat([cipher.update(plaintext), cipher.final()]);
}

/** A finished media playlist around `lines`. */
export function vod(lines: readonly string[], header: readonly string[] = []): string {
  return ['#EXTM3U', '#EXT-X-TARGETDURATION:4', ...header, ...lines, '#EXT-X-ENDLIST', ''].join('\n');
}

/** Puts `count` TS-named segments of four seconds and their playlist at `/<name>/list.m3u8`; gives the segments' bytes. */
export function putClear(origin: Origin, name: string, count = 5): readonly Buffer[] {
  const segments = Array.from({ length: count }, (_, index) => noise(`${name} ${index}`, 3000 + index));
  for (const [index, bytes] of segments.entries()) origin.put(`/${name}/s${index}.ts`, bytes);
  origin.put(`/${name}/list.m3u8`, vod(segments.flatMap((_, index) => ['#EXTINF:4,', `s${index}.ts`])));
  return segments;
}
