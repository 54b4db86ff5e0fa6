import { describe, expect, test } from 'vitest';
import { SharedTransferLimit } from '../src/index.ts';

describe('a shared transfer limit', () => {
  test('gives free turns to the lowest rank, and to who came first inside one', async () => {
    const limit = new SharedTransferLimit(1);
    const order: string[] = [];
    const take = async (rank: number, name: string): Promise<void> => {
      using _turn = await limit.ranked(rank).acquire();
      order.push(name);
    };
    const held = await limit.ranked(9).acquire();
    const turns = [take(1, 'b1'), take(0, 'a1'), take(1, 'b2'), take(0, 'a2')];
    expect(order).toEqual([]);
    held[Symbol.dispose]();
    held[Symbol.dispose]();
    await Promise.all(turns);
    expect(order).toEqual(['a1', 'a2', 'b1', 'b2']);
  });

  test('forgets who no longer waits, with the reason, and gives the turn to the next', async () => {
    const limit = new SharedTransferLimit(1).ranked(0);
    const held = await limit.acquire();
    const controller = new AbortController();
    const given = limit.acquire(controller.signal);
    const next = limit.acquire();
    const reason = new Error('enough');
    controller.abort(reason);
    await expect(given).rejects.toBe(reason);
    held[Symbol.dispose]();
    (await next)[Symbol.dispose]();
    await expect(limit.acquire(AbortSignal.abort(reason))).rejects.toBe(reason);
  });
});
