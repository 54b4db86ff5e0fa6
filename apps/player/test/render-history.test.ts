import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { RenderHistory } from '../src/engine/render-history.ts';

/** Stereo frames whose both samples tell their index. */
function frames(from: number, count: number): Float32Array {
  return Float32Array.from({ length: count * 2 }, (_, index) => (from + (index >> 1)) * (index % 2 === 0 ? 1 : -1));
}

describe('RenderHistory', () => {
  test('gives frames in order, and again after a rewind, like an array with a cursor', () => {
    const capacity = 50;
    const step = fc.oneof(
      fc.record({ do: fc.constant('append' as const), count: fc.nat(capacity) }),
      fc.record({ do: fc.constant('take' as const), count: fc.nat(capacity) }),
      fc.record({ do: fc.constant('rewind' as const), count: fc.nat(capacity) }),
      fc.record({ do: fc.constant('drop' as const), count: fc.constant(0) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const history = new RenderHistory(2, capacity);
        let end = 0;
        let cursor = 0;
        let oldest = 0;
        for (const { do: action, count } of steps) {
          if (action === 'append' && end - cursor + count <= capacity) {
            history.append(frames(end, count));
            end += count;
            oldest = Math.max(oldest, end - capacity);
          } else if (action === 'take') {
            const taken = Math.min(count, end - cursor);
            expect(history.take(count)).toEqual(frames(cursor, taken));
            cursor += taken;
          } else if (action === 'rewind') {
            const rewound = Math.min(count, cursor - oldest);
            expect(history.rewind(count)).toBe(rewound);
            cursor -= rewound;
          } else if (action === 'drop') {
            history.dropPending();
            end = cursor;
          }
          expect(history.pendingFrames).toBe(end - cursor);
          expect(history.cursorFrame).toBe(cursor);
        }
      }),
    );
  });

  test('refuses to overwrite what has not been taken', () => {
    const history = new RenderHistory(2, 10);
    history.append(frames(0, 8));
    expect(() => history.append(frames(8, 3))).toThrow(RangeError);
  });
});
