import type { OriginBehaviour } from '@tutti/fixtures';
import { createHttpClient, NetError, type NetEvent } from '@tutti/net';
import { describe, expect, test } from 'vitest';
import { difference, provenance, SourceBench } from './source-bench.ts';

const KiB = 1024;
const FILE_COUNT = 16;
const FILE_BYTES = 400 * KiB + 77;
const TOTAL_BYTES = FILE_COUNT * FILE_BYTES;
/** Of what has to be fetched. */
const MOST_WASTE = 0.15;

interface Row {
  readonly name: string;
  readonly behaviour: Partial<OriginBehaviour>;
  /** Strikes once; called when a part of all bytes has been sent. */
  readonly strike?: (bench: SourceBench) => Promise<void>;
  /** The part, from 0 to 1. Default a quarter. */
  readonly strikeAt?: number;
  /** Requests that every file costs at least: what the fault must have caused. */
  readonly leastRequests: number;
  readonly mayWaste?: boolean;
}

const breaking = { faultEvery: 2, faultAfterBytes: 100 * KiB } as const;
const ROWS: readonly Row[] = [
  { name: 'none', behaviour: {}, leastRequests: FILE_COUNT },
  { name: '503', behaviour: { fault: 'status', faultEvery: 3 }, leastRequests: FILE_COUNT * 1.3 },
  { name: 'reset', behaviour: { fault: 'reset', ...breaking }, leastRequests: FILE_COUNT * 2 },
  { name: 'truncation', behaviour: { fault: 'truncate', ...breaking }, leastRequests: FILE_COUNT * 2 },
  { name: 'stall', behaviour: { fault: 'stall', ...breaking, stallMs: 3_600_000 }, leastRequests: FILE_COUNT * 2 },
  { name: 'refused', behaviour: { bytesPerSecond: 16_000 * KiB }, strike: goAway, leastRequests: FILE_COUNT + 1 },
  { name: 'ETag change', behaviour: {}, strike: replaceOne, strikeAt: 0, leastRequests: 2 * FILE_COUNT + 2 },
  {
    name: 'range ignored',
    behaviour: { ignoresRanges: true, fault: 'reset', faultEvery: 3, faultAfterBytes: 200 * KiB },
    leastRequests: FILE_COUNT * 1.3,
    mayWaste: true,
  },
];

const path = (index: number): string => `/${index}.flac`;
const contents = Array.from({ length: FILE_COUNT }, (_, index) => provenance(FILE_BYTES + 4 * index).subarray(4 * index));
/** The file that is replaced under way, by one of the same length. */
const REPLACED = 3;
const replacement = provenance(FILE_BYTES + 4000).subarray(4000);

/** The origin is gone for a while, and back on the same port. */
async function goAway({ origin }: SourceBench): Promise<void> {
  await origin.stop();
  await new Promise((resolve) => setTimeout(resolve, 100));
  await origin.restart();
}

/** Another file in the place of one that has come in part. */
async function replaceOne({ origin }: SourceBench): Promise<void> {
  using gate = origin.gate(path(REPLACED), 64 * KiB);
  await gate.reached();
  origin.put(path(REPLACED), replacement, 'audio/flac');
}

async function bytesOf(bench: SourceBench, index: number, client: ReturnType<typeof createHttpClient>): Promise<Uint8Array> {
  for (;;) {
    const source = await bench.open(path(index), { client });
    try {
      await source.fill();
      const parts: Uint8Array[] = [];
      for await (const part of source.bytes()) parts.push(part);
      return Buffer.concat(parts);
    } catch (error) {
      // A file that was replaced while it was fetched is begun anew by whoever opens it again.
      if (!(error instanceof Error) || !isChanged(error)) throw error;
    } finally {
      await source.close();
    }
  }
}

function isChanged(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return (error instanceof NetError && error.code === 'net/representation-changed') || isChanged(error.cause);
}

describe.each(ROWS)('fault: $name', (row) => {
  test.each([1, 6, 16])('over %i connections every file comes byte for byte, with little waste', async (connections) => {
    await using bench = await SourceBench.start();
    const { origin } = bench;
    contents.forEach((content, index) => origin.put(path(index), content, 'audio/flac'));
    origin.configure(row.behaviour);
    await using client = createHttpClient({
      perOriginRequests: connections,
      totalRequests: connections,
      idleTimeoutMs: 100,
      firstByteTimeoutMs: 300,
      retry: { maxRetries: 30, baseMs: 5, capMs: 30 },
    });
    let responses = 0;
    let receivedBytes = 0;
    let strike: Promise<void> | undefined;
    const { strikeAt = 0.25 } = row;
    if (strikeAt === 0) strike = row.strike?.(bench);
    client.on((event: NetEvent) => {
      if (event.type === 'response') responses += 1;
      if (event.type === 'body') receivedBytes += event.bytes;
      if (strike === undefined && origin.sentBytes > TOTAL_BYTES * strikeAt) strike = row.strike?.(bench) ?? Promise.resolve();
    });

    const files = await Promise.all(contents.map((_content, index) => bytesOf(bench, index, client)));
    await strike;

    for (const [index, file] of files.entries()) {
      const isReplaced = row.strike === replaceOne && index === REPLACED;
      expect(difference(file, isReplaced ? replacement : contents[index]!)).toBeUndefined();
    }
    expect(strike).toBeDefined();
    expect(origin.requests.length).toBeGreaterThanOrEqual(row.leastRequests);
    expect(responses).toBeLessThanOrEqual(origin.requests.length);
    expect(receivedBytes).toBeGreaterThanOrEqual(TOTAL_BYTES);
    const waste = origin.sentBytes / TOTAL_BYTES - 1;
    if (row.mayWaste !== true) expect(waste).toBeLessThanOrEqual(MOST_WASTE);
  });
});
