import { fileByteSource, readTags, type Artwork, type TrackInfo } from '@tutti/decode';
import type { MediaSource } from '@tutti/stream';
import { UsageError } from './describe-error.ts';
import { openSession, type CommonOptions } from './session.ts';
import { withTrack, type SingleTrackOptions } from './single-track.ts';
import { formatTime } from './time-text.ts';

/** `tutti probe SOURCE` */
export async function runProbe(source: string, options: CommonOptions & SingleTrackOptions): Promise<void> {
  await using session = openSession(options);
  const { reporter } = session;
  await withTrack(source, options, session, async (track, media) => {
    const { durationSeconds, info } = track;
    if (info === undefined) throw new UsageError(`${media.label} holds no sound: name another source`);
    const variants = variantsOf(media);
    const artwork = media.kind === 'file' && source !== '-' ? await artworkOf(source) : [];
    const pictures = artwork.map(({ mediaType, kind, bytes }) => ({ mediaType, kind, bytes: bytes.length }));
    reporter.event('probe', { source: media.label, kind: media.kind, durationSeconds, ...info, artwork: pictures, variants });
    reporter.result(describe(media, { ...info, durationSeconds }, artwork, variants));
  });
}

/** The pictures in a local file; none where its tags cannot be read, which is no reason not to tell the rest. */
async function artworkOf(path: string): Promise<readonly Artwork[]> {
  const source = fileByteSource(path);
  try {
    return (await readTags(source)).artwork;
  } catch {
    return [];
  } finally {
    source.close();
  }
}

interface Variant {
  readonly bandwidth: number;
  readonly codecs: string | undefined;
}

function variantsOf(media: MediaSource): readonly Variant[] {
  if (!('variants' in media) || !Array.isArray(media.variants)) return [];
  return (media.variants as readonly Variant[]).map(({ bandwidth, codecs }) => ({ bandwidth, codecs }));
}

function describe(
  media: MediaSource,
  info: TrackInfo & { readonly durationSeconds: number | undefined },
  artwork: readonly Artwork[],
  variants: readonly Variant[],
): string {
  const bits = info.bitsPerSample === undefined ? '' : `, ${info.bitsPerSample} bit`;
  const frames = info.durationFrames === undefined ? '' : ` (${info.durationFrames} frames)`;
  const { startFrames, endFrames } = info.trim;
  const rows: readonly (readonly [string, string])[] = [
    ['source', media.label],
    ['container', info.container],
    ['codec', info.codec],
    ['format', `${info.sampleRate} Hz, ${info.channelCount} channels${bits}`],
    ['duration', `${formatTime(info.durationSeconds)}${frames}`],
    ['gapless', startFrames + endFrames === 0 ? 'nothing to trim' : `${startFrames} frames at the start, ${endFrames} at the end`],
    ...Object.entries(info.tags),
    ...artwork.map(({ mediaType, kind, bytes }) => ['artwork', `${mediaType}, ${bytes.length} bytes, ${kind}`] as const),
    ...variants.map((variant) => ['variant', `${variant.bandwidth} bit/s ${variant.codecs ?? ''}`.trim()] as const),
  ];
  return rows.map(([name, value]) => `${name.padEnd(10)} ${value}`).join('\n');
}
