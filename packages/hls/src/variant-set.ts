import type { MediaSourceEvent } from '@tutti/stream';
import type { AbrController } from './abr/controller.ts';
import { lockedRung, rungsWithin } from './abr/rules.ts';
import type { BitrateLimits, RuleDecision, VariantChoice } from './abr/rules.ts';
import { HlsError, publicUrl } from './hls-error.ts';
import type { LadderRung } from './ladder.ts';
import type { PlaylistLoader } from './playlist-loader.ts';
import type { Variables } from './playlist/variables.ts';
import { segmentTarget } from './fetch-target.ts';
import type { SegmentFetcher } from './segment-fetch.ts';
import { segmentStartingAt } from './stretches.ts';
import { isWholeStored, loadVariant } from './variant-source.ts';
import type { LoadedVariant } from './variant-source.ts';

/** `decided`: another variant will play from the next segment boundary on. It is applied when the `variant` event comes. */
export interface VariantDecidedEvent {
  readonly type: 'variant-decided';
  readonly bandwidth: number;
  readonly reason: string;
}

export interface VariantSetOptions {
  readonly url: string;
  readonly rungs: readonly LadderRung[];
  readonly choice: VariantChoice;
  readonly isOffline: boolean;
  readonly controller: AbrController;
  readonly limits: BitrateLimits;
  /** Most media seconds that are fetched ahead. */
  readonly lookAheadSeconds: number;
  /** Whether a playlist that has not ended is taken as it stands. */
  readonly allowsUnfinished: boolean;
  readonly variables: Variables | undefined;
  readonly loader: PlaylistLoader;
  readonly fetcher: SegmentFetcher;
  readonly emit: (event: MediaSourceEvent | VariantDecidedEvent) => void;
}

/** What there is to decide: which rung plays from `seconds` on, after `current`. */
interface Decision {
  readonly rungs: readonly LadderRung[];
  /** `undefined` at the start, −1 when the present rung is not among them. */
  readonly current: number | undefined;
  readonly seconds: number;
  readonly bufferSeconds: number;
}

/** Where the rung of the next segment is decided. */
export interface NextOptions {
  /** Where the segment begins in the presentation. */
  readonly seconds: number;
  /** Media seconds that are fetched and not read yet. */
  readonly bufferSeconds: number;
  readonly signal: AbortSignal | undefined;
}

/** Until a playlist says how long its segments are: what most are. */
const DEFAULT_SEGMENT_SECONDS = 4;

/** The variants of one presentation: which are loaded, which turned out broken, and which one plays. */
export class VariantSet {
  readonly #options: VariantSetOptions;
  readonly #loaded = new Map<LadderRung, LoadedVariant>();
  readonly #failures = new Map<LadderRung, unknown>();
  /** Rungs whose playlist was stored when the presentation was opened. */
  readonly #stored = new Map<LadderRung, LoadedVariant>();
  /** Those of them of which every segment was. */
  readonly #wholeStored = new Set<LadderRung>();
  #selected: LoadedVariant | undefined;

  constructor(options: VariantSetOptions) {
    this.#options = options;
  }

  /** The variant that plays; only to be asked after `open`. */
  get selected(): LoadedVariant {
    if (this.#selected === undefined) throw new HlsError('hls/closed', 'no variant was opened yet', { url: this.#options.url });
    return this.#selected;
  }

  /** Whether the variant may change while it plays. */
  get canSwitch(): boolean {
    return this.#options.choice === 'auto' && this.#options.rungs.length > 1;
  }

  get isOffline(): boolean {
    return this.#options.isOffline;
  }

  /** Takes a variant that is loaded already: a media playlist as input. */
  adopt(variant: LoadedVariant): void {
    this.#loaded.set(variant.rung, variant);
    this.#selected = variant;
  }

  /**
   * Loads the chosen variant, or the nearest that is not broken. Throws the failure that all of them share, else
   * `hls/no-playable-variant`; `hls/live` at once.
   */
  async open(signal: AbortSignal | undefined): Promise<LoadedVariant> {
    const { choice, emit, limits, rungs } = this.#options;
    await this.#findStored(signal);
    const allowed = rungsWithin(rungs, choice === 'auto' ? limits : {});
    const decision: RuleDecision =
      choice === 'auto'
        ? this.#decide({ rungs: allowed, current: undefined, seconds: 0, bufferSeconds: 0 })
        : { index: lockedRung(rungs, choice), reason: 'start' };
    for (const rung of nearestFirst(rungs, allowed[decision.index])) {
      const variant = await this.load(rung, signal);
      if (variant === undefined) continue;
      this.#selected = variant;
      emit({
        type: 'variant',
        bandwidth: rung.bandwidth,
        codecs: rung.codecs,
        reason: choice === 'auto' ? decision.reason : 'locked',
      });
      return variant;
    }
    throw this.#noneLeft();
  }

  /**
   * The variant to play from `seconds` on, when it is another one than now; loads it. The caller applies it with
   * `apply` when its span begins.
   */
  async next({ bufferSeconds, seconds, signal }: NextOptions): Promise<LoadedVariant | undefined> {
    if (!this.canSwitch) return undefined;
    const { emit, limits } = this.#options;
    const current = this.selected.rung;
    const working = this.#options.rungs.filter((rung) => !this.#failures.has(rung));
    const rungs = rungsWithin(working, limits);
    const { index, reason } = this.#decide({ rungs, current: rungs.indexOf(current), seconds, bufferSeconds });
    const rung = rungs[index];
    if (rung === undefined || rung === current) return undefined;
    emit({ type: 'variant-decided', bandwidth: rung.bandwidth, reason });
    return this.load(rung, signal);
  }

  /** `variant` plays from now on. */
  apply(variant: LoadedVariant): void {
    const { bandwidth, codecs } = variant.rung;
    const direction = bandwidth > this.selected.rung.bandwidth ? 'up' : 'down';
    const reason = this.#options.isOffline ? 'cached' : direction;
    this.#selected = variant;
    this.#options.emit({ type: 'variant', bandwidth, codecs, reason });
  }

  /** Loads a rung's media playlist; `undefined`, with an event, when it is broken. Throws on abort and for a live stream. */
  async load(rung: LadderRung, signal: AbortSignal | undefined): Promise<LoadedVariant | undefined> {
    const known = this.#loaded.get(rung);
    if (known !== undefined || this.#failures.has(rung)) return known;
    try {
      const variant = await this.#load(rung, { isCachedOnly: false, signal });
      this.#loaded.set(rung, variant);
      return variant;
    } catch (error) {
      signal?.throwIfAborted();
      if (error instanceof HlsError && error.code === 'hls/live') throw error;
      this.#failures.set(rung, error);
      this.#options.emit({ type: 'variant-skipped', bandwidth: rung.bandwidth, reason: reasonOf(error) });
      return undefined;
    }
  }

  failureOf(rung: LadderRung): unknown {
    return this.#failures.get(rung);
  }

  async #load(
    rung: LadderRung,
    { isCachedOnly, signal }: { readonly isCachedOnly: boolean; readonly signal: AbortSignal | undefined },
  ): Promise<LoadedVariant> {
    const { allowsUnfinished, loader, variables } = this.#options;
    const playlist = await loader.load(rung.uri, { imports: variables, isCachedOnly, signal });
    if (playlist.kind === 'media') return loadVariant(rung, playlist, { allowsUnfinished });
    const message = `playlist ${publicUrl(rung.uri)} is a multivariant playlist where a media playlist is needed`;
    throw new HlsError('hls/bad-playlist', message, { url: rung.uri });
  }

  /** Finds out, from the cache alone, what of which rungs would cost nothing. */
  async #findStored(signal: AbortSignal | undefined): Promise<void> {
    if (!this.canSwitch) return;
    const { fetcher, loader, rungs } = this.#options;
    for (const rung of rungs) {
      if (!loader.isStored(rung.uri)) continue;
      const variant = await this.#load(rung, { isCachedOnly: true, signal }).catch(() => undefined);
      signal?.throwIfAborted();
      if (variant === undefined) continue;
      this.#stored.set(rung, variant);
      if (isWholeStored(variant, fetcher)) this.#wholeStored.add(rung);
    }
  }

  #decide({ bufferSeconds, current, rungs, seconds }: Decision): RuleDecision {
    const { controller, isOffline, lookAheadSeconds } = this.#options;
    // At the start a rung of which everything is there beats one that only begins better.
    const isCached = (rung: LadderRung): boolean =>
      this.#wholeStored.has(rung) || ((current !== undefined || this.#wholeStored.size === 0) && this.#isStoredAt(rung, seconds));
    return controller.decide({
      rungs: rungs.map((rung) => ({ bandwidth: rung.bandwidth, isCached: isCached(rung) })),
      current: current === -1 ? undefined : current,
      bufferSeconds,
      lookAheadSeconds,
      segmentSeconds: this.#segmentSeconds(seconds),
      isOffline,
    });
  }

  /** Length of the segment at `seconds`, by the variant that plays. */
  #segmentSeconds(seconds: number): number {
    const playlist = this.#selected?.playlist;
    const segment = playlist?.segments[segmentStartingAt(playlist, seconds)];
    return segment === undefined || segment.durationSeconds === 0 ? DEFAULT_SEGMENT_SECONDS : segment.durationSeconds;
  }

  /** Whether the segment of `rung` that plays at `seconds` is in the cache. */
  #isStoredAt(rung: LadderRung, seconds: number): boolean {
    const variant = this.#stored.get(rung);
    if (variant === undefined) return false;
    const segment = variant.playlist.segments[segmentStartingAt(variant.playlist, seconds)];
    return segment !== undefined && (segment.isGap || this.#options.fetcher.storedBytes(segmentTarget(segment)) !== undefined);
  }

  #noneLeft(): unknown {
    const failures = [...this.#failures.values()];
    const codes = new Set(failures.map(codeOf));
    if (codes.size === 1) return failures[0];
    const { url } = this.#options;
    const reasons = [...new Set(failures.map(reasonOf))].join('; ');
    const message = `${publicUrl(url)} has no variant that can be played: ${reasons}`;
    return new HlsError('hls/no-playable-variant', message, { url, cause: failures[0] });
  }
}

/** The chosen rung, its substitutes of the same bandwidth, then what is below it, nearest first, then what is above. */
function nearestFirst(rungs: readonly LadderRung[], chosen: LadderRung | undefined): readonly LadderRung[] {
  if (chosen === undefined) return rungs;
  const others = rungs.filter((rung) => rung !== chosen);
  return [
    chosen,
    ...others.filter(({ bandwidth }) => bandwidth === chosen.bandwidth),
    ...others.filter(({ bandwidth }) => bandwidth < chosen.bandwidth).toReversed(),
    ...others.filter(({ bandwidth }) => bandwidth > chosen.bandwidth),
  ];
}

function codeOf(error: unknown): unknown {
  return typeof error === 'object' && error !== null && 'code' in error ? error.code : error;
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
