import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DecodeWorker, fileSpec } from '@tutti/decode';
import { fixturePath, seededRandom } from '@tutti/fixtures';
import { openCache, openMedia } from '@tutti/player';
import { Track } from '../../apps/player/src/engine/track.ts';

/** One opening in this process. */
export interface FirstAudio {
  /** From asking for the source to the first sample that is not silence. */
  readonly milliseconds: number;
  /** Requests until then. */
  readonly requestCount: number;
}

const SEEKS = 200;
const neverAborted = new AbortController().signal;

/** A cache directory that is removed afterwards. */
export async function temporaryCache(): Promise<AsyncDisposable & { readonly directory: string }> {
  const directory = await mkdtemp(join(tmpdir(), 'tutti-'));
  return { directory, [Symbol.asyncDispose]: () => rm(directory, { recursive: true }) };
}

/** Opens `url` with a cache that is open already and a decode thread that has decoded before; then fetches the rest of it. */
export async function openedFirstAudio(url: string, directory: string, isOffline: boolean): Promise<FirstAudio> {
  await using cache = await openCache({ directory, isOffline });
  const worker = await warmWorker();
  const startedMs = performance.now();
  const opening = openMedia(url, { cache });
  const preparing = Track.open(opening, { worker });
  preparing.catch(() => undefined);
  await using media = await opening;
  await using track = await preparing;
  await firstSound(track);
  const milliseconds = performance.now() - startedMs;
  const { requestCount } = media.counters;
  if (!isOffline) await media.fill();
  return { milliseconds, requestCount };
}

/** Fetches all of `url`, then seeks in it; milliseconds from each seek to its first sample. */
export async function cachedSeeks(url: string, directory: string): Promise<readonly number[]> {
  await using cache = await openCache({ directory });
  await using media = await openMedia(url, { cache });
  await media.fill();
  await using track = await Track.open(media);
  const random = seededRandom(1);
  const took: number[] = [];
  for (let seek = 0; seek < SEEKS; seek += 1) {
    const startedMs = performance.now();
    await track.seek(random() * (media.durationSeconds ?? 0) * 0.95, { signal: neverAborted });
    await firstSound(track);
    took.push(performance.now() - startedMs);
  }
  return took;
}

async function warmWorker(): Promise<DecodeWorker> {
  const worker = DecodeWorker.start();
  const stream = await worker.open(fileSpec(fixturePath('piece.m4a')));
  await stream.close();
  return worker;
}

async function firstSound(track: Track): Promise<void> {
  const into = new Float32Array(4096);
  for (;;) {
    const read = track.read(into);
    if (read.kind === 'end') throw new Error(`${track.source.label} ended without a sound`);
    if (read.kind === 'empty') await track.waitReadable({ signal: neverAborted });
    else if (read.samples.some((sample) => sample !== 0)) return;
  }
}
