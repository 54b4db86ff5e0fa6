import { fileURLToPath } from 'node:url';
import { serveFolder } from '../demo/loopback-origin.ts';
import type { OutputOptions } from './choose-output.ts';
import { exitCodes } from './exit-codes.ts';
import { playSources } from './playback.ts';
import { openSession, type CommonOptions } from './session.ts';
import { formatBytes } from './size-text.ts';
import { formatTime } from './time-text.ts';

/** The same port every time, so that the second demo finds the track in the cache: the address is part of its identity. */
const demoPort = 17_409;

/** `tutti` without a command: plays the bundled track over HTTP, through cache, decoder and output. */
export async function runDemo(options: CommonOptions & OutputOptions): Promise<void> {
  await using session = openSession(options);
  const { reporter } = session;
  await using origin = await serveFolder(fileURLToPath(new URL('../../demo', import.meta.url)), demoPort);
  const url = `${origin.baseUrl}/multivariant.m3u8`;
  reporter.line(`Tutti demo: streaming ${url} (HLS from this machine) through cache, decoder and output`);
  const report = await playSources([url], options, session);
  const track = report.tracks[0];
  if (track?.info === undefined || track.counters === undefined) {
    process.exitCode = exitCodes.failed;
    return;
  }
  const { info, counters } = track;
  const { networkBytes, cachedBytes, requestCount } = counters;
  reporter.event('done', {
    networkBytes,
    cachedBytes,
    requestCount,
    codec: info.codec,
    container: info.container,
    output: report.output,
  });
  const cache = await session.cache();
  reporter.result(
    [
      `played   ${formatTime(report.playedSeconds)} on ${report.output}`,
      `codec    ${info.codec} in ${info.container}, ${info.sampleRate} Hz, ${info.channelCount} channels`,
      `fetched  ${formatBytes(networkBytes)} in ${requestCount} requests; ${formatBytes(cachedBytes)} were in the cache`,
      `cached   in ${cache.store.root}`,
      '',
      networkBytes > 0
        ? 'Run it again: it will play without fetching anything. Then try:'
        : 'Nothing had to be fetched: every byte was kept. Now try:',
      '  tutti play https://example.org/song.mp3     any MP3, AAC, FLAC, ALAC, Ogg or HLS address',
      '  tutti warm https://example.org/song.mp3     fetch it now, play it later with --offline',
      '  tutti doctor                                what this machine has, and what is missing',
      '(in the repository: npm start -- play …)',
    ].join('\n'),
  );
}
