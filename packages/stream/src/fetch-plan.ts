import type { ByteRange } from '@tutti/storage';

/** What the plan is made from. */
export interface FetchState {
  /** What readers want: windows that begin where a reader stands, in the order they began to be wanted. They may overlap. */
  readonly wants: readonly ByteRange[];
  /** Present bytes, sorted and disjoint. */
  readonly present: readonly ByteRange[];
  /** Length of the resource in bytes; `undefined` before the first answer. */
  readonly length: number | undefined;
  /** Whether everything is to be fetched once no reader wants anything. */
  readonly isFilling: boolean;
  /** The body being read: the offset of its next byte, and the end of what was asked for. */
  readonly open?: { readonly position: number; readonly end: number } | undefined;
}

/** What to do next. With a body open, every step except `continue` means: drop that body first. */
export type FetchStep =
  | { readonly kind: 'continue' }
  | { readonly kind: 'fetch'; readonly range: ByteRange; readonly purpose: 'demand' | 'fill' }
  | { readonly kind: 'idle' }
  | { readonly kind: 'complete'; readonly length: number };

/** Bytes that are cheaper to read than a new request: 128 KiB take 1 s at 1 Mbit/s and 10 ms at 100 Mbit/s. */
export const readThroughBytes = 128 * 1024;
/** Smallest request, in bytes: one read of a demuxer. */
const minimumRequestBytes = 64 * 1024;
/** Largest request of a fill, in bytes: bounds what a dropped connection repeats and lets demand in between. */
const fillRequestBytes = 8 * 1024 * 1024;
/** A reader with fewer bytes than this ahead of it is about to wait. */
const urgentBytes = 64 * 1024;

interface Target {
  /** First missing byte of a want. */
  readonly start: number;
  readonly wantEnd: number;
  /** How far the reader can go until it has to wait for that byte. */
  readonly distance: number;
}

/**
 * Decides what to fetch: the gap that a reader runs into first, not the file's first gap. An open body is kept while it
 * comes to a wanted gap within `readThroughBytes`, and while no other reader is about to wait sooner.
 */
export function planFetch(state: FetchState): FetchStep {
  const { length, present, open } = state;
  const limit = length ?? Number.MAX_SAFE_INTEGER;
  if (length !== undefined && firstGap(present, { start: 0, end: length }) === undefined) return { kind: 'complete', length };
  const targets = demandTargets(state, limit);
  const target = mostUrgent(targets);
  if (target === undefined) return planIdle(state, limit);
  const served = open === undefined ? undefined : mostUrgent(targets.filter((candidate) => isNearlyReached(open, candidate.start)));
  if (served !== undefined && (target.distance >= urgentBytes || served.distance < urgentBytes)) return { kind: 'continue' };
  const wantedBytes = Math.max(target.wantEnd - target.start, minimumRequestBytes);
  const range = { start: target.start, end: Math.min(target.start + wantedBytes, limit) };
  return { kind: 'fetch', range: withoutPresentTail(present, range), purpose: 'demand' };
}

/** No reader waits for anything. */
function planIdle(state: FetchState, limit: number): FetchStep {
  const { open, present, wants } = state;
  // What little is left of a body costs less than the connection that dropping it would close.
  if (open !== undefined && (state.isFilling || open.end - open.position <= readThroughBytes)) return { kind: 'continue' };
  if (!state.isFilling) return { kind: 'idle' };
  const ahead = wants.at(-1)?.start ?? 0;
  const gap = firstGap(present, { start: ahead, end: limit }) ?? firstGap(present, { start: 0, end: limit });
  if (gap === undefined) return { kind: 'idle' };
  const range = { start: gap.start, end: Math.min(gap.start + fillRequestBytes, limit) };
  return { kind: 'fetch', range: withoutPresentTail(present, range), purpose: 'fill' };
}

function demandTargets({ wants, present }: FetchState, limit: number): readonly Target[] {
  return joined(wants).flatMap((want) => {
    const wantEnd = Math.min(want.end, limit);
    const gap = firstGap(present, { start: want.start, end: wantEnd });
    return gap === undefined ? [] : [{ start: gap.start, wantEnd, distance: gap.start - want.start }];
  });
}

/** Windows that meet as one: what follows a reader's window is not urgent because another reader's window was cut there. */
function joined(wants: readonly ByteRange[]): readonly ByteRange[] {
  const result: ByteRange[] = [];
  for (const want of wants.toSorted((left, right) => left.start - right.start)) {
    const last = result.at(-1);
    if (last === undefined || want.start > last.end) result.push(want);
    else result[result.length - 1] = { start: last.start, end: Math.max(last.end, want.end) };
  }
  return result;
}

function mostUrgent(targets: readonly Target[]): Target | undefined {
  let best: Target | undefined;
  for (const target of targets) if (best === undefined || target.distance < best.distance) best = target;
  return best;
}

function isNearlyReached(open: { readonly position: number; readonly end: number }, start: number): boolean {
  return start >= open.position && start - open.position < readThroughBytes && start < open.end;
}

/** The range cut where what follows is present for longer than a read-through is worth, or to its end. */
function withoutPresentTail(present: readonly ByteRange[], range: ByteRange): ByteRange {
  let end = range.start;
  for (let gap = firstGap(present, range); gap !== undefined; gap = firstGap(present, { start: end, end: range.end })) {
    if (gap.start - end >= readThroughBytes) break;
    end = gap.end;
  }
  return { start: range.start, end };
}

/** The first missing stretch inside `range`. */
function firstGap(present: readonly ByteRange[], range: ByteRange): ByteRange | undefined {
  let { start } = range;
  for (const held of present) {
    if (held.end <= start) continue;
    if (held.start > start) return start < range.end ? { start, end: Math.min(held.start, range.end) } : undefined;
    start = held.end;
  }
  return start < range.end ? { start, end: range.end } : undefined;
}
