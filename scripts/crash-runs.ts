import { fork, type ChildProcess } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { assetId, resourceKey } from '@tutti/assets';
import { seededRandom, startOrigin, type Origin } from '@tutti/fixtures';
import type { CrashNews, CrashTask } from './crash-writer.ts';

export interface CrashOptions {
  readonly runs: number;
  readonly seed: number;
  readonly onRun?: (run: number, totals: CrashTotals) => void;
}

export interface CrashTotals {
  runs: number;
  kills: number;
  /** Visible files, and partial bytes that a sidecar vouches for, that were not the origin's. */
  corrupt: number;
  /** Resources that were called complete and could not be read afterwards. */
  lost: number;
  /** Bytes that had been written when the process was killed and were not vouched for: these are downloaded again. */
  redownloadedBytes: number;
  /** The most of it in one resource at one kill. */
  worstRedownloadBytes: number;
  /** Body bytes of the origin beyond the sizes of the resources: the above, and what was in the sockets. */
  extraSentBytes: number;
  totalBytes: number;
}

/** Resources in flight. */
const CONCURRENCY = 4;
/** Slow enough that a run takes a while, fast enough for several checkpoints in it. */
const BYTES_PER_SECOND = 60_000_000;
/** Small files as segments are, some larger, and two with several checkpoints. */
const SIZES = [3_000, 40_000, 150_000, 200_000, 300_000, 400_000, 700_000, 1_500_000, 11_000_000, 13_000_000];

/** Kills a writer at seeded points, checks what it left, lets another one finish, and checks again. */
export async function crashRuns({ runs, seed, onRun }: CrashOptions): Promise<CrashTotals> {
  const totals: CrashTotals = {
    runs: 0,
    kills: 0,
    corrupt: 0,
    lost: 0,
    redownloadedBytes: 0,
    worstRedownloadBytes: 0,
    extraSentBytes: 0,
    totalBytes: 0,
  };
  await using origin = await startOrigin({ behaviour: { bytesPerSecond: BYTES_PER_SECOND } });
  for (let run = 0; run < runs; run += 1) {
    const directory = await mkdtemp(path.join(tmpdir(), 'tutti-'));
    try {
      await new CrashRun({ origin, root: path.join(directory, 'cache'), random: seededRandom(seed + run), run, totals }).go();
    } finally {
      await rm(directory, { recursive: true });
    }
    totals.runs += 1;
    onRun?.(run, totals);
  }
  return totals;
}

interface CrashRunParts {
  readonly origin: Origin;
  readonly root: string;
  readonly random: () => number;
  readonly run: number;
  readonly totals: CrashTotals;
}

class CrashRun {
  readonly #parts: CrashRunParts;
  readonly #files = new Map<string, Uint8Array>();
  readonly #playlist: string;
  /** Hashes of all playlists that were served. */
  readonly #playlists = new Set<string>();
  readonly #acknowledged = new Set<string>();

  constructor(parts: CrashRunParts) {
    this.#parts = parts;
    const { origin, random, run } = parts;
    for (const [index, size] of SIZES.entries()) {
      const name = `/run-${run}/${index}.mp3`;
      const bytes = noise(Math.ceil(size * (0.5 + random() / 2)), run * SIZES.length + index);
      origin.put(name, bytes, 'audio/mpeg');
      this.#files.set(origin.url(name), bytes);
    }
    this.#playlist = origin.url(`/run-${run}/list.m3u8`);
  }

  async go(): Promise<void> {
    const { origin, random, totals } = this.#parts;
    const totalBytes = this.#files.values().reduce((sum, { length }) => sum + length, 0);
    origin.resetLog();
    const killCount = 1 + Math.floor(random() * 2);
    for (let kill = 0; kill < killCount; kill += 1) {
      const isKilled = await this.#write(kill, Math.floor(random() * totalBytes * 0.6));
      if (!isKilled) break;
      totals.kills += 1;
      await this.#audit();
    }
    await this.#write(killCount, undefined);
    await this.#audit();
    for (const [url, bytes] of this.#files) {
      if (!(await this.#isWhole(url, bytes))) totals.lost += 1;
      origin.put(new URL(url).pathname, '');
    }
    totals.totalBytes += totalBytes;
    await origin.idle();
    totals.extraSentBytes += origin.requests.reduce((sum, { sentBytes }) => sum + sentBytes, 0) - totalBytes;
  }

  /** Lets a process write, and kills it once the origin has sent `killAfterBytes` more. Whether it had to be killed. */
  async #write(attempt: number, killAfterBytes: number | undefined): Promise<boolean> {
    const { origin, random, root, totals } = this.#parts;
    const playlist = `#EXTM3U\n# ${attempt}${' '.repeat(Math.floor(random() * 5000))}\n`;
    this.#playlists.add(sha256(Buffer.from(playlist)));
    origin.put(new URL(this.#playlist).pathname, playlist, 'application/vnd.apple.mpegurl');
    const files = [...this.#files.keys()].sort(() => random() - 0.5);
    const task: CrashTask = {
      files,
      playlist: this.#playlist,
      acknowledged: [...this.#acknowledged],
      concurrency: CONCURRENCY,
    };
    const child = fork(new URL('crash-writer.ts', import.meta.url), [root, JSON.stringify(task)], {
      execArgv: [],
      stdio: 'inherit',
    });
    const sentBefore = origin.sentBytes;
    let isFinished = false;
    child.on('message', (news: CrashNews) => {
      if (news.type === 'finished') isFinished = true;
      else if (news.type === 'lost') totals.lost += 1;
      else this.#acknowledged.add(news.url);
    });
    const watch = setInterval(() => {
      if (killAfterBytes !== undefined && origin.sentBytes - sentBefore >= killAfterBytes) child.kill('SIGKILL');
    }, 1);
    const { code, signal } = await ended(child);
    clearInterval(watch);
    if (signal !== 'SIGKILL' && (code !== 0 || !isFinished)) throw new Error(`the writer ended with ${code ?? signal}`);
    return signal === 'SIGKILL';
  }

  /** Looks at the files as they are. */
  async #audit(): Promise<void> {
    const { totals } = this.#parts;
    for (const [url, bytes] of this.#files) {
      const file = this.#pathOf('media', url);
      const visible = await readFile(file).catch(() => undefined);
      if (visible !== undefined && sha256(visible) !== sha256(bytes)) totals.corrupt += 1;
      if (visible === undefined && this.#acknowledged.has(url)) totals.lost += 1;
      await this.#auditPart(file, bytes);
    }
    const list = await readFile(this.#pathOf('playlists', this.#playlist)).catch(() => undefined);
    if (list !== undefined && !this.#playlists.has(sha256(list))) totals.corrupt += 1;
  }

  async #auditPart(file: string, bytes: Uint8Array): Promise<void> {
    const { totals } = this.#parts;
    const part = await readFile(`${file}.part`).catch(() => undefined);
    if (part === undefined) return;
    const sidecar = await readFile(`${file}.part.json`, 'utf8').catch(() => '{"ranges":[]}');
    const { ranges } = JSON.parse(sidecar) as { ranges: [number, number][] };
    let vouched = 0;
    for (const [start, end] of ranges) {
      vouched += end - start;
      if (Buffer.compare(part.subarray(start, end), bytes.subarray(start, end)) !== 0) totals.corrupt += 1;
    }
    // Files are written front to back here: all of a part has been received.
    const again = (await stat(`${file}.part`)).size - vouched;
    totals.redownloadedBytes += again;
    totals.worstRedownloadBytes = Math.max(totals.worstRedownloadBytes, again);
  }

  async #isWhole(url: string, bytes: Uint8Array): Promise<boolean> {
    const visible = await readFile(this.#pathOf('media', url)).catch(() => undefined);
    return visible !== undefined && sha256(visible) === sha256(bytes);
  }

  #pathOf(folder: 'media' | 'playlists', url: string): string {
    const { assetRoot, relPath } = resourceKey(assetId(url), folder, url);
    return path.join(this.#parts.root, 'assets', assetRoot, relPath);
  }
}

/** Bytes of their own for each seed, cheaply: one block, each repetition of it changed by its number. */
function noise(length: number, seed: number): Uint8Array {
  const random = seededRandom(seed);
  const block = Uint32Array.from({ length: 16_384 }, () => random() * 2 ** 32);
  const words = Uint32Array.from({ length: Math.ceil(length / 4) }, (_, index) => block[index % 16_384]! ^ (index >>> 14));
  return new Uint8Array(words.buffer, 0, length);
}

function ended(child: ChildProcess): Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null }> {
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code, signal) => resolve({ code, signal }));
  });
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
