import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ControlBlockView, ControlBlockWriter, MAX_RANGES } from '../src/control-block.ts';
import { failureRecord } from '../src/failure-record.ts';
import { RangeSet } from '../src/index.ts';

/** Offsets around the seams of the two 32-bit words, and small ones that meet each other. */
const position = fc.oneof(
  fc.nat(200),
  fc.nat(200).map((n) => 2 ** 31 - 100 + n),
  fc.nat(200).map((n) => 2 ** 32 - 100 + n),
  fc.nat(200).map((n) => 2 ** 50 + n),
);
const range = fc.tuple(position, fc.integer({ min: 1, max: 40 })).map(([start, size]) => ({ start, end: start + size }));

describe('a control block', () => {
  test('shows exactly the ranges that were published, entry by entry', () => {
    fc.assert(
      fc.property(fc.array(range, { maxLength: 120 }), position, (added, asked) => {
        const writer = new ControlBlockWriter();
        const view = new ControlBlockView(writer.buffer);
        const set = new RangeSet();
        for (const each of added) writer.setRanges(set, set.add(each));
        expect(view.ranges()).toEqual(set.ranges());
        expect(view.picture(asked)).toEqual({
          state: 'active',
          length: undefined,
          announcedLength: undefined,
          coveredUntil: set.coveredUntil(asked),
        });
      }),
    );
  });

  test('grows under a view that was opened before', () => {
    const writer = new ControlBlockWriter();
    const view = new ControlBlockView(writer.buffer);
    const set = new RangeSet();
    for (let index = 0; index < 5000; index += 1) writer.setRanges(set, set.add({ start: index * 10, end: index * 10 + 5 }));
    expect(view.picture(49_990).coveredUntil).toBe(49_995);
    expect(view.ranges()).toHaveLength(5000);
  });

  test('refuses more ranges than it can hold', () => {
    const set = new RangeSet(Array.from({ length: MAX_RANGES + 1 }, (_, index) => ({ start: index * 2, end: index * 2 + 1 })));
    expect(() => new ControlBlockWriter().setRanges(set)).toThrow(RangeError);
  });

  test('carries lengths of 0 and above 2^32, and tells them from unknown ones', () => {
    for (const length of [0, 1, 2 ** 32 - 1, 2 ** 32, 2 ** 45 + 7]) {
      const writer = new ControlBlockWriter();
      const view = new ControlBlockView(writer.buffer);
      writer.setAnnouncedLength(length);
      expect(view.picture(0)).toMatchObject({ length: undefined, announcedLength: length });
      writer.commit(length, new RangeSet(length === 0 ? [] : [{ start: 0, end: length }]));
      expect(view.picture(0)).toMatchObject({ state: 'committed', length, coveredUntil: length });
    }
  });

  test('carries a failure, its message cut at 400 bytes between two characters', () => {
    const writer = new ControlBlockWriter();
    const error = Object.assign(new Error('€'.repeat(300)), { code: 'net/reset', isRecoverable: true });
    writer.fail(failureRecord(error));
    const view = new ControlBlockView(writer.buffer);
    expect(view.picture(0).state).toBe('failed');
    expect(view.failure()).toEqual({ name: 'Error', code: 'net/reset', message: '€'.repeat(133), isRecoverable: true });
  });
});
