/**
 * How long it takes from asking for a URL to the first sample that is not silence, at 50 ms for each request.
 *
 * First as processes started from nothing, beside other players in the same rounds: the packed command run by Node, its cache empty.
 * Then in this process, with a decode thread that has decoded before: from the network, and from the cache without one.
 *
 * @module
 */
import { coldPlayers, firstAudioMs, playThrough } from './first-audio/cold-players.ts';
import type { ColdPlayer } from './first-audio/cold-players.ts';
import { startFarOrigin } from './first-audio/far-origin.ts';
import { cachedSeeks, openedFirstAudio, temporaryCache } from './first-audio/in-process.ts';
import { packCommand } from './first-audio/packed-command.ts';

const ROUNDS = 5;
const LATENCY_MS = 50;

const cases = [
  { name: 'media playlist', path: 'hls/fmp4/192k/media.m3u8' },
  { name: 'multivariant', path: 'hls/fmp4/multivariant.m3u8' },
  { name: 'multivariant, AES-128', path: 'hls/fmp4-aes/multivariant.m3u8' },
] as const;

/** Prints two tables: cold processes with their ratio to ffmpeg, and this process with its requests and seeks. */
export async function run(): Promise<void> {
  await using origin = await startFarOrigin(LATENCY_MS);
  await using packed = await packCommand();
  const players = await coldPlayers(packed.launcher);
  process.stdout.write(`medians of ${ROUNDS} rounds, ${LATENCY_MS} ms for each request, Node ${process.version}\n\n`);
  process.stdout.write('| cold process | source | ms | to ffmpeg |\n|---|---|---|---|\n');
  for (const { name, path } of cases) {
    const took = await measure(players, `${origin.baseUrl}/${path}`);
    const ffmpegMs = took.get('ffmpeg');
    for (const [player, milliseconds] of took)
      process.stdout.write(`| ${player} | ${name} | ${milliseconds?.toFixed(0) ?? '–'} | ${ratio(milliseconds, ffmpegMs)} |\n`);
  }
  process.stdout.write(
    '\n| in this process | network, ms | requests begun before the sound | cached and offline, ms | seek in the cache, p95 ms |\n|---|---|---|---|---|\n',
  );
  for (const { name, path } of cases) await measureHere(name, `${origin.baseUrl}/${path}`);
}

/** Median milliseconds of each player, which has played to its end once before. Who gives no sound once is not asked again. */
async function measure(players: readonly ColdPlayer[], url: string): Promise<ReadonlyMap<string, number | undefined>> {
  const took = new Map<string, number[]>(players.map(({ name }) => [name, []]));
  const silent = new Set<string>();
  for (const player of players) {
    await using cache = await temporaryCache();
    await playThrough(player, url, cache.directory);
  }
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const player of players) {
      if (silent.has(player.name)) continue;
      await using cache = await temporaryCache();
      const milliseconds = await firstAudioMs(player, url, cache.directory);
      if (milliseconds === undefined) silent.add(player.name);
      else took.get(player.name)?.push(milliseconds);
    }
  }
  return new Map([...took].map(([name, values]) => [name, silent.has(name) ? undefined : quantile(values, 0.5)]));
}

async function measureHere(name: string, url: string): Promise<void> {
  const network: number[] = [];
  const cached: number[] = [];
  const requests: number[] = [];
  for (let round = 0; round <= ROUNDS; round += 1) {
    await using cache = await temporaryCache();
    const first = await openedFirstAudio(url, cache.directory, false);
    const again = await openedFirstAudio(url, cache.directory, true);
    if (round === 0) continue;
    requests.push(first.requestCount);
    network.push(first.milliseconds);
    cached.push(again.milliseconds);
  }
  await using cache = await temporaryCache();
  const seeks = await cachedSeeks(url, cache.directory);
  const [networkMs, cachedMs] = [network, cached].map((values) => quantile(values, 0.5).toFixed(0));
  process.stdout.write(
    `| ${name} | ${networkMs} | ${quantile(requests, 0.5)} | ${cachedMs} | ${quantile(seeks, 0.95).toFixed(1)} |\n`,
  );
}

function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((one, other) => one - other);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
}

function ratio(milliseconds: number | undefined, toMs: number | undefined): string {
  return milliseconds === undefined || toMs === undefined ? '–' : (milliseconds / toMs).toFixed(2);
}
