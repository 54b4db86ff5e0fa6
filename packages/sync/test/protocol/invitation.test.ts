import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { SyncError } from '@tutti/sync';
import {
  AttemptLimit,
  createNonce,
  createSecret,
  formatInvitation,
  formatSecret,
  parseInvitation,
  parseSecret,
  PartyKeys,
} from '@tutti/sync/protocol';

const secret = Uint8Array.from({ length: 16 }, (_, index) => index * 17);
const text = 'AAISEM2EKVTHPCEZVK54ZXPO74';

describe('an invitation', () => {
  test('is this text', () => {
    expect(formatSecret(secret)).toBe(text);
    expect(formatInvitation({ host: '192.168.1.20', port: 17401, secret })).toBe(`tutti://192.168.1.20:17401/#${text}`);
    expect(formatInvitation({ host: 'fe80::1', port: 1, secret: undefined })).toBe('tutti://[fe80::1]:1/');
  });

  test.each([
    [`tutti://192.168.1.20:17401/#${text}`, '192.168.1.20', 17401, secret],
    [`TUTTI://kitchen.local/#${text.toLowerCase()}`, 'kitchen.local', 17401, secret],
    ['kitchen.local', 'kitchen.local', 17401, undefined],
    ['kitchen:99', 'kitchen', 99, undefined],
    ['fe80::1', 'fe80::1', 17401, undefined],
    ['[fe80::1]:99', 'fe80::1', 99, undefined],
  ])('%s is read', (given, host, port, wanted) => {
    expect(parseInvitation(given)).toEqual({ host, port, secret: wanted });
  });

  test.each(['', 'http://a/b', 'a:b', 'tutti://a/path', 'tutti://u:p@a/', `tutti://a/#${text}A`, `tutti://a/#${text.slice(1)}`])(
    '%s is refused without repeating it',
    (given) => {
      const error = caught(() => parseInvitation(given));
      expect(error).toBeInstanceOf(SyncError);
      expect(error.code).toBe('sync/bad-invitation');
      if (given !== '') expect(error.message).not.toContain(given);
    },
  );

  test('keeps every secret whole, however it is typed', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), (bytes) => {
        const spaced = formatSecret(bytes)
          .toLowerCase()
          .replace(/(.{4})/g, '$1-');
        expect(parseSecret(spaced)).toEqual(bytes);
      }),
    );
    expect(createSecret()).not.toEqual(createSecret());
  });
});

describe('party keys', () => {
  const keys = new PartyKeys(secret);
  const nonces = { host: 'h'.repeat(22), node: 'n'.repeat(22) };

  test('are these', () => {
    expect(keys.mediaToken).toBe('V-LhmJtpBwgSGEcBX20e8fwzQtLgmMUH8kJxNboYdrE');
    expect(keys.proof('node', 'session', nonces)).toBe('uRGudX6vSztd3MNvcFI7tJkGGRA6MB1b-W37qceoLnE');
    expect(Buffer.from(keys.clockKey(nonces)).toString('hex').slice(0, 16)).toBe('51b14c5887715d6d');
  });

  test('prove the secret to one side, in one session, for one pair of nonces', () => {
    const proof = keys.proof('node', 'session', nonces);
    expect(keys.isProof(proof, 'node', 'session', nonces)).toBe(true);
    expect(keys.isProof(proof, 'host', 'session', nonces)).toBe(false);
    expect(keys.isProof(proof, 'node', 'other', nonces)).toBe(false);
    expect(keys.isProof(proof, 'node', 'session', { ...nonces, host: createNonce() })).toBe(false);
    expect(keys.isProof(proof, 'node', 'session', { ...nonces, node: createNonce() })).toBe(false);
    expect(keys.isProof('', 'node', 'session', nonces)).toBe(false);
    expect(new PartyKeys(createSecret()).isProof(proof, 'node', 'session', nonces)).toBe(false);
  });

  test('differ by purpose and connection, and none is the secret', () => {
    const all = [
      Buffer.from(keys.clockKey(nonces)).toString('base64url'),
      Buffer.from(keys.clockKey({ ...nonces, node: createNonce() })).toString('base64url'),
      keys.mediaToken,
      keys.proof('host', 's', nonces),
      keys.proof('node', 's', nonces),
    ];
    expect(new Set(all).size).toBe(all.length);
    for (const each of all) expect(each).not.toContain(Buffer.from(secret).toString('base64url'));
  });
});

describe('wrong proofs', () => {
  test('five lock their address for a minute, and only that', () => {
    let nowMs = 1000;
    const limit = new AttemptLimit(() => nowMs);
    for (let attempt = 0; attempt < 5; attempt++) {
      expect(limit.waitMs('a')).toBe(0);
      limit.wrong('a');
    }
    expect(limit.waitMs('a')).toBe(60_000);
    expect(limit.waitMs('b')).toBe(0);
    nowMs += 59_999;
    expect(limit.waitMs('a')).toBe(1);
    nowMs += 1;
    expect(limit.waitMs('a')).toBe(0);
  });

  test('a right one clears the count', () => {
    const limit = new AttemptLimit(() => 0);
    for (let attempt = 0; attempt < 4; attempt++) limit.wrong('a');
    limit.right('a');
    for (let attempt = 0; attempt < 4; attempt++) limit.wrong('a');
    expect(limit.waitMs('a')).toBe(0);
  });
});

function caught(action: () => unknown): SyncError {
  try {
    action();
  } catch (error) {
    return error as SyncError;
  }
  throw new Error('nothing was thrown');
}
