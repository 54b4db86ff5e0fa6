import type { MediaSource } from '@tutti/stream';
import { Track } from '../engine/track.ts';
import { expandSources } from '../media/expand-sources.ts';
import { openMedia, type VariantChoice } from '../media/open-media.ts';
import { about, UsageError } from './describe-error.ts';
import type { Session } from './session.ts';

export interface SingleTrackOptions {
  readonly start?: number;
  readonly variant?: VariantChoice;
  readonly language?: string;
}

/** Opens the one track that `source` names, hands it to `use`, and closes everything; errors name the source. */
export async function withTrack(
  source: string,
  options: SingleTrackOptions,
  session: Session,
  use: (track: Track, media: MediaSource) => Promise<void>,
): Promise<void> {
  const { signal } = session;
  const sources = await expandSources([source]);
  const [only] = sources;
  if (only === undefined || sources.length > 1)
    throw new UsageError(`${source} holds ${sources.length} sources where one is wanted: name it`);
  const opening = openMedia(only, { ...options, cache: (url) => session.cache(url), signal });
  // Its thread starts while the source is still opening.
  const preparing = Track.open(opening, { startSeconds: options.start ?? 0, signal });
  preparing.catch(() => undefined);
  await using media = await opening;
  try {
    await using track = await preparing;
    await use(track, media);
  } catch (error) {
    throw about(media.label, error);
  }
}
