import path from 'node:path';
import { createNonce } from '@tutti/sync/protocol';
import { expandSources, isHttpUrl } from '../media/expand-sources.ts';
import { sourceLabel } from '../media/source-label.ts';
import type { PartyMemory } from './party-memory.ts';
import type { TrackLibrary } from './track-library.ts';

/** What becomes of a source that was added. */
export type IntakeEvent =
  | { readonly type: 'fetching' | 'fetched'; readonly label: string }
  | { readonly type: 'failed'; readonly label: string; readonly error: unknown };

export interface TrackIntakeOptions {
  readonly memory: PartyMemory;
  readonly library: TrackLibrary;
  readonly onEvent: (event: IntakeEvent) => void;
  /** A track can be had now, or never. */
  readonly onSettled: () => void;
}

/** Puts sources into the queue and gets them whole, one after the other: the line belongs to the track that is wanted first. */
export class TrackIntake {
  readonly #options: TrackIntakeOptions;
  readonly #ended = new AbortController();
  #fetching: Promise<void> = Promise.resolve();

  constructor(options: TrackIntakeOptions) {
    this.#options = options;
  }

  /** Puts sources at the end of the queue. Rejects when they name nothing, and with `SyncError` `sync/queue-full`. */
  async add(sources: readonly string[], addedBy: string): Promise<void> {
    for (const source of await expandSources(sources)) {
      const trackId = createNonce();
      this.#options.memory.apply({ type: 'added', trackId, label: labelOf(source), addedBy });
      this.#fetching = this.#fetching.then(() => this.#fetch(trackId, source));
    }
  }

  /** Fetches nothing more; resolves when nothing is fetched any more. */
  async close(): Promise<void> {
    this.#ended.abort(new DOMException('the session has ended', 'AbortError'));
    await this.#fetching;
  }

  async #fetch(trackId: string, source: string): Promise<void> {
    const { library, memory, onEvent, onSettled } = this.#options;
    const { signal } = this.#ended;
    const label = labelOf(source);
    if (signal.aborted || !memory.state.tracks.some((track) => track.trackId === trackId)) return;
    onEvent({ type: 'fetching', label });
    try {
      const { card } = await library.add(source, { signal });
      memory.apply({ type: 'resolved', trackId, hash: card.hash });
      onEvent({ type: 'fetched', label });
    } catch (error) {
      if (signal.aborted) return;
      memory.apply({ type: 'failed', trackId, message: error instanceof Error ? error.message.slice(0, 1000) : 'failed' });
      onEvent({ type: 'failed', label, error });
    }
    onSettled();
  }
}

/** What nodes see of a source: a URL without secrets, and of a file its name, not where it lies. */
function labelOf(source: string): string {
  return isHttpUrl(source) ? sourceLabel(source) : path.basename(source);
}
