import { expandSources } from '../media/expand-sources.ts';
import { exitCodes } from './exit-codes.ts';
import { playSources, type PlaybackOptions } from './playback.ts';
import { openSession, type CommonOptions } from './session.ts';
import { formatBytes } from './size-text.ts';
import { formatTime } from './time-text.ts';

/** `tutti play SOURCE…` */
export async function runPlay(sources: readonly string[], options: CommonOptions & PlaybackOptions): Promise<void> {
  await using session = openSession(options);
  const { reporter } = session;
  const queue = await expandSources(sources);
  const report = await playSources(queue, options, session);
  const failed = report.tracks.filter((track) => track.error !== undefined).length;
  const networkBytes = report.tracks.reduce((sum, track) => sum + (track.counters?.networkBytes ?? 0), 0);
  const cachedBytes = report.tracks.reduce((sum, track) => sum + (track.counters?.cachedBytes ?? 0), 0);
  const underruns = report.underrunCount;
  reporter.event('done', { trackCount: report.tracks.length, failed, networkBytes, cachedBytes, underruns, output: report.output });
  const said = [`played ${formatTime(report.playedSeconds)} on ${report.output}`];
  if (networkBytes + cachedBytes > 0) said.push(`${formatBytes(networkBytes)} fetched, ${formatBytes(cachedBytes)} from the cache`);
  if (underruns > 0) said.push(`${underruns} interruption${underruns === 1 ? '' : 's'}`);
  reporter.line(said.join('; '));
  if (failed > 0) process.exitCode = exitCodes.failed;
}
