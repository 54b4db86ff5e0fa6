import type { Asset } from '@tutti/assets';
import type { HttpClient } from '@tutti/net';
import type { FillOptions, FillReport, MediaSource, MediaSourceEvent, MediaSpan, SourceCounters } from '@tutti/stream';
import { AbrController } from './abr/controller.ts';
import type { BitrateLimits, RuleSettings, VariantChoice } from './abr/rules.ts';
import { ThroughputEstimator } from './abr/throughput.ts';
import type { AudioPreference } from './audio-rendition.ts';
import { planFill } from './fill-plan.ts';
import type { FillPlan } from './fill-plan.ts';
import { fillTargets } from './fill.ts';
import { HlsError, publicUrl } from './hls-error.ts';
import { KeyRing } from './keys.ts';
import type { KeyProcessor } from './keys.ts';
import { buildLadder } from './ladder.ts';
import type { LadderRung } from './ladder.ts';
import { PlaylistLoader } from './playlist-loader.ts';
import type { AudioRendition, MediaPlaylist, MultivariantPlaylist } from './playlist/playlist.ts';
import { SegmentFetcher } from './segment-fetch.ts';
import { sourceClient } from './source-client.ts';
import { FillGate } from './fill-gate.ts';
import type { LookAhead } from './span-feed.ts';
import { SpanSequence } from './span-sequence.ts';
import { VariantSet } from './variant-set.ts';
import type { VariantDecidedEvent } from './variant-set.ts';
import { loadVariant, targetsOf } from './variant-source.ts';
import type { LoadedVariant } from './variant-source.ts';

export interface OpenHlsOptions {
  /** A multivariant or a media playlist. */
  readonly url: string;
  /** The asset of `url`. It stays the caller's: close the source first. */
  readonly asset: Asset;
  /** `undefined` offline: everything comes from the cache. */
  readonly client: HttpClient | undefined;
  /** Default `auto`: by measured throughput. Anything else locks the variant, as a party needs it. */
  readonly variant?: VariantChoice;
  /** Which rendition of each audio group. Default: the one that the author marks. */
  readonly audio?: AudioPreference;
  /** What `auto` chooses among. Default: everything. */
  readonly limits?: BitrateLimits;
  /** How `auto` decides. */
  readonly rule?: RuleSettings;
  /** Take a live or event playlist that has not ended as it stands now, instead of refusing it. Default false. */
  readonly allowsUnfinished?: boolean;
  /** Unwraps keys before they are used and stored. */
  readonly keyProcessor?: KeyProcessor;
  /** Whether keys that the multivariant playlist announces are fetched while the media playlist loads. Default true. */
  readonly prefetchKeys?: boolean;
  /** Media seconds fetched ahead of a reader. Default 30. */
  readonly lookAheadSeconds?: number;
  /** Bytes fetched ahead of a reader; the segment after the one that is read is fetched whatever its size. Default 16 MiB. */
  readonly lookAheadBytes?: number;
  /** How long the origin may take to answer for a playlist, in milliseconds, before the stored copy stands in. Default 2000. */
  readonly refreshPatienceMs?: number;
  /**
   * How long a segment that fails is asked for again before its reader fails, once one has come, in milliseconds. The reader waits
   * meanwhile. Default 90 000.
   */
  readonly segmentPatienceMs?: number;
  /** Shared by the sources of one link, so that a new one does not start blind. Default: one of its own. */
  readonly throughput?: ThroughputEstimator;
  /** Query parameters that tell playlists, keys and segments apart; others (tokens) are ignored. Default: the whole query counts. */
  readonly identityQuery?: readonly string[];
  /** Ends the opening; the source, once open, is ended by `close`. */
  readonly signal?: AbortSignal;
  readonly hooks?: HlsHooks;
}

export interface HlsHooks {
  /** Every event, those of the opening included, which nobody can listen to with `on` yet. */
  readonly onEvent?: (event: HlsEvent) => void;
}

/** The origin did not give a playlist anew, or something else in its place: the stored copy plays. */
export interface PlaylistStaleEvent {
  readonly type: 'playlist-stale';
  /** Without query and credentials. */
  readonly url: string;
  readonly reason: string;
}

export type HlsEvent = MediaSourceEvent | VariantDecidedEvent | PlaylistStaleEvent;

/** One playable variant. */
export interface HlsVariant {
  /** Peak bits per second; 0 for a media playlist as input. */
  readonly bandwidth: number;
  readonly codecs: string | undefined;
  /** The audio rendition that plays, where there is a choice of them. */
  readonly rendition: AudioRendition | undefined;
}

/** An HLS presentation. */
export interface HlsSource extends MediaSource {
  readonly kind: 'hls';
  readonly durationSeconds: number;
  /** What can be decoded, lowest bandwidth first. */
  readonly variants: readonly HlsVariant[];
  /** What plays now. */
  readonly selected: HlsVariant;
  /** What `fill` with the same options would fetch. Asks for playlists only. */
  plan(options?: Pick<FillOptions, 'signal' | 'variants'>): Promise<FillPlan>;
}

/** Half a minute rides out most outages; more would be wasted by a switch. The bytes are a minute of 24-bit FLAC. */
const LOOK_AHEAD: LookAhead = { seconds: 30, bytes: 16 * 1024 * 1024 };

/** As long as the HTTP client waits for an origin that is away. */
const SEGMENT_PATIENCE_MS = 90_000;

/** A playlist takes well under a second on any line that could play: longer is an outage, and finished playlists do not change. */
const REFRESH_PATIENCE_MS = 2000;

/**
 * Opens a presentation: its playlist and the chosen variant's, nothing else. With a client both are asked from the origin
 * first, a stored copy standing in when it fails; what came is stored by the time the source is filled or closed. Variants that
 * cannot be decoded or are broken are left out with an event.
 *
 * Rejects with `HlsError` (`hls/not-a-playlist`, `hls/bad-playlist`, `hls/no-segments`, `hls/live`, `hls/no-playable-variant`,
 * `hls/unsupported-encryption`), with `assets/not-cached` offline, and with the `NetError` of the playlist. Abort leaves the
 * playlists stored so far in the cache.
 */
export async function openHls(options: OpenHlsOptions): Promise<HlsSource> {
  options.signal?.throwIfAborted();
  const source = new CachedHlsSource(options);
  try {
    await source.begin(options.signal);
    return source;
  } catch (error) {
    await source.close();
    throw error;
  }
}

class CachedHlsSource implements HlsSource {
  readonly kind = 'hls';
  readonly label: string;
  readonly #options: OpenHlsOptions;
  readonly #loader: PlaylistLoader;
  readonly #fetcher: SegmentFetcher;
  readonly #keys: KeyRing;
  readonly #throughput: ThroughputEstimator;
  readonly #controller: AbrController;
  readonly #lookAhead: LookAhead;
  readonly #fillGate = new FillGate();
  readonly #listeners = new Set<{ readonly call: (event: MediaSourceEvent) => void }>();
  readonly #counters = { networkBytes: 0, cachedBytes: 0, requestCount: 0 };
  #rungs: readonly LadderRung[] = [];
  #variants: VariantSet;
  #startOffsetSeconds: number | undefined;
  #prefetching: Promise<void> | undefined;
  readonly #closing = new AbortController();

  constructor(options: OpenHlsOptions) {
    const { asset, identityQuery, keyProcessor, refreshPatienceMs = REFRESH_PATIENCE_MS, throughput, url } = options;
    const client = options.client === undefined ? undefined : sourceClient(options.client, { url, cookieJar: asset.id });
    this.#options = options;
    this.label = publicUrl(url);
    this.#throughput = throughput ?? new ThroughputEstimator();
    this.#controller = new AbrController({ throughput: this.#throughput, settings: options.rule ?? {} });
    const { lookAheadBytes = LOOK_AHEAD.bytes, lookAheadSeconds = LOOK_AHEAD.seconds } = options;
    this.#lookAhead = { seconds: lookAheadSeconds, bytes: lookAheadBytes };
    const onRequest = (): void => void (this.#counters.requestCount += 1);
    const cache = { asset, client, identityQuery, onRequest };
    const onStale = (url: string, error: unknown): void => {
      const reason = error === undefined ? 'the origin does not answer' : messageOf(error);
      this.#emit({ type: 'playlist-stale', url: publicUrl(url), reason });
    };
    this.#loader = new PlaylistLoader({ ...cache, refreshPatienceMs, onStale });
    this.#keys = new KeyRing({ ...cache, keyProcessor });
    this.#fetcher = new SegmentFetcher({
      ...cache,
      keys: this.#keys,
      throughput: this.#throughput,
      patienceMs: options.segmentPatienceMs ?? SEGMENT_PATIENCE_MS,
      onBytes: (byteCount) => void (this.#counters.networkBytes += byteCount),
    });
    this.#variants = this.#variantSet([], undefined);
  }

  get variants(): readonly HlsVariant[] {
    return this.#rungs.map(({ bandwidth, codecs, rendition }) => ({ bandwidth, codecs, rendition }));
  }

  get selected(): HlsVariant {
    const { bandwidth, codecs, rendition } = this.#variants.selected.rung;
    return { bandwidth, codecs, rendition };
  }

  get durationSeconds(): number {
    return this.#variants.selected.playlist.durationSeconds;
  }

  get preferredStartSeconds(): number | undefined {
    const { durationSeconds, startOffsetSeconds } = this.#variants.selected.playlist;
    const offset = this.#startOffsetSeconds ?? startOffsetSeconds;
    // Playing from the end plays nothing, whatever the author meant by it.
    if (offset === undefined || offset >= durationSeconds) return undefined;
    return Math.max(0, offset < 0 ? durationSeconds + offset : offset);
  }

  get counters(): SourceCounters {
    return { ...this.#counters };
  }

  async begin(signal: AbortSignal | undefined): Promise<void> {
    const { url } = this.#options;
    const playlist = await this.#loader.load(url, { isRoot: true, signal });
    if (playlist.kind === 'media') this.#beginMedia(playlist);
    else await this.#beginMultivariant(playlist, signal);
  }

  async *spans({
    startSeconds,
    signal,
  }: {
    readonly startSeconds: number;
    readonly signal?: AbortSignal;
  }): AsyncIterable<MediaSpan> {
    this.#throwIfClosed('play');
    const sequence = new SpanSequence({
      label: this.label,
      fetcher: this.#fetcher,
      variants: this.#variants,
      lookAhead: this.#lookAhead,
      fillGate: this.#fillGate,
      emit: (event) => this.#emit(event),
      onCached: (byteCount) => void (this.#counters.cachedBytes += byteCount),
    });
    yield* sequence.from(startSeconds, signal);
  }

  async fill(options: FillOptions = {}): Promise<FillReport> {
    options.signal?.throwIfAborted();
    this.#throwIfClosed('fill');
    const { loaded, missing } = await this.#loadForFill(options);
    const targets = loaded.flatMap((variant) => targetsOf(variant));
    const report = await fillTargets(targets, this.#fetcher, { ...options, missing });
    await Promise.all([this.#loader.stored(), this.#keys.stored()]);
    if (report.isComplete) this.#emit({ type: 'complete' });
    return report;
  }

  async plan(options: Pick<FillOptions, 'signal' | 'variants'> = {}): Promise<FillPlan> {
    options.signal?.throwIfAborted();
    this.#throwIfClosed('plan');
    const { loaded, missing } = await this.#loadForFill(options);
    return planFill(loaded, this.#fetcher, missing);
  }

  startFill(): void {
    this.#fillGate.open();
  }

  on(call: (event: MediaSourceEvent) => void): Disposable {
    const entry = { call };
    this.#listeners.add(entry);
    return { [Symbol.dispose]: () => void this.#listeners.delete(entry) };
  }

  async close(): Promise<void> {
    this.#closing.abort(new DOMException('the source was closed', 'AbortError'));
    this.#listeners.clear();
    await this.#prefetching;
    await Promise.allSettled([this.#loader.stored(), this.#keys.stored()]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** The variants that a fill is about; those whose playlist cannot be had are named in `missing`. */
  async #loadForFill({ signal, variants = 'selected' }: FillOptions): Promise<{
    readonly loaded: readonly LoadedVariant[];
    readonly missing: readonly string[];
  }> {
    const missing: string[] = [];
    const loaded: LoadedVariant[] = [];
    for (const rung of variants === 'all' ? this.#rungs : [this.#variants.selected.rung]) {
      const variant = await this.#variants.load(rung, signal);
      if (variant !== undefined) loaded.push(variant);
      else missing.push(`playlist ${publicUrl(rung.uri)}: ${messageOf(this.#variants.failureOf(rung))}`);
    }
    return { loaded, missing };
  }

  #beginMedia(playlist: MediaPlaylist): void {
    const rung: LadderRung = { uri: this.#options.url, bandwidth: 0, codecs: undefined, isLossless: false, rendition: undefined };
    this.#rungs = [rung];
    this.#variants = this.#variantSet([rung], undefined);
    this.#variants.adopt(loadVariant(rung, playlist, { allowsUnfinished: this.#allowsUnfinished }));
  }

  async #beginMultivariant(playlist: MultivariantPlaylist, signal: AbortSignal | undefined): Promise<void> {
    const { rungs, skipped } = buildLadder(playlist, this.#options);
    const { client, prefetchKeys = true } = this.#options;
    if (client !== undefined && prefetchKeys) {
      this.#prefetching = this.#keys.prefetch(playlist.sessionKeys, { signal: this.#closing.signal });
    }
    this.#startOffsetSeconds = playlist.startOffsetSeconds;
    for (const { bandwidth, reason } of skipped) this.#emit({ type: 'variant-skipped', bandwidth, reason });
    this.#rungs = rungs;
    this.#variants = this.#variantSet(rungs, playlist);
    await this.#variants.open(signal);
  }

  /** Offline nothing can be added to a playlist: what is stored is all there is. */
  get #allowsUnfinished(): boolean {
    return this.#options.client === undefined || this.#options.allowsUnfinished === true;
  }

  #variantSet(rungs: readonly LadderRung[], playlist: MultivariantPlaylist | undefined): VariantSet {
    const { client, limits = {}, url, variant = 'auto' } = this.#options;
    return new VariantSet({
      url,
      rungs,
      choice: variant,
      isOffline: client === undefined,
      controller: this.#controller,
      limits,
      lookAheadSeconds: this.#lookAhead.seconds,
      allowsUnfinished: this.#allowsUnfinished,
      variables: playlist?.variables,
      loader: this.#loader,
      fetcher: this.#fetcher,
      emit: (event) => this.#emit(event),
    });
  }

  #emit(event: HlsEvent): void {
    const { onEvent } = this.#options.hooks ?? {};
    guarded(() => onEvent?.(event));
    if (event.type === 'variant-decided' || event.type === 'playlist-stale') return;
    for (const { call } of Array.from(this.#listeners)) guarded(() => call(event));
  }

  #throwIfClosed(operation: string): void {
    if (!this.#closing.signal.aborted) return;
    throw new HlsError('hls/closed', `${operation} ${this.label}: the source is closed`, { url: this.#options.url });
  }
}

/** What a listener throws is reported as an uncaught error and disturbs nobody. */
function guarded(call: () => void): void {
  try {
    call();
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
