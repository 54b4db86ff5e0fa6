import type { HlsEvent } from '@tutti/hls';
import type { Cache } from '../compose.ts';
import type { Engine } from '../engine/engine.ts';
import type { EngineEvent, EngineReport, TrackReport } from '../engine/engine-events.ts';
import { Engine as PlaybackEngine } from '../engine/engine.ts';
import { otherWriter } from '../media/cache-writer.ts';
import { openMedia, type VariantChoice } from '../media/open-media.ts';
import { sourceLabel } from '../media/source-label.ts';
import { chooseOutput, type OutputOptions } from './choose-output.ts';
import { about, codeOf } from './describe-error.ts';
import { listenToKeys } from './keys.ts';
import type { Reporter } from './reporter.ts';
import type { Session } from './session.ts';
import { formatBytes } from './size-text.ts';
import { formatTime } from './time-text.ts';

export interface PlaybackOptions extends OutputOptions {
  readonly start?: number;
  readonly duration?: number;
  readonly variant?: VariantChoice;
  readonly language?: string;
  readonly loop?: boolean;
}

export interface PlaybackReport extends EngineReport {
  /** What it was played on. */
  readonly output: string;
}

/** The status line is renewed this often. */
const statusMs = 250;

/** Plays `sources` to their end, with a status line, JSON events and keys in a terminal. */
export async function playSources(sources: readonly string[], options: PlaybackOptions, session: Session): Promise<PlaybackReport> {
  const { reporter, signal } = session;
  let opening: Promise<Cache> | undefined;
  const cache = (url: string): Promise<Cache> => (opening ??= openTold(session, url));
  await using output = await chooseOutput(options, reporter);
  const engine: Engine = new PlaybackEngine({
    output,
    queue: sources.map((source) => ({
      label: sourceLabel(source),
      open: (openSignal) => {
        const onEvent = (event: HlsEvent): void => tellHlsEvent(event, sourceLabel(source), reporter);
        return openMedia(source, { ...options, cache, signal: openSignal, onEvent });
      },
    })),
    ...(options.start === undefined ? {} : { startSeconds: options.start }),
    durationSeconds: options.duration ?? Infinity,
    volumeDb: options.volume ?? 0,
    isLooping: options.loop ?? false,
    onEvent: (event) => tellEvent(event, reporter),
  });
  const ticker = setInterval(() => tellPosition(engine, sources.length, reporter), statusMs);
  const keys = listenToKeys(engine);
  try {
    const report = await engine.run({ signal });
    return { ...report, output: output.description };
  } finally {
    clearInterval(ticker);
    keys[Symbol.dispose]();
  }
}

/** Opens the cache, and says so when what is fetched cannot be kept. */
async function openTold(session: Session, url: string): Promise<Cache> {
  const cache = await session.cache(url);
  const { obstacle } = cache.store;
  if (obstacle !== undefined && cache.client !== undefined) {
    session.reporter.event('cache-unwritable', { code: obstacle.code });
    session.reporter.line(`${obstacle.message}; until then what is not in it is streamed through memory, and not kept`);
  }
  const writer = await otherWriter(cache.store);
  if (writer === undefined || cache.client === undefined) return cache;
  session.reporter.event('cache-in-use', { writer });
  session.reporter.line(`${writer} is writing the cache: what is not in it is streamed through memory, and not kept`);
  return cache;
}

function tellEvent(event: EngineEvent, reporter: Reporter): void {
  switch (event.type) {
    case 'opening':
      reporter.event('opening', { index: event.index, source: event.label });
      reporter.status(`opening ${event.label}`);
      return;
    case 'track': {
      const { info, durationSeconds } = event.track;
      reporter.event('track', { index: event.index, source: event.label, durationSeconds, ...info });
      reporter.line(`▶ ${titleOf(event.label, info?.tags)}`);
      return;
    }
    case 'track-end':
      reporter.event('track-end', trackFields(event.report));
      return;
    case 'track-failed':
      reporter.error(about(event.label, event.error));
      reporter.event('track-failed', { index: event.index, source: event.label, code: codeOf(event.error) });
      return;
    case 'first-pcm':
    case 'buffering':
    case 'playing':
    case 'paused':
    case 'resumed':
      reporter.event(event.type);
      return;
    case 'volume':
      reporter.event('volume', { decibels: event.decibels });
      return;
    case 'seeked':
      reporter.event('seeked', { seconds: event.seconds });
  }
}

/** What an HLS presentation tells, but `buffering` and the like: the engine knows whether sound waits. */
function tellHlsEvent(event: HlsEvent, source: string, reporter: Reporter): void {
  switch (event.type) {
    case 'variant':
    case 'variant-decided':
    case 'variant-skipped': {
      const { type, ...fields } = event;
      reporter.event(type, { source, ...fields });
      return;
    }
    case 'playlist-stale':
      reporter.event('playlist-stale', { source: event.url, reason: event.reason });
      reporter.line(`${event.url}: playing by the stored playlist (${event.reason})`);
      return;
    default:
  }
}

/** What a track report says to machines. */
export function trackFields(report: TrackReport): Readonly<Record<string, unknown>> {
  return {
    index: report.index,
    source: report.label,
    networkBytes: report.counters?.networkBytes,
    cachedBytes: report.counters?.cachedBytes,
    requestCount: report.counters?.requestCount,
    lostPackets: report.lostPackets,
  };
}

function tellPosition(engine: Engine, trackCount: number, reporter: Reporter): void {
  const { heard, track } = engine;
  if (heard === undefined) return;
  const fetched =
    track === undefined || track.source.kind === 'file' ? '' : `  ${formatBytes(track.source.counters.networkBytes)} fetched`;
  const place = trackCount > 1 ? `${heard.index + 1}/${trackCount}  ` : '';
  const volume = engine.volumeDb === 0 ? '' : `  ${engine.volumeDb} dB`;
  reporter.event('position', { index: heard.index, seconds: Number(heard.seconds.toFixed(3)) });
  reporter.status(
    `${engine.isPaused ? '⏸' : '▶'} ${place}${formatTime(heard.seconds)} / ${formatTime(heard.durationSeconds)}${fetched}${volume}`,
  );
}

function titleOf(label: string, tags: Readonly<Record<string, string>> | undefined): string {
  const title = tags?.['title'];
  if (title === undefined) return label;
  const artist = tags?.['artist'];
  return `${artist === undefined ? '' : `${artist} – `}${title}`;
}
