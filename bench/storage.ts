/**
 * What the control block, the checkpoints and the renames cost: storage beside plain `fs`, on the same disk in the same
 * rounds, and how long a blocked worker takes to wake.
 *
 * Each round runs every contender once, in turn, so that a busy machine is busy for all of them; medians are compared. Times
 * carry no meaning to another machine, ratios do.
 *
 * @module
 */
import { once } from 'node:events';
import { mkdir, mkdtemp, open, rename, rm, type FileHandle } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import {
  nodeFileSystem,
  openDiskResource,
  openMemoryResource,
  openResourceReader,
  type FileSystem,
  type ResourceHandle,
} from '@tutti/storage';

const ROUNDS = 3;
const MIB = 1024 * 1024;
const LARGE_BYTES = 32 * MIB;
const PIECE_BYTES = 64 * 1024;
/** What storage syncs after, and plain `fs` where it is compared with syncing. */
const CHECKPOINT_BYTES = 4 * MIB;
/** In one round that counts and none before it: a thousand synced files take long enough. */
const SMALL_COUNT = 1000;
const SMALL_BYTES = 16 * 1024;
/** Small resources under way at a time. */
const LANES = 6;
const WAKE_UPS = 2000;

const ORIGIN = { validator: '"bench"', totalLength: undefined, contentType: 'audio/flac', transformId: undefined };
/** As if every sync were free. */
const unsynced: FileSystem = {
  ...nodeFileSystem,
  datasync: () => Promise.resolve(),
  syncDirectory: () => Promise.resolve(),
  writeWhole: (path, bytes, { mode }) =>
    nodeFileSystem.writeWhole(path, bytes, { isDurable: false, ...(mode === undefined ? {} : { mode }) }),
};

/** Prints three tables. `TMPDIR` chooses the disk. */
export async function run(): Promise<void> {
  const root = await mkdtemp(join(tmpdir(), 'tutti-'));
  try {
    process.stdout.write(`in ${tmpdir()}, medians of ${ROUNDS} rounds, Node ${process.version}\n\n`);
    await printThroughput(root);
    await printWakeUps();
    await printSmall(root);
  } finally {
    await rm(root, { recursive: true, force: true });
  }
}

async function printThroughput(root: string): Promise<void> {
  const [written, writtenUnsynced, plainWritten, plainUnsynced, read, plainRead] = await rounds([
    (round) => writeResource(join(root, `a-${round}`), nodeFileSystem),
    (round) => writeResource(join(root, `b-${round}`), unsynced),
    (round) => writePlain(join(root, `c-${round}`), CHECKPOINT_BYTES),
    (round) => writePlain(join(root, `d-${round}`), undefined),
    (round) => readResource(join(root, `a-${round}`)),
    (round) => readPlain(join(root, `c-${round}`)),
  ]);
  const row = (name: string, ours = 0, plain = 0): string =>
    `| ${name} | ${(LARGE_BYTES / 1e6 / ours).toFixed(0)} | ${(LARGE_BYTES / 1e6 / plain).toFixed(0)} | ${(plain / ours).toFixed(2)} |\n`;
  process.stdout.write(
    `| ${LARGE_BYTES / MIB} MiB in pieces of 64 KiB | storage, MB/s | fs, MB/s | storage to fs |\n|---|---|---|---|\n`,
  );
  process.stdout.write(row('write, commit, synced every 4 MiB', written, plainWritten));
  process.stdout.write(row('write, commit, not synced', writtenUnsynced, plainUnsynced));
  process.stdout.write(row('read through the control block', read, plainRead));
}

async function writeResource(path: string, fileSystem: FileSystem): Promise<number> {
  const piece = Buffer.alloc(PIECE_BYTES, 'tutti');
  return timed(async () => {
    await using resource = await openDiskResource({ path, fileSystem });
    resource.announce({ ...ORIGIN, totalLength: LARGE_BYTES }, LARGE_BYTES);
    for (let position = 0; position < LARGE_BYTES; position += PIECE_BYTES) await resource.writeAt(position, piece);
    await resource.commit(LARGE_BYTES);
  });
}

async function writePlain(path: string, syncBytes: number | undefined): Promise<number> {
  const piece = Buffer.alloc(PIECE_BYTES, 'tutti');
  return timed(async () => {
    await using file = await open(`${path}.part`, 'w+');
    for (let position = 0; position < LARGE_BYTES; position += PIECE_BYTES) {
      await file.write(piece, 0, PIECE_BYTES, position);
      if (syncBytes !== undefined && (position + PIECE_BYTES) % syncBytes === 0) await file.datasync();
    }
    await rename(`${path}.part`, path);
  });
}

async function readResource(path: string): Promise<number> {
  const into = new Uint8Array(PIECE_BYTES);
  await using resource = await openDiskResource({ path, isReadOnly: true });
  const attached = resource.attachReader();
  const reader = openResourceReader(attached.handle);
  const seconds = await timed(async () => {
    for (let position = 0; ;) {
      const count = reader.read(position, into);
      if (typeof count !== 'number') break;
      position += count;
    }
  });
  attached.release();
  return seconds;
}

/** As synchronous as a decoder reads. */
async function readPlain(path: string): Promise<number> {
  const { readSync } = await import('node:fs');
  const into = new Uint8Array(PIECE_BYTES);
  await using file: FileHandle = await open(path, 'r');
  return timed(async () => {
    for (let position = 0, count = 1; count > 0; position += count) count = readSync(file.fd, into, 0, PIECE_BYTES, position);
  });
}

interface WakeUpWork {
  readonly handle: ResourceHandle;
  readonly doorbell: SharedArrayBuffer;
  /** Three 64-bit words; see the constants below. */
  readonly board: SharedArrayBuffer;
  /** Without a resource: what waking costs in itself. */
  readonly isBare: boolean;
}

/** Nanoseconds of the last write, on the clock that all threads share. */
const WRITTEN_AT = 0;
/** The byte that the worker is about to wait for, counted from 1. */
const WANTED = 1;
/** Bytes there, where there is no resource. */
const PRESENT = 2;

async function printWakeUps(): Promise<void> {
  const latencies = await wakeUps(false);
  const bare = await wakeUps(true);
  const at = (sorted: readonly number[], part: number): number => sorted[Math.floor(sorted.length * part)] ?? 0;
  const text = (sorted: readonly number[]): string => `${at(sorted, 0.5).toFixed(0)} µs | ${at(sorted, 0.99).toFixed(0)} µs`;
  process.stdout.write(`\n| from a write to the byte in a worker that slept, ${WAKE_UPS} times | p50 | p99 |\n|---|---|---|\n`);
  process.stdout.write(`| storage | ${text(latencies)} |\n| a bare \`Atomics.notify\` | ${text(bare)} |\n\n`);
}

/** Sorted microseconds. Each write waits until the worker has read the byte before, and sleeps again. */
async function wakeUps(isBare: boolean): Promise<readonly number[]> {
  await using resource = openMemoryResource({ label: 'wake-ups' });
  const doorbell = new SharedArrayBuffer(4);
  const bell = new Int32Array(doorbell);
  const board = new SharedArrayBuffer(24);
  const words = new BigInt64Array(board);
  const attached = resource.attachReader({ doorbell });
  const work: WakeUpWork = { handle: attached.handle, doorbell, board, isBare };
  const worker = new Worker(new URL(import.meta.url), { workerData: work });
  const reported = once(worker, 'message');
  const byte = Uint8Array.of(1);
  for (let position = 0; position < WAKE_UPS; position += 1) {
    // The worker says which byte it is about to wait for: a millisecond later it sleeps.
    do await new Promise((resolve) => setTimeout(resolve, 1));
    while (Atomics.load(words, WANTED) !== BigInt(position + 1));
    attached.want({ start: position, end: position + 1 });
    Atomics.store(words, WRITTEN_AT, process.hrtime.bigint());
    if (isBare) {
      Atomics.store(words, PRESENT, BigInt(position + 1));
      Atomics.add(bell, 0, 1);
      Atomics.notify(bell, 0);
    } else {
      await resource.writeAt(position, byte);
    }
  }
  const [latenciesUs] = (await reported) as [readonly number[]];
  attached.release();
  await worker.terminate();
  return latenciesUs.toSorted((a, b) => a - b);
}

/** The worker's part. */
function wakeUp({ board, doorbell, handle, isBare }: WakeUpWork): readonly number[] {
  const words = new BigInt64Array(board);
  const bell = new Int32Array(doorbell);
  const reader = openResourceReader(handle);
  const into = new Uint8Array(1);
  const latenciesUs: number[] = [];
  const isThere = (position: number): boolean =>
    isBare ? Atomics.load(words, PRESENT) > BigInt(position) : reader.read(position, into) === 1;
  for (let position = 0; position < WAKE_UPS; position += 1) {
    Atomics.store(words, WANTED, BigInt(position + 1));
    for (;;) {
      const rung = Atomics.load(bell, 0);
      if (isThere(position)) break;
      Atomics.wait(bell, 0, rung);
    }
    latenciesUs.push(Number(process.hrtime.bigint() - Atomics.load(words, WRITTEN_AT)) / 1000);
  }
  return latenciesUs;
}

async function printSmall(root: string): Promise<void> {
  const [synced, free, plainSynced, plainFree] = await rounds(
    [
      (round) => writeSmall(join(root, `s-${round}`), (path) => smallResource(path, nodeFileSystem)),
      (round) => writeSmall(join(root, `t-${round}`), (path) => smallResource(path, unsynced)),
      (round) => writeSmall(join(root, `u-${round}`), (path) => smallPlain(path, true)),
      (round) => writeSmall(join(root, `v-${round}`), (path) => smallPlain(path, false)),
    ],
    { first: 1, last: 1 },
  );
  const row = (name: string, ours = 0, plain = 0): string =>
    `| ${name} | ${(SMALL_COUNT / ours).toFixed(0)} | ${(SMALL_COUNT / plain).toFixed(0)} | ${(plain / ours).toFixed(2)} |\n`;
  process.stdout.write(
    `| ${SMALL_COUNT} resources of 16 KiB, ${LANES} at a time | storage, per s | fs, per s | storage to fs |\n|---|---|---|---|\n`,
  );
  process.stdout.write(row('with sync', synced, plainSynced));
  process.stdout.write(row('without sync', free, plainFree));
}

async function writeSmall(directory: string, writeOne: (path: string) => Promise<void>): Promise<number> {
  await mkdir(directory);
  let next = 0;
  const takeTurns = async (): Promise<void> => {
    for (let index = next++; index < SMALL_COUNT; index = next++) await writeOne(join(directory, `${index}.ts`));
  };
  const seconds = await timed(() => Promise.all(Array.from({ length: LANES }, takeTurns)));
  await rm(directory, { recursive: true });
  return seconds;
}

async function smallResource(path: string, fileSystem: FileSystem): Promise<void> {
  await using resource = await openDiskResource({ path, fileSystem });
  resource.announce({ ...ORIGIN, totalLength: SMALL_BYTES }, SMALL_BYTES);
  await resource.writeAt(0, new Uint8Array(SMALL_BYTES));
  await resource.commit(SMALL_BYTES);
}

async function smallPlain(path: string, isSynced: boolean): Promise<void> {
  {
    await using file = await open(`${path}.part`, 'w+');
    await file.write(new Uint8Array(SMALL_BYTES), 0, SMALL_BYTES, 0);
    if (isSynced) await file.datasync();
  }
  await rename(`${path}.part`, path);
}

/** Median seconds of each contender; round 0 does not count. */
async function rounds(
  contenders: readonly ((round: number) => Promise<number>)[],
  { first, last } = { first: 0, last: ROUNDS },
): Promise<readonly number[]> {
  const seconds = contenders.map((): number[] => []);
  for (let round = first; round <= last; round += 1) {
    for (const [index, contender] of contenders.entries()) {
      const took = await contender(round);
      if (round > 0) seconds[index]?.push(took);
    }
  }
  return seconds.map((values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0);
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const startedMs = performance.now();
  await work();
  return (performance.now() - startedMs) / 1000;
}

if (!isMainThread) parentPort?.postMessage(wakeUp(workerData as WakeUpWork));
