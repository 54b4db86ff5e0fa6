import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openAssetStore, type Asset, type AssetStore } from '@tutti/assets';
import { startOrigin, type Origin } from '@tutti/fixtures';
import { createHttpClient, type HttpClient } from '@tutti/net';
import {
  openFileSource,
  type FileSource,
  type MediaSourceEvent,
  type MediaSpan,
  type OpenFileSourceOptions,
  type SpanReader,
} from '../src/index.ts';
import { ReadingThread } from './reading-thread.ts';

/** A real origin, a real cache directory and a real client, torn down together. */
export class SourceBench implements AsyncDisposable {
  readonly origin: Origin;
  readonly client: HttpClient;
  readonly root: string;
  readonly #owned: AsyncDisposableStack;
  #store: AssetStore;

  private constructor(parts: { origin: Origin; client: HttpClient; root: string; store: AssetStore }) {
    this.origin = parts.origin;
    this.client = parts.client;
    this.root = parts.root;
    this.#store = parts.store;
    this.#owned = new AsyncDisposableStack();
    this.#owned.defer(() => rm(this.root, { recursive: true, force: true }));
    this.#owned.use(this.origin);
    this.#owned.use(this.client);
    this.#owned.defer(() => this.#store.close());
  }

  static async start(): Promise<SourceBench> {
    const root = await mkdtemp(join(tmpdir(), 'tutti-'));
    const origin = await startOrigin({ root });
    const store = await openAssetStore({ root: join(root, 'cache') });
    return new SourceBench({ origin, client: createHttpClient(), root, store });
  }

  get store(): AssetStore {
    return this.#store;
  }

  /** Ends the cache and opens it again, as another process would find it. */
  async reopenStore(): Promise<void> {
    await this.#store.close();
    this.#store = await openAssetStore({ root: join(this.root, 'cache') });
  }

  /** Opens the source of `path`; both it and its asset are closed with the bench at the latest. */
  async open(path: string, options: Partial<OpenFileSourceOptions> = {}): Promise<FileSource> {
    const url = this.origin.url(path);
    const asset: Asset = await this.#store.asset(url);
    this.#owned.use(asset);
    const source = await openFileSource({ url, asset, client: this.client, ...options });
    this.#owned.use(source);
    return source;
  }

  /** A reading thread on `source`, opened at its only span. */
  async read(source: FileSource): Promise<OpenThread> {
    const thread = new ReadingThread();
    this.#owned.use(thread);
    const span = await onlySpan(source);
    const reader = span.openReader(thread.doorbell);
    this.#owned.defer(() => reader.release());
    const length = await thread.open(reader);
    return { thread, reader, length };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#owned.disposeAsync();
  }
}

export interface OpenThread {
  readonly thread: ReadingThread;
  readonly reader: SpanReader;
  readonly length: number | undefined;
}

export async function onlySpan(source: FileSource): Promise<MediaSpan> {
  const spans: MediaSpan[] = [];
  for await (const span of source.spans({ startSeconds: 0 })) spans.push(span);
  if (spans.length !== 1 || spans[0] === undefined) throw new Error(`${spans.length} spans`);
  return spans[0];
}

/** Resolves with the next event of a type. */
export async function nextEvent(source: FileSource, type: MediaSourceEvent['type']): Promise<MediaSourceEvent> {
  const { promise, resolve } = Promise.withResolvers<MediaSourceEvent>();
  using _ = source.on((event) => {
    if (event.type === type) resolve(event);
  });
  return await promise;
}

/** Bytes whose every stretch tells its own place, so that a skip, repeat or swap shows. */
export function provenance(size: number): Uint8Array {
  const words = new Uint32Array(Math.ceil(size / 4));
  for (let index = 0; index < words.length; index += 1) words[index] = Math.imul(index, 2_654_435_761);
  return new Uint8Array(words.buffer, 0, size);
}

/** Where two byte strings begin to differ; `undefined` when they are equal. */
export function difference(actual: Uint8Array, expected: Uint8Array): string | undefined {
  const shorter = Math.min(actual.length, expected.length);
  if (Buffer.compare(actual.subarray(0, shorter), expected.subarray(0, shorter)) !== 0) {
    return `at ${actual.findIndex((byte, index) => byte !== expected[index])}`;
  }
  return actual.length === expected.length ? undefined : `${actual.length} bytes instead of ${expected.length}`;
}
