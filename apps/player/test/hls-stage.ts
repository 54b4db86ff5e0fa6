import { startOrigin, type Origin } from '@tutti/fixtures';
import { openHls, ThroughputEstimator, type HlsEvent, type OpenHlsOptions } from '@tutti/hls';
import { openCache } from '../src/compose.ts';
import { Track } from '../src/engine/track.ts';
import { temporaryHome } from './run-tutti.ts';

/** A track as it was heard. */
export interface Played {
  /** Interleaved stereo. */
  readonly samples: Float32Array;
  /** Track position of each frame after which the next one does not follow, with the position that came instead. */
  readonly jumps: readonly (readonly [number, number])[];
  readonly events: readonly HlsEvent[];
}

/** A line that is slow and fast in turn, each time that somebody asks: the rung changes at every segment. */
class FickleLine extends ThroughputEstimator {
  #askedCount = 0;

  override get bitsPerSecond(): number {
    this.#askedCount += 1;
    return this.#askedCount % 2 === 1 ? 1 : 1e9;
  }
}

/** Options with which the rung changes at every segment. */
export function fickle() {
  return { throughput: new FickleLine(), rule: { dwellSeconds: 0 } };
}

/** The fixtures' media behind a real origin, played through the engine's track. */
export class HlsStage implements AsyncDisposable {
  readonly origin: Origin;
  readonly #home: Awaited<ReturnType<typeof temporaryHome>>;
  /** Ends a test that hangs while it can still clean up. */
  readonly #signal = AbortSignal.timeout(50_000);
  #cacheCount = 0;

  private constructor(origin: Origin, home: Awaited<ReturnType<typeof temporaryHome>>) {
    this.origin = origin;
    this.#home = home;
  }

  static async open(): Promise<HlsStage> {
    return new HlsStage(await startOrigin(), await temporaryHome());
  }

  /** Plays what is at `path` from `startSeconds` to its end, with an empty cache. */
  async play(
    path: string,
    { startSeconds = 0, ...options }: Partial<OpenHlsOptions> & { startSeconds?: number } = {},
  ): Promise<Played> {
    const signal = this.#signal;
    await using cache = await openCache({ directory: this.#home.file(`cache-${this.#cacheCount++}`) });
    const url = this.origin.url(path);
    const events: HlsEvent[] = [];
    await using asset = await cache.store.asset(url, { signal });
    const hooks = { onEvent: (event: HlsEvent) => void events.push(event) };
    await using source = await openHls({ url, asset, client: cache.client, signal, hooks, ...options });
    await using track = await Track.open(source, { startSeconds, signal });
    return { ...(await readTrack(track, signal)), events };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.origin[Symbol.asyncDispose]();
    await this.#home[Symbol.asyncDispose]();
  }
}

async function readTrack(track: Track, signal: AbortSignal): Promise<Omit<Played, 'events'>> {
  const pieces: Float32Array[] = [];
  const jumps: (readonly [number, number])[] = [];
  const into = new Float32Array(8192);
  let follows: number | undefined;
  for (let read = track.read(into); read.kind !== 'end'; read = track.read(into)) {
    if (read.kind === 'empty') {
      await track.waitReadable({ signal });
      continue;
    }
    const { positionFrames, samples } = read;
    if (follows !== undefined && follows !== positionFrames) jumps.push([follows, positionFrames]);
    follows = positionFrames + samples.length / 2;
    pieces.push(samples.slice());
  }
  const samples = new Float32Array(pieces.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const piece of pieces) {
    samples.set(piece, at);
    at += piece.length;
  }
  return { samples, jumps };
}
