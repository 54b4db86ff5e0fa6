import { expect, it } from 'vitest';
import { ReadAhead } from '../src/read-ahead.ts';

const KiB = 1024;
const MiB = 1024 * KiB;

function record(lookAheadBytes = MiB) {
  const windows: ({ readonly start: number; readonly end: number } | undefined)[] = [];
  return { windows, ahead: new ReadAhead({ lookAheadBytes, publish: (window) => windows.push(window) }) };
}

it('opens a small window at the first position', () => {
  const { windows, ahead } = record();
  ahead.moveTo(0, 64 * KiB);
  expect(windows).toEqual([{ start: 0, end: 128 * KiB }]);
});

it('publishes nothing until half of the window has been read, then one of twice the size', () => {
  const { windows, ahead } = record();
  ahead.moveTo(0);
  ahead.moveTo(64 * KiB - 1, 128 * KiB);
  expect(windows).toHaveLength(1);
  ahead.moveTo(64 * KiB);
  expect(windows.at(-1)).toEqual({ start: 64 * KiB, end: 320 * KiB });
});

it('grows to the look-ahead and no further', () => {
  const { windows, ahead } = record();
  for (let position = 0; position < 10 * MiB; position += 64 * KiB) ahead.moveTo(position);
  const sizes = windows.map((window) => window!.end - window!.start);
  expect(Math.max(...sizes)).toBe(MiB);
  expect(sizes.at(-1)).toBe(MiB);
});

it('begins small again after a jump', () => {
  const { windows, ahead } = record();
  for (let position = 0; position < 4 * MiB; position += 64 * KiB) ahead.moveTo(position);
  ahead.moveTo(20 * MiB);
  expect(windows.at(-1)).toEqual({ start: 20 * MiB, end: 20 * MiB + 128 * KiB });
  ahead.moveTo(MiB);
  expect(windows.at(-1)).toEqual({ start: MiB, end: MiB + 128 * KiB });
});

it('covers what the reader needs even when that is more than the window', () => {
  const { windows, ahead } = record();
  ahead.moveTo(0, 3 * MiB);
  expect(windows).toEqual([{ start: 0, end: 3 * MiB }]);
});

it('wants nothing after it was cleared', () => {
  const { windows, ahead } = record();
  ahead.moveTo(0);
  ahead.clear();
  ahead.clear();
  expect(windows.slice(1)).toEqual([undefined]);
});
