import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { DATAGRAM_BYTES, decodeDatagram, encodeDatagram, ReplayWindow } from '../../src/protocol/datagram.ts';

const key = Buffer.alloc(32, 7);
const keyOf = (nodeNumber: number): Uint8Array | undefined => (nodeNumber === 513 ? key : undefined);
const request = { type: 'request', nodeNumber: 513, sequence: 1, t1Us: 2, t2Us: 0, t3Us: 0 } as const;
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

const datagrams = fc.record({
  type: fc.constantFrom('request' as const, 'reply' as const),
  nodeNumber: fc.constant(513),
  sequence: fc.maxSafeNat(),
  t1Us: fc.maxSafeInteger(),
  t2Us: fc.maxSafeInteger(),
  t3Us: fc.maxSafeInteger(),
});

describe('clock datagrams', () => {
  test('are these bytes', () => {
    const head = '54555449' + '01' + '00' + '0201' + '0000000000000001' + '0000000000000002' + '00'.repeat(16);
    expect(hex(encodeDatagram(request, key))).toBe(`${head}54347a648e0a1d43`);
    const reply = encodeDatagram({ ...request, type: 'reply', t2Us: 3, t3Us: -1 }, key);
    expect(hex(reply).slice(0, 80)).toBe(
      '54555449' + '01' + '01' + '0201' + '0000000000000001' + '0000000000000002' + '0000000000000003' + 'f'.repeat(16),
    );
  });

  test('come back as they were sent, and a reply is as long as its request', () => {
    fc.assert(
      fc.property(datagrams, (datagram) => {
        const bytes = encodeDatagram(datagram, key);
        expect(bytes).toHaveLength(DATAGRAM_BYTES);
        expect(decodeDatagram(bytes, keyOf)).toEqual(datagram);
      }),
    );
  });

  test('with any bit changed are nothing', () => {
    const bytes = encodeDatagram(request, key);
    for (let bit = 0; bit < DATAGRAM_BYTES * 8; bit++) {
      const changed = Uint8Array.from(bytes);
      changed[bit >> 3]! ^= 1 << (bit & 7);
      expect(
        decodeDatagram(changed, () => key),
        `bit ${bit}`,
      ).toBeUndefined();
    }
  });

  test('of another length, another node or another key are nothing', () => {
    const bytes = encodeDatagram(request, key);
    expect(decodeDatagram(bytes.subarray(1), keyOf)).toBeUndefined();
    expect(decodeDatagram(Buffer.concat([bytes, Buffer.alloc(1)]), keyOf)).toBeUndefined();
    expect(decodeDatagram(new Uint8Array(0), keyOf)).toBeUndefined();
    expect(decodeDatagram(encodeDatagram({ ...request, nodeNumber: 2 }, key), keyOf)).toBeUndefined();
    expect(decodeDatagram(encodeDatagram(request, Buffer.alloc(32, 8)), keyOf)).toBeUndefined();
  });

  test('that are garbage are nothing', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 96 }), (bytes) => decodeDatagram(bytes, () => key) === undefined));
  });
});

describe('the replay window', () => {
  test('takes each number once, in any order within 64', () => {
    fc.assert(
      fc.property(fc.shuffledSubarray(Array.from({ length: 64 }, (_, index) => index + 1)), (numbers) => {
        const window = new ReplayWindow();
        for (const number of numbers) expect(window.accept(number)).toBe(true);
        for (const number of numbers) expect(window.accept(number)).toBe(false);
      }),
    );
  });

  test('refuses what is 64 older than the newest, and 0', () => {
    const window = new ReplayWindow();
    expect(window.accept(0)).toBe(false);
    expect(window.accept(1)).toBe(true);
    expect(window.accept(64)).toBe(true);
    expect(window.accept(2)).toBe(true);
    expect(window.accept(66)).toBe(true);
    expect(window.accept(2)).toBe(false);
    expect(window.accept(3)).toBe(true);
    expect(window.accept(Number.MAX_SAFE_INTEGER)).toBe(true);
    expect(window.accept(67)).toBe(false);
  });
});
