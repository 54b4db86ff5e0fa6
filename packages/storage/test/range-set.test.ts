import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { RangeSet } from '../src/index.ts';

const SPACE = 64;
const range = fc.tuple(fc.nat(SPACE), fc.nat(SPACE)).map(([a, b]) => ({ start: Math.min(a, b), end: Math.max(a, b) }));

function naive(ranges: readonly { start: number; end: number }[]): boolean[] {
  const bytes = Array.from({ length: SPACE }, () => false);
  for (const { start, end } of ranges) bytes.fill(true, start, end);
  return bytes;
}

function rangesOf(bytes: readonly boolean[], wanted: boolean, from = 0, to = SPACE): { start: number; end: number }[] {
  const found: { start: number; end: number }[] = [];
  for (let at = from; at < to; at += 1) {
    if (bytes[at] !== wanted) continue;
    const last = found.at(-1);
    if (last?.end === at) last.end = at + 1;
    else found.push({ start: at, end: at + 1 });
  }
  return found;
}

describe('a range set', () => {
  test('is the same as a set of single bytes, whatever is added and cut off', () => {
    fc.assert(
      fc.property(fc.array(range, { maxLength: 20 }), range, fc.nat(SPACE), (added, asked, cut) => {
        const set = new RangeSet(added);
        set.truncate(cut);
        const bytes = naive(added).map((isPresent, at) => isPresent && at < cut);
        expect(set.ranges()).toEqual(rangesOf(bytes, true));
        expect(set.byteCount).toBe(bytes.filter(Boolean).length);
        expect(set.missing(asked)).toEqual(rangesOf(bytes, false, asked.start, asked.end));
        expect(set.covers(asked)).toBe(bytes.slice(asked.start, asked.end).every(Boolean));
        expect(set.overlaps(asked)).toBe(bytes.slice(asked.start, asked.end).some(Boolean));
        for (let at = 0; at < SPACE; at += 1) {
          const hole = bytes.indexOf(false, at);
          expect(set.coveredUntil(at)).toBe(bytes[at] === true ? (hole === -1 ? SPACE : hole) : at);
        }
      }),
    );
  });

  test('names the first entry that an addition changes', () => {
    fc.assert(
      fc.property(fc.array(range, { maxLength: 20 }), range, (added, next) => {
        const set = new RangeSet(added);
        const before = set.ranges();
        const firstChanged = set.add(next);
        expect(set.ranges().slice(0, firstChanged)).toEqual(before.slice(0, firstChanged));
      }),
    );
  });

  test('keeps offsets above 2^32 exact', () => {
    const start = 2 ** 40 + 1;
    const set = new RangeSet([{ start, end: start + 3 }]);
    expect(set.coveredUntil(start)).toBe(start + 3);
    expect(set.coveredUntil(start - 1)).toBe(start - 1);
  });

  test('refuses a range that is none', () => {
    expect(() => new RangeSet([{ start: 2, end: 1 }])).toThrow(RangeError);
    expect(() => new RangeSet([{ start: -1, end: 1 }])).toThrow(RangeError);
    expect(() => new RangeSet([{ start: 0, end: Number.NaN }])).toThrow(RangeError);
  });
});
