import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { planFetch, readThroughBytes } from '../src/fetch-plan.ts';

const KiB = 1024;
const MiB = 1024 * KiB;
const length = 30 * MiB;
const idle = { wants: [], present: [], length, isFilling: false } as const;

describe('planFetch', () => {
  it('asks for nothing while nobody wants anything', () => {
    expect(planFetch(idle)).toEqual({ kind: 'idle' });
  });

  it('is complete when every byte is present, whatever is wanted', () => {
    expect(planFetch({ ...idle, wants: [{ start: 5, end: 9 }], present: [{ start: 0, end: length }] })).toEqual({
      kind: 'complete',
      length,
    });
  });

  it('asks for the gap where the reader stands and not for the first gap of the file', () => {
    const step = planFetch({ ...idle, wants: [{ start: 20 * MiB, end: 21 * MiB }], present: [{ start: 0, end: MiB }] });
    expect(step).toEqual({ kind: 'fetch', range: { start: 20 * MiB, end: 21 * MiB }, purpose: 'demand' });
  });

  it('asks for no byte that is present at either end of the window', () => {
    const present = [
      { start: 0, end: 300 * KiB },
      { start: 700 * KiB, end: 2 * MiB },
    ];
    const step = planFetch({ ...idle, wants: [{ start: 0, end: MiB }], present });
    expect(step).toMatchObject({ kind: 'fetch', range: { start: 300 * KiB, end: 700 * KiB } });
  });

  it('reads through a short present stretch rather than asking twice', () => {
    const present = [{ start: 100 * KiB, end: 200 * KiB }];
    expect(planFetch({ ...idle, wants: [{ start: 0, end: MiB }], present })).toMatchObject({ range: { start: 0, end: MiB } });
  });

  it('ends a request before a long present stretch', () => {
    const present = [{ start: 100 * KiB, end: 100 * KiB + readThroughBytes }];
    expect(planFetch({ ...idle, wants: [{ start: 0, end: MiB }], present })).toMatchObject({ range: { start: 0, end: 100 * KiB } });
  });

  it('asks for 64 KiB at least, and never past the end', () => {
    expect(planFetch({ ...idle, wants: [{ start: 10, end: 11 }] })).toMatchObject({ range: { start: 10, end: 10 + 64 * KiB } });
    expect(planFetch({ ...idle, wants: [{ start: length - 5, end: length + MiB }] })).toMatchObject({
      range: { start: length - 5, end: length },
    });
  });

  it('keeps an open body that comes to the wanted gap soon', () => {
    const open = { position: MiB, end: 2 * MiB };
    const wants = [{ start: MiB + readThroughBytes - 1, end: 2 * MiB }];
    expect(planFetch({ ...idle, wants, open })).toEqual({ kind: 'continue' });
  });

  it('drops an open body for a want that is far ahead of it or behind it', () => {
    const open = { position: MiB, end: 8 * MiB };
    expect(planFetch({ ...idle, wants: [{ start: MiB + readThroughBytes, end: 2 * MiB }], open })).toMatchObject({ kind: 'fetch' });
    expect(planFetch({ ...idle, wants: [{ start: MiB - 1, end: 2 * MiB }], open })).toMatchObject({ kind: 'fetch' });
  });

  it('serves the reader that waits before the one that only looks ahead', () => {
    const wants = [
      { start: 0, end: 2 * MiB },
      { start: 20 * MiB, end: 21 * MiB },
    ];
    const present = [{ start: 0, end: MiB }];
    expect(planFetch({ ...idle, wants, present })).toMatchObject({ kind: 'fetch', range: { start: 20 * MiB } });
    const open = { position: MiB, end: 2 * MiB };
    expect(planFetch({ ...idle, wants, present, open })).toMatchObject({ kind: 'fetch', range: { start: 20 * MiB } });
  });

  it('finishes the body of one waiting reader before it turns to another waiting reader', () => {
    const wants = [
      { start: 0, end: 2 * MiB },
      { start: 20 * MiB, end: 21 * MiB },
    ];
    expect(planFetch({ ...idle, wants, open: { position: 20 * MiB, end: 21 * MiB } })).toEqual({ kind: 'continue' });
  });

  it('takes windows that meet for one, so that two readers side by side keep one body', () => {
    const wants = [
      { start: 2 * MiB, end: 3 * MiB },
      { start: MiB, end: 2 * MiB },
    ];
    const present = [{ start: 0, end: 1.5 * MiB }];
    expect(planFetch({ ...idle, wants, present, open: { position: 1.5 * MiB, end: 2 * MiB } })).toEqual({ kind: 'continue' });
    expect(planFetch({ ...idle, wants, present })).toMatchObject({ range: { start: 1.5 * MiB, end: 3 * MiB } });
  });

  it('drops a long body that nobody wants any more, but reads a short rest to its end', () => {
    expect(planFetch({ ...idle, open: { position: 0, end: MiB } })).toEqual({ kind: 'idle' });
    expect(planFetch({ ...idle, open: { position: MiB - readThroughBytes, end: MiB } })).toEqual({ kind: 'continue' });
  });

  it('fills the gaps from the reader on, then the ones behind it', () => {
    const wants = [{ start: 10 * MiB, end: 12 * MiB }];
    const present = [{ start: 10 * MiB, end: 12 * MiB }];
    const filling = { ...idle, wants, isFilling: true };
    expect(planFetch({ ...filling, present })).toEqual({
      kind: 'fetch',
      range: { start: 12 * MiB, end: 20 * MiB },
      purpose: 'fill',
    });
    const tail = [{ start: 10 * MiB, end: length }];
    expect(planFetch({ ...filling, present: tail })).toEqual({ kind: 'fetch', range: { start: 0, end: 8 * MiB }, purpose: 'fill' });
  });

  it('lets demand interrupt a fill', () => {
    const open = { position: 12 * MiB, end: 20 * MiB };
    const step = planFetch({ ...idle, isFilling: true, wants: [{ start: 25 * MiB, end: 26 * MiB }], open });
    expect(step).toMatchObject({ kind: 'fetch', purpose: 'demand', range: { start: 25 * MiB } });
  });

  it('makes a file of any shape complete, whatever was present and wanted', () => {
    const range = fc.tuple(fc.nat(5 * MiB), fc.nat(MiB)).map(([start, size]) => ({ start, end: start + size + 1 }));
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 5 * MiB }),
        fc.array(range, { maxLength: 6 }),
        fc.array(range, { maxLength: 3 }),
        (size, held, wants) => {
          let present = union(held.map(({ start, end }) => ({ start: Math.min(start, size), end: Math.min(end, size) })));
          for (let round = 0; round < 100; round += 1) {
            const step = planFetch({ wants, present, length: size, isFilling: true });
            if (step.kind === 'complete') return;
            if (step.kind !== 'fetch') throw new Error(`stuck at ${step.kind}`);
            expect(step.range.start).toBeLessThan(step.range.end);
            expect(step.range.end).toBeLessThanOrEqual(size);
            const before = count(present);
            present = union([...present, step.range]);
            expect(count(present)).toBeGreaterThan(before);
          }
          throw new Error('not complete after 100 requests');
        },
      ),
    );
  });
});

type Range = { readonly start: number; readonly end: number };

function union(ranges: readonly Range[]): Range[] {
  const result: { start: number; end: number }[] = [];
  for (const range of ranges.filter(({ start, end }) => start < end).sort((left, right) => left.start - right.start)) {
    const last = result.at(-1);
    if (last !== undefined && range.start <= last.end) last.end = Math.max(last.end, range.end);
    else result.push({ ...range });
  }
  return result;
}

const count = (ranges: readonly Range[]): number => ranges.reduce((sum, { start, end }) => sum + end - start, 0);
