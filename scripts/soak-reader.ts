import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import type { AssetStore } from '@tutti/assets';
import type { HttpClient } from '@tutti/net';
import { openFileSource, type FileSource } from '@tutti/stream';
import { countWrong, expectedBytes, type SoakAsset } from './soak-content.ts';
import type { ThreadAnswer, ThreadJob } from './soak-thread.ts';

/** What all readers share. */
export interface Soak {
  readonly store: AssetStore;
  readonly client: HttpClient;
  readonly baseUrl: string;
  readonly assets: readonly SoakAsset[];
  readonly pool: Uint8Array<SharedArrayBuffer>;
  readonly tally: Tally;
  readonly random: () => number;
  readonly signal: AbortSignal;
}

export interface Tally {
  opened: number;
  readBytes: number;
  wrongBytes: number;
  networkBytes: number;
  /** Opened complete, without the network. */
  hits: number;
  /** How often each failure came that faults at the origin explain. */
  readonly failures: Map<string, number>;
  /** Failures that nothing explains. */
  readonly surprises: string[];
}

interface Range {
  readonly start: number;
  readonly end: number;
}

/** Every retry was used up, or everything in the cache was in use at once: the reader goes on to the next asset. */
const explained = /^(net\/(status|reset|timeout|body-too-short|connect-failed)|assets\/no-space)$/;

/** Opens random assets and reads random parts of them, until the signal; every byte is compared. */
export async function readOn(soak: Soak, how: { readonly inThread: boolean }): Promise<void> {
  await using thread = how.inThread ? new ReadingThread(soak.pool) : undefined;
  while (!soak.signal.aborted) {
    const asset = pick(soak);
    try {
      await readAsset(soak, asset, thread);
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown';
      if (soak.signal.aborted && error === soak.signal.reason) return;
      if (explained.test(code)) soak.tally.failures.set(code, (soak.tally.failures.get(code) ?? 0) + 1);
      else soak.tally.surprises.push(`${asset.name}: ${code}: ${String(error)}`);
    }
  }
}

async function readAsset(soak: Soak, asset: SoakAsset, thread: ReadingThread | undefined): Promise<void> {
  const { client, random, store, tally } = soak;
  const url = `${soak.baseUrl}/${asset.name}`;
  await using cached = await store.asset(url);
  await using source = await openFileSource({ url, asset: cached, client });
  tally.opened += 1;
  if (source.isComplete) tally.hits += 1;
  if (random() < 0.5) source.startFill();
  const ranges = random() < 0.4 ? [{ start: 0, end: asset.length }] : randomRanges(asset, random);
  try {
    if (thread !== undefined) await thread.read(soak, source, asset, ranges);
    // Others give up in the middle, as a listener does.
    else if (random() < 0.1) await readRanges(soak, source, asset, ranges, random() * asset.length);
    else await readRanges(soak, source, asset, ranges, Infinity);
  } finally {
    tally.networkBytes += source.counters.networkBytes;
  }
}

async function readRanges(
  soak: Soak,
  source: FileSource,
  asset: SoakAsset,
  ranges: readonly Range[],
  mostBytes: number,
): Promise<void> {
  const { pool, signal, tally } = soak;
  for (const { start, end } of ranges) {
    let position = start;
    for await (const chunk of source.bytes({ start, end, signal })) {
      tally.wrongBytes += countWrong(chunk, expectedBytes(asset, pool, position, position + chunk.length));
      tally.readBytes += chunk.length;
      position += chunk.length;
      if (position - start > mostBytes) return;
    }
    tally.wrongBytes += end - position;
  }
}

/** A few assets are asked for often, all of them now and then. */
function pick({ assets, random }: Soak): SoakAsset {
  const among = random() < 0.5 ? Math.ceil(assets.length / 5) : assets.length;
  const asset = assets[Math.floor(random() * among)];
  if (asset === undefined) throw new Error('a soak needs at least one asset');
  return asset;
}

function randomRanges({ length }: SoakAsset, random: () => number): readonly Range[] {
  return Array.from({ length: 1 + Math.floor(random() * 4) }, () => {
    const start = Math.floor(random() * (length - 1));
    return { start, end: start + 1 + Math.floor(random() * (length - start)) };
  });
}

/** A reader in a thread of its own, over the control block and the doorbell. */
class ReadingThread implements AsyncDisposable {
  readonly #doorbell = new SharedArrayBuffer(4);
  readonly #worker: Worker;

  constructor(pool: Uint8Array<SharedArrayBuffer>) {
    this.#worker = new Worker(new URL('soak-thread.ts', import.meta.url), { workerData: { doorbell: this.#doorbell, pool } });
  }

  async read({ signal, tally }: Soak, source: FileSource, asset: SoakAsset, ranges: readonly Range[]): Promise<void> {
    for await (const span of source.spans({ startSeconds: 0, signal })) {
      const reader = span.openReader(this.#doorbell);
      try {
        const { readerData, readerModule } = reader.spec;
        const answering = once(this.#worker, 'message');
        this.#worker.postMessage({ readerModule: String(readerModule), readerData, asset, ranges } satisfies ThreadJob, [
          ...(reader.spec.transfer ?? []),
        ]);
        const [answer] = (await answering) as [ThreadAnswer];
        if ('code' in answer) throw Object.assign(new Error(answer.message), { code: answer.code });
        tally.readBytes += answer.readBytes;
        tally.wrongBytes += answer.wrongBytes;
      } finally {
        await reader.release();
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#worker.terminate();
  }
}
