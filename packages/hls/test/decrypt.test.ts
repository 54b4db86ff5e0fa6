import { createCipheriv, randomBytes } from 'node:crypto';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SegmentDecryptor, transformId } from '../src/decrypt.ts';
import { HlsError } from '../src/hls-error.ts';
import { implicitIv } from '../src/playlist/segment-key.ts';

const url = 'https://media.test/s.ts?token=secret';
const key = Buffer.from('00112233445566778899aabbccddeeff', 'hex');
const iv = Buffer.from('0f0e0d0c0b0a09080706050403020100', 'hex');

function encrypt(plaintext: Uint8Array): Buffer {
  const cipher = createCipheriv('aes-128-cbc', key, iv);
  return Buffer.concat([cipher.update(plaintext), cipher.final()]);
}

describe('segment decryptor', () => {
  it('gives the plaintext whatever the pieces are, in multiples of 16 bytes before the end', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 300 }),
        fc.array(fc.integer({ min: 0, max: 40 }), { maxLength: 40 }),
        (plaintext, sizes) => {
          const ciphertext = encrypt(plaintext);
          const decryptor = new SegmentDecryptor({ key, iv, url });
          const pieces: Uint8Array[] = [];
          let at = 0;
          for (const size of [...sizes, ciphertext.length]) {
            pieces.push(decryptor.push(ciphertext.subarray(at, at + size)));
            at += size;
            const total = pieces.reduce((sum, piece) => sum + piece.length, 0);
            expect(total % 16).toBe(0);
            expect(total).toBeLessThanOrEqual(plaintext.length);
          }
          pieces.push(decryptor.finish());
          expect(Buffer.concat(pieces).equals(plaintext)).toBe(true);
        },
      ),
    );
  });

  it('continues at any block with the ciphertext block before it as IV', () => {
    const plaintext = randomBytes(1000);
    const ciphertext = encrypt(plaintext);
    const decryptor = new SegmentDecryptor({ key, iv: ciphertext.subarray(304, 320), url });
    const rest = Buffer.concat([decryptor.push(ciphertext.subarray(320)), decryptor.finish()]);
    expect(rest.equals(plaintext.subarray(320))).toBe(true);
  });

  it.each([
    ['is cut short', encrypt(randomBytes(100)).subarray(0, 50)],
    ['is empty', Buffer.alloc(0)],
    ['was made with another key', Buffer.alloc(64, 7)],
  ])('fails typed, without secrets, when the ciphertext %s', (_, ciphertext) => {
    const decryptor = new SegmentDecryptor({ key, iv, url });
    decryptor.push(ciphertext);
    let thrown: unknown;
    try {
      decryptor.finish();
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toBeInstanceOf(HlsError);
    expect(thrown).toMatchObject({ code: 'hls/bad-ciphertext', url: 'https://media.test/s.ts' });
    expect(String(thrown)).not.toMatch(/secret|0011|ffee/u);
  });
});

it('makes the implicit IV of the media sequence number, big-endian', () => {
  expect(Buffer.from(implicitIv(0x0102030405)).toString('hex')).toBe('00000000000000000000000102030405');
});

it('names key and IV without telling them', () => {
  const id = transformId(key, iv);
  expect(id).toBe(transformId(Buffer.from(key), Buffer.from(iv)));
  expect(new Set([id, transformId(key, Buffer.alloc(16)), transformId(Buffer.alloc(16), iv)]).size).toBe(3);
  expect(id).not.toContain(key.toString('hex').slice(0, 8));
});
